package balancer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

func drillOf(cloud string, length time.Duration) failover.Change {
	return failover.Change{ID: "drill", Cloud: cloud, End: time.Now().Add(length)}
}

func TestDrillUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		var told []failover.ChangeState
		r := w.router(t, testConfig(), WithTrace(Trace{ChangeEvent: func(s failover.ChangeStatus) { told = append(told, s.State) }}))
		w.both(r, 2*time.Second)
		var report *failover.Report
		var err error
		var wg sync.WaitGroup
		wg.Go(func() { report, err = r.Drill(t.Context(), drillOf("a", 20*time.Second)) })
		failed := w.both(r, time.Second)
		before := w.count("a")
		if status := r.Status(); status.Changes[0].State != failover.ChangeRunning || status.Services[0].Clouds[0].DrainedBy != "drill" {
			t.Errorf("status %+v", status.Changes)
		}
		failed = append(failed, w.both(r, 18*time.Second)...)
		if n := w.count("a") - before; n > 0 {
			t.Errorf("%d attempts at the drained cloud", n)
		}
		failed = append(failed, w.both(r, 30*time.Second)...)
		wg.Wait()
		if err != nil || report.Outcome != failover.Succeeded || report.Restored.IsZero() || report.RTO > time.Second {
			t.Fatalf("%v: %v", err, report)
		}
		if len(failed) > 0 {
			t.Errorf("%d critical calls failed, the first: %v", len(failed), failed[0])
		}
		if calls := report.Tiers[0].Calls; calls < 1950 || calls > 2050 || report.Survivors[0].Cloud != "b" || report.Survivors[0].PeakP99 < w.latency {
			t.Errorf("report:\n%v", report)
		}
		if s := share(r, "critical", "a"); s.Fraction < 0.699 {
			t.Errorf("30 s later the share is %v", s)
		}
		if want := []failover.ChangeState{failover.ChangeRunning, failover.ChangeEnded}; !slices.Equal(told, want) {
			t.Errorf("told %v", told)
		}
	})
}

// A service that speaks two protocols has one promise: its calls stand once in the
// report, its clouds by protocol.
func TestDrillOfTwoProtocols(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.router(t, bothConfig())
		r.SetProber(GRPC, w.probe)
		const each = 300
		var wg sync.WaitGroup
		ctx := sla.WithTier(t.Context(), "critical")
		call := func() {
			for range each {
				for _, p := range []Protocol{HTTP, GRPC} {
					if _, err := w.call(ctx, r, Call{Service: "api", Protocol: p, Idempotent: true}); err != nil {
						t.Error(err)
					}
				}
			}
		}
		call()
		var report *failover.Report
		var err error
		wg.Go(func() { report, err = r.Drill(t.Context(), drillOf("a", 20*time.Second)) })
		synctest.Wait()
		call()
		wg.Wait()
		if err != nil || report.Outcome != failover.Succeeded {
			t.Fatalf("%v: %v", err, report)
		}
		var tiers, clouds []string
		for _, tier := range report.Tiers {
			tiers = append(tiers, fmt.Sprintf("%s %s %d", tier.Service, tier.Tier, tier.Calls))
		}
		for _, c := range report.Survivors {
			clouds = append(clouds, c.Service+" "+c.Protocol+" "+c.Cloud)
		}
		if got, want := strings.Join(tiers, ", "), fmt.Sprintf("api critical %d, api standard 0", 2*each); got != want {
			t.Errorf("tiers %s, want %s", got, want)
		}
		if got, want := strings.Join(clouds, ", "), "api grpc b, api http b"; got != want {
			t.Errorf("clouds that stayed %s, want %s", got, want)
		}
		if text := report.String(); !strings.Contains(text, "\napi over grpc in b ") || strings.Count(text, "api critical") != 1 {
			t.Error(text)
		}
	})
}

// The way back leads through the gates: protected tiers come last.
func TestWayBackAfterDrill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.router(t, testConfig())
		w.both(r, 2*time.Second)
		if _, err := r.Drill(t.Context(), drillOf("a", 5*time.Second)); err != nil {
			t.Fatal(err)
		}
		w.both(r, 100*time.Millisecond)
		if s := state(r, "a"); s.State != health.Recovering || s.Reason != "back from a drain" || !strings.HasPrefix(s.Gate, "gate 1 %") {
			t.Errorf("%v, %s", s, s.Gate)
		}
		if c, s := share(r, "critical", "a"), share(r, "standard", "a"); c.Fraction != 0 || s.Fraction > 0.0071 {
			t.Errorf("shares %v and %v", c, s)
		}
		w.set("a", fails)
		w.both(r, 5*time.Second)
		if s := state(r, "a"); s.State != health.Down {
			t.Errorf("a cloud that doesn't stand its gate is %v", s)
		}
		w.set("a", fine)
		w.both(r, 30*time.Second)
		if s := share(r, "critical", "a"); s.Fraction < 0.699 {
			t.Errorf("share %v", s)
		}
	})
}

func TestDrillWithoutCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		cfg := testConfig()
		service := cfg.Services["api"]
		for name, capacity := range map[string]float64{"a": 200, "b": 80} { // critical offers 100
			cloud := service.Clouds[name]
			cloud.Capacity = capacity
			service.Clouds[name] = cloud
		}
		cfg.Instances = 1
		r := w.router(t, cfg)
		w.both(r, 20*time.Second)
		plan := r.Status().Services[0].Tiers
		report, err := r.Drill(t.Context(), drillOf("a", time.Minute))
		if err != nil || report.Outcome != failover.CapacityCheckFailed || !strings.Contains(report.Reason, "tier critical of service api would lack the capacity for") {
			t.Fatalf("%v: %v", err, report)
		}
		after := r.Status().Services[0].Tiers
		for i := range plan {
			if !slices.Equal(plan[i].Shares, after[i].Shares) {
				t.Errorf("shares were %v and are %v", plan[i].Shares, after[i].Shares)
			}
		}
		if _, by := r.agenda.Drained("api", "a"); by != nil {
			t.Error("something was drained")
		}
		// A drain is refused likewise, and forced at the operator's word.
		var refusal *failover.Refusal
		if err := r.Drain("a"); !errors.As(err, &refusal) || refusal.Rule != failover.RuleCapacity {
			t.Errorf("drain: %v", err)
		}
		if err := r.Drain("a", WithForce()); err != nil {
			t.Fatal(err)
		}
		changes := r.Changes()
		if forced := changes[len(changes)-1].Forced; !strings.HasPrefix(forced, "capacity: tier critical") {
			t.Errorf("forced %q", forced)
		}
	})
}

// A drill that costs protected calls is given up within 2 s of the moment when it
// has burnt too much: 50 bad calls at 100 per second.
func TestDrillBurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.router(t, testConfig())
		w.both(r, 2*time.Second)
		if err := r.Apply(failover.Change{ID: "drill", Kind: failover.KindDrill, Cloud: "a", End: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		w.both(r, 5*time.Second)
		w.set("b", fails)
		began, failed := time.Now(), 0
		for range 10 * 10 {
			failed += len(w.both(r, 100*time.Millisecond))
			if r.Changes()[0].State != failover.ChangeRunning {
				break
			}
		}
		took := time.Since(began)
		change := r.Changes()[0]
		if change.State != failover.ChangeAborted || took > 2500*time.Millisecond || change.Report.Outcome != failover.Failed {
			t.Errorf("after %v and %d failures: %s, %s", took, failed, change.State, change.Reason)
		}
		// The gates yield at once, as nobody else is there.
		if s := share(r, "critical", "a"); s.Fraction < 0.5 {
			t.Errorf("share %v of %v", s, r.Status().Services[0].Clouds)
		}
	})
}

// Each client ends a drill by the clock, whoever began it.
func TestWhoBeganTheDrillDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		cfg := testConfig()
		cfg.Changes = []failover.Change{{
			ID: "weekly", Kind: failover.KindDrill, Cloud: "a", Start: time.Now().Add(5 * time.Second), End: time.Now().Add(15 * time.Second), Repeat: 168 * time.Hour,
		}}
		first, second := w.router(t, cfg), w.router(t, cfg)
		w.both(second, 6*time.Second)
		for _, r := range []*Router{first, second} {
			if s := share(r, "critical", "a"); s.Reason != failover.ReasonDrained {
				t.Errorf("share %v", s)
			}
		}
		first.Close()
		w.both(second, 8500*time.Millisecond)
		if s := share(second, "critical", "a"); s.Reason != failover.ReasonDrained {
			t.Errorf("share %v", s)
		}
		w.both(second, 30*time.Second)
		change := second.Changes()[0]
		if s := share(second, "critical", "a"); s.Fraction < 0.699 || change.Report.Outcome != failover.Succeeded {
			t.Errorf("share %v, %v", s, change.Report)
		}
		if change.Begins.Sub(cfg.Changes[0].Start) != 168*time.Hour {
			t.Errorf("it comes again at %v", change.Begins)
		}
	})
}
