package balancer

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/internal/virtual"
	"github.com/fairlead-go/fairlead/sla"
)

// Updates keep what was counted for tiers and contracts that stay, also for calls
// that are under way.
func TestUpdateKeepsCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.router(t, promising())
		w.latency = 20 * time.Millisecond
		one := func() {
			if _, err := w.call(acme, r, Call{Service: "api"}); err != nil {
				t.Error(err)
			}
		}
		one()
		done := make(chan bool)
		go func() { one(); close(done) }()
		time.Sleep(time.Millisecond)
		next := promising()
		slices.Reverse(next.Contracts)
		next.Contracts[0].Target = 0.5
		next.Contracts = next.Contracts[:1] // acme alone, at another place
		next.Tiers = append([]sla.Tier{{Name: "new"}}, next.Tiers...)
		if err := r.Update(next); err != nil {
			t.Fatal(err)
		}
		<-done
		one()
		if tier, contract := totals(t, r); tier != (sla.Totals{Good: 3}) || contract != (sla.Counts{Good: 3}) {
			t.Errorf("tier %+v, contract %+v", tier, contract)
		}
		// One whose contract goes while it is under way counts in its tier.
		done = make(chan bool)
		go func() { one(); close(done) }()
		time.Sleep(time.Millisecond)
		next.Contracts = nil
		if err := r.Update(next); err != nil {
			t.Fatal(err)
		}
		<-done
		if tier, _ := totals(t, r); tier != (sla.Totals{Good: 4}) {
			t.Errorf("tier %+v", tier)
		}
		if got := r.Report(); len(got.Contracts) != 0 || got.Compliance != 100 || len(got.Tiers) != 3 {
			t.Errorf("%+v", got)
		}
	})
}

// A service that speaks two protocols has one promise for each tier.
func TestOnePromiseForBothProtocols(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := promising()
		for name, c := range cfg.Services["api"].Clouds {
			c.GRPC = []string{"10.0.9.1:90"}
			cfg.Services["api"].Clouds[name] = c
		}
		w := newWorld()
		r := w.router(t, cfg)
		for p := range Protocol(protocols) {
			if _, err := w.call(acme, r, Call{Service: "api", Protocol: p}); err != nil {
				t.Fatal(err)
			}
		}
		if tier, contract := totals(t, r); tier != (sla.Totals{Good: 2}) || contract != (sla.Counts{Good: 2}) {
			t.Errorf("tier %+v, contract %+v", tier, contract)
		}
		if tiers := r.Report().Tiers; len(tiers) != 2 {
			t.Errorf("%+v", tiers)
		}
	})
}

// The budget loop, in virtual time: an outage of a whole service after an hour
// without a failure burns 14.4 times too fast after 51.84 s. From then on calls of
// unprotected tiers aren't hedged, and 295.68 s after the last bad call they are
// again. Both within a second.
func TestBudgetLoop(t *testing.T) {
	if raceEnabled {
		t.Skip("one goroutine and 6 virtual hours: minutes under the race detector")
	}
	cfg := promising()
	cfg.Tiers[0].Hedge, cfg.Tiers[1].Hedge = 0.02, 0.02
	now := time.Duration(0)
	machine := &virtual.Machine{
		Now:   func() time.Duration { return now },
		Rand:  func() uint64 { return uint64(now) * 0x9e3779b97f4a7c15 },
		Probe: func(virtual.Probe, func(health.Outcome)) {},
	}
	r, err := New(cfg, Simulated(machine))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx := sla.WithTier(context.Background(), "critical")
	hedges := func() (protected, unprotected bool) {
		s, err := r.table.Load().service("api", HTTP)
		if err != nil {
			t.Fatal(err)
		}
		return s.tiers[0].mayHedge, s.tiers[1].mayHedge
	}
	// run makes 20 calls a second until the hedging of the unprotected tier is so.
	run := func(kind health.Kind, most time.Duration, until bool) time.Duration {
		began := now
		for now-began < most {
			r.Count(ctx, Call{Service: "api"}, 0, health.Outcome{Kind: kind}, nil)
			now += machine.StepEvery
			r.Report() // whoever looks, and however often, changes nothing
			machine.Step()
			if _, unprotected := hedges(); unprotected == until {
				break
			}
		}
		return now - began
	}
	for now < 6*time.Hour { // so that no window of the first two rules is empty
		for range 20 {
			r.Count(ctx, Call{Service: "api"}, 0, health.Outcome{Kind: health.OK}, nil)
		}
		now += time.Second
		machine.Step()
	}
	if got, want := run(health.Failed, time.Hour, false), 51840*time.Millisecond; (got - want).Abs() > time.Second {
		t.Errorf("burns after %v, want %v", got, want)
	}
	if protected, _ := hedges(); !protected {
		t.Error("the protected tier isn't hedged any more")
	}
	status := r.Status().Services[0].Tiers
	if b := status[0].Promise.Burns[0]; !b.Firing || b.LongRate < 14.4 || b.LongRate > 15 || !status[0].Hedges || status[1].Hedges {
		t.Errorf("%+v, %+v", status[0], status[1].Hedges)
	}
	if got, want := run(health.OK, time.Hour, true), 295680*time.Millisecond; (got - want).Abs() > time.Second {
		t.Errorf("burns no longer after %v, want %v", got, want)
	}
}

// Calls that are shed for lack of capacity count against the promise, each once,
// and never against a cloud.
func TestShedCallsCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := promising()
		cfg.Instances = 1
		for name, c := range cfg.Services["api"].Clouds {
			c.Capacity = 20
			cfg.Services["api"].Clouds[name] = c
		}
		w := newWorld()
		r := w.router(t, cfg)
		errs := w.load(r, "standard", 2000, 5*time.Millisecond) // 200 a second
		shed := 0
		for _, err := range errs {
			var e *sla.ShedError
			if !errors.As(err, &e) {
				t.Fatal(err)
			}
			shed++
		}
		status := r.Status()
		tier := status.Services[0].Tiers[1]
		if want := (sla.Totals{Good: uint64(2000 - shed), Bad: uint64(shed), Shed: uint64(shed)}); tier.Calls != want || shed < 1000 {
			t.Errorf("counted %+v, want %+v", tier.Calls, want)
		}
		if counted := tier.ShedCalls.Capacity + tier.ShedCalls.InFlight; counted != tier.Calls.Shed {
			t.Errorf("%d decisions to shed, %d calls shed", counted, tier.Calls.Shed)
		}
		if left := tier.Promise.Left; left >= 0 {
			t.Errorf("%v of the budget left", left)
		}
		for _, c := range status.Services[0].Clouds {
			if c.Counts.Bad > 0 || c.State != health.Healthy {
				t.Errorf("%+v", c)
			}
		}
	})
}
