package admission

import (
	"context"
	"testing"

	"github.com/fairlead-go/fairlead/sla"
)

func TestRestore(t *testing.T) {
	background := context.Background()
	acme := sla.Caller{Product: "dispatch", Customer: "acme"}
	rules := threeTiers(sla.Rule{Product: "dispatch", Tier: "critical"}, sla.Rule{Method: "POST /bulk", Tier: "batch"})
	const unsaid = -1
	for _, test := range []struct {
		name       string
		classifier *sla.Classifier
		ctx        context.Context
		arrival    Arrival
		tier       int    // in the server
		named      string // in the context
		level      int    // in the context
		caller     sla.Caller
	}{
		{"nothing", nil, background, Arrival{}, 0, "", unsaid, sla.Caller{}},
		{"zero classifier", new(sla.Classifier), background, Arrival{}, 0, "", unsaid, sla.Caller{}},
		{"fallback", rules, background, Arrival{}, 1, "standard", unsaid, sla.Caller{}},
		{"rule for the method", rules, background, Arrival{Method: "POST /bulk"}, 2, "batch", unsaid, sla.Caller{}},
		{"rule for the caller", rules, background, Arrival{Caller: acme}, 0, "critical", unsaid, acme},
		{"rule for the caller in the context", rules, sla.WithCaller(background, acme), Arrival{}, 0, "critical", unsaid, acme},
		{"the server's caller before the context's", rules, sla.WithCaller(background, acme),
			Arrival{Caller: sla.Caller{Product: "web"}}, 1, "standard", unsaid, sla.Caller{Product: "web"}},

		{"trusted", rules, background, Arrival{Tier: []string{"batch"}, Level: []string{"7"}}, 2, "batch", 7, sla.Caller{}},
		{"trusted before rules", rules, background, Arrival{Caller: acme, Tier: []string{"batch"}}, 2, "batch", unsaid, acme},
		{"trusted without a classifier", nil, background, Arrival{Tier: []string{"batch"}, Level: []string{"0"}}, 0, "batch", 0, sla.Caller{}},
		{"a tier that others know", rules, background, Arrival{Caller: acme, Tier: []string{"gold"}}, 0, "gold", unsaid, acme},
		{"only a level", rules, background, Arrival{Level: []string{"127"}}, 1, "standard", 127, sla.Caller{}},
		{"malformed tier", rules, background, Arrival{Tier: []string{"Batch"}, Level: []string{"7"}}, 1, "standard", 7, sla.Caller{}},
		{"malformed level", rules, background, Arrival{Tier: []string{"batch"}, Level: []string{"128"}}, 2, "batch", unsaid, sla.Caller{}},
		{"repeated", rules, background, Arrival{Tier: []string{"batch", "batch"}, Level: []string{"1", "1"}}, 1, "standard", unsaid, sla.Caller{}},

		{"the server's own code said so before", rules, sla.WithLevel(sla.WithTier(background, "critical"), 3),
			Arrival{Tier: []string{"batch"}, Level: []string{"7"}}, 0, "critical", 3, sla.Caller{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, tier := New(Config{Classifier: test.classifier}).Restore(test.ctx, test.arrival)
			named, _ := sla.TierFrom(ctx)
			caller, _ := sla.CallerFrom(ctx)
			level := unsaid
			if l, ok := sla.LevelFrom(ctx); ok {
				level = int(l)
			}
			if tier != test.tier || named != test.named || level != test.level || caller != test.caller {
				t.Errorf("tier %d, %q, level %d, caller %+v; want %d, %q, %d, %+v",
					tier, named, level, caller, test.tier, test.named, test.level, test.caller)
			}
		})
	}
}

// TestRestoredClassIsThatOfFurtherCalls: a client in the server gives the same
// class to the calls that it makes from there.
func TestRestoredClassIsThatOfFurtherCalls(t *testing.T) {
	rules := threeTiers()
	for level := range uint8(128) {
		ctx, tier := New(Config{Classifier: rules}).Restore(context.Background(),
			Arrival{Caller: sla.Caller{Customer: "acme"}, Tier: []string{"batch"}, Level: []string{sla.FormatLevel(level)}})
		want := sla.Class{Tier: tier, Level: level}
		if got := rules.Classify(ctx, "GET /", 20_000, 0x9e3779b97f4a7c15); got != want {
			t.Fatalf("%+v, want %+v", got, want)
		}
	}
}
