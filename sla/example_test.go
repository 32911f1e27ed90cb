package sla_test

import (
	"context"
	"fmt"
	"time"

	"github.com/fairlead-go/fairlead/sla"
)

func ExampleClassifier() {
	tiers := []sla.Tier{
		{Name: "critical", Protected: true},
		{Name: "standard"},
		{Name: "batch"},
	}
	rules := []sla.Rule{
		{Product: "dispatch", Tier: "critical"},
		{Customer: "partner-*", Method: "GET /v1/*", Tier: "batch"},
	}
	key, err := sla.ParseLevelKey("a secret that all processes share")
	if err != nil {
		fmt.Println(err)
		return
	}
	classifier, err := sla.NewClassifier(tiers, rules, "standard", key)
	if err != nil {
		fmt.Println(err)
		return
	}

	today := sla.DayOf(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	show := func(ctx context.Context) {
		class := classifier.Classify(ctx, "GET /v1/route", today, 0)
		fmt.Printf("%s, level %d\n", tiers[class.Tier].Name, class.Level)
	}
	ctx := context.Background()
	show(sla.WithCaller(ctx, sla.Caller{Product: "dispatch", Customer: "acme"}))
	show(sla.WithCaller(ctx, sla.Caller{Product: "web", Customer: "partner-7"}))
	show(sla.WithTier(sla.WithCaller(ctx, sla.Caller{Product: "web", Customer: "partner-7"}), "critical"))

	show(sla.WithTier(ctx, "platinum"))
	fmt.Println("unknown:", classifier.Unknown())
	// Output:
	// critical, level 40
	// batch, level 49
	// critical, level 49
	// standard, level 0
	// unknown: [platinum]
}

func ExampleLevel() {
	key, err := sla.ParseLevelKey("a secret that all processes share")
	if err != nil {
		fmt.Println(err)
		return
	}
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, at := range []time.Time{noon, noon.Add(11 * time.Hour), noon.Add(12 * time.Hour)} {
		fmt.Println(at.Format("2 Jan 15:04"), "level", sla.Level(key, "acme", sla.DayOf(at)))
	}
	fmt.Println("the key prints as", key)
	// Output:
	// 1 Mar 12:00 level 40
	// 1 Mar 23:00 level 40
	// 2 Mar 00:00 level 127
	// the key prints as [redacted]
}
