package balancer

import (
	"context"
	"fmt"
	"testing"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// A pick and its Done allocate nothing, whatever the context says and however
// many rules there are.
func TestAllocPick(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, rules := range []int{0, 1, 20} {
		r := benchRouter(t, 5)
		cfg := testConfig()
		for i := range rules {
			cfg.Assign = append(cfg.Assign, sla.Rule{Customer: fmt.Sprintf("partner-%d-*", i), Tier: "critical"})
		}
		if err := r.Update(cfg); err != nil {
			t.Fatal(err)
		}
		for name, ctx := range map[string]context.Context{
			"nothing": context.Background(),
			"tier":    sla.WithTier(context.Background(), "critical"),
			"caller":  sla.WithCaller(context.Background(), sla.Caller{Product: "dispatch", Customer: "acme"}),
		} {
			n := testing.AllocsPerRun(1000, func() {
				a, err := r.Pick(ctx, Call{Service: "api", Method: "GET /v1/route", Idempotent: true}, nil)
				if err != nil {
					t.Fatal(err)
				}
				a.Done(health.Outcome{Kind: health.OK, Reason: "fine"})
			})
			if n != 0 {
				t.Errorf("%d rules, %s: %g allocations", rules, name, n)
			}
		}
	}
}
