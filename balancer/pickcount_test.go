package balancer

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// Picks say nothing about calls; Count does.
func TestCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, promising())
		call := Call{Service: "api"}
		a, err := r.Pick(acme, call, nil)
		if err != nil {
			t.Fatal(err)
		}
		a.Done(health.Outcome{Kind: health.OK})
		if tier, _ := totals(t, r); tier != (sla.Totals{}) {
			t.Errorf("a pick counts: %+v", tier)
		}
		left, leave := context.WithCancel(acme)
		leave()
		ok := health.Outcome{Kind: health.OK}
		r.Count(acme, call, time.Millisecond, ok, nil)
		r.Count(acme, call, time.Second, ok, nil)
		r.Count(acme, call, time.Second, health.Outcome{Kind: health.Failed}, nil)
		r.Count(acme, call, 0, health.Outcome{}, &sla.ShedError{})
		r.Count(left, call, time.Second, health.Outcome{}, nil)
		r.Count(acme, Call{Service: "nothing of the kind"}, 0, ok, nil)
		r.Count(acme, Call{Service: "api", Stream: ClientStream}, time.Second, ok, nil) // silence is no lateness
		if metric := counted(r); metric != (sla.Totals{Good: 2, Bad: 3, Shed: 1}) {
			t.Errorf("the metric says %+v", metric)
		}
		if tier, contract := totals(t, r); tier != (sla.Totals{Good: 2, Bad: 3, Shed: 1}) || contract != (sla.Counts{Good: 2, Bad: 3}) {
			t.Errorf("tier %+v, contract %+v", tier, contract)
		}
	})
}

// Counting allocates nothing: a good call of Do allocates as much with a contract
// and an objective as without.
func TestAllocCount(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	measure := func(cfg *Config) float64 {
		r, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		r.SetProber(HTTP, func(context.Context, Probe) health.Outcome { return health.Outcome{Kind: health.OK} })
		try := func(context.Context, Attempt) (int, health.Outcome, error) {
			return 0, health.Outcome{Kind: health.OK, Reason: "fine"}, nil
		}
		return testing.AllocsPerRun(1000, func() {
			if _, err := Do(acme, r, Call{Service: "api", Idempotent: true}, try, nil); err != nil {
				t.Fatal(err)
			}
		})
	}
	with := promising()
	without := promising()
	without.Contracts = nil
	if a, b := measure(with), measure(without); a > b || a > 5 {
		t.Errorf("%g allocations, %g without a contract; at most 5", a, b)
	}
	r := benchRouter(t, 5)
	if n := testing.AllocsPerRun(1000, func() {
		r.Count(acme, Call{Service: "api"}, time.Millisecond, health.Outcome{Kind: health.OK}, nil)
	}); n != 0 {
		t.Errorf("Count: %g allocations", n)
	}
}
