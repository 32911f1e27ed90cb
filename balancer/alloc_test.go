package balancer

import (
	"context"
	"testing"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// A pick and its Done allocate nothing, with a tier in the context, with a
// caller whose rule is looked up, and without either.
func TestAllocPick(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	r := benchRouter(t, 5)
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
			t.Errorf("%s: %g allocations", name, n)
		}
	}
}
