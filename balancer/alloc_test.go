package balancer

import (
	"context"
	"fmt"
	"testing"
	"time"

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

// TestAllocDo bounds what a call allocates that is answered at the first attempt: its
// record and, for an attempt with a time of its own, a context that can be
// canceled. A tier that hedges costs one more: what the hedge would need of the call.
func TestAllocDo(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, test := range []struct {
		name  string
		hedge float64
		most  float64
	}{
		{"not hedged", 0, 3},
		{"hedged, answered in time", 0.02, 4},
	} {
		cfg := testConfig()
		cfg.Tiers[1].Hedge = test.hedge
		r := newWorld().router(t, cfg)
		if h := r.order[0].hedging["standard"]; h != nil {
			h.measured, h.second = time.Hour, 0 // it stays as it is
			h.delay.Store(int64(500 * time.Millisecond))
		}
		ctx := sla.WithTier(context.Background(), "standard")
		answer := func(context.Context, Attempt) (int, health.Outcome, error) {
			return 0, health.Outcome{Kind: health.OK, Reason: "fine"}, nil
		}
		n := testing.AllocsPerRun(1000, func() {
			if _, err := Do(ctx, r, Call{Service: "api", Idempotent: true}, answer, nil); err != nil {
				t.Fatal(err)
			}
		})
		if t.Logf("%s: %g allocations", test.name, n); n > test.most {
			t.Errorf("%s: %g allocations, may be %g", test.name, n, test.most)
		}
		if h := r.order[0].hedging["standard"]; h != nil {
			calls := uint64(0)
			for i := range h.calls {
				calls += h.calls[i].n.Load()
			}
			if calls < 1000 {
				t.Errorf("%d calls were counted", calls)
			}
		}
	}
}
