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

func ExampleAccount() {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	account := sla.NewAccount(now)
	for i := range 10_000 { // calls count themselves, in any goroutine
		verdict := sla.Good
		if i%2000 == 0 {
			verdict = sla.Bad
		}
		account.Count(verdict, uint64(i))
	}
	now = now.Add(time.Second)
	account.Sweep(now) // every second

	s := account.Standing(now, sla.Objective{Target: 0.999, Window: 720 * time.Hour})
	fmt.Printf("%d good, %d bad, %.0f %% of the budget left, burn rate %.2g\n", s.Good, s.Bad, 100*s.Left, s.Burns[0].LongRate)
	// Output: 9995 good, 5 bad, 50 % of the budget left, burn rate 0.5
}

// Two processes count the calls of the same contract.
func ExampleMerge() {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	counted := func(good, bad int) sla.Snapshot {
		account := sla.NewAccount(now)
		for range good {
			account.Count(sla.Good, 0)
		}
		for range bad {
			account.Count(sla.Bad, 0)
		}
		account.Sweep(now)
		contract := sla.Contract{Name: "acme-dispatch", Product: "dispatch", Customer: "acme", Target: 0.9, Window: 720 * time.Hour}
		return sla.Snapshot{At: now, Contracts: []sla.ContractRecord{{Name: contract.Name, Objective: contract.Objective(), Record: account.Record(now)}}}
	}
	fmt.Print(sla.Merge(counted(60, 4), counted(35, 1)).Report())
	// Output:
	// 2026-03-01 12:00:00 UTC: 1 of 1 contracts have error budget left, 100 %
	//
	// contract                 target      good     in     calls     bad  budget  burn
	// acme-dispatch               90%       95%   720h       100       5     50%   0.5
}
