package balancer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
)

// both makes calls of both tiers for a time, and returns the errors of critical
// ones.
func (w *world) both(r *Router, d time.Duration) (failed []error) {
	var wg sync.WaitGroup
	n := int(d / (10 * time.Millisecond))
	wg.Go(func() { w.load(r, "standard", n, 10*time.Millisecond) })
	failed = w.load(r, "critical", n, 10*time.Millisecond)
	wg.Wait()
	return failed
}

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
		if err != nil || report.Outcome != failover.Succeeded || report.RTO <= 0 || report.RTO > time.Second {
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

// A change that was applied outlives its process, with a store.
func TestChangesSurviveARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "changes")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.router(t, testConfig(), WithStore(ChangeFile(path)))
		end := time.Now().Add(time.Minute)
		if err := r.Apply(failover.Change{ID: "out", Kind: failover.KindDrain, Cloud: "a", End: end}); err != nil {
			t.Fatal(err)
		}
		r.Close()
		time.Sleep(10 * time.Second)
		r = w.router(t, testConfig(), WithStore(ChangeFile(path)))
		if s := share(r, "critical", "a"); s.Reason != failover.ReasonDrained {
			t.Errorf("the first plan after the restart has %v", s)
		}
		time.Sleep(51 * time.Second)
		if c := r.Changes()[0]; c.State != failover.ChangeEnded {
			t.Errorf("%+v", c)
		}
		r.Close()
		if err := os.WriteFile(path, []byte("fairlead-changes 1 sha256:00\n[]"), 0o600); err != nil {
			t.Fatal(err)
		}
		r = w.router(t, testConfig(), WithStore(ChangeFile(path)))
		if len(r.Changes()) > 0 {
			t.Error("took up what is damaged")
		}
		if _, err := os.Stat(path + ".corrupt"); err != nil {
			t.Error(err)
		}
	})
}

func TestApplyRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		cfg := testConfig()
		now := time.Now()
		cfg.Changes = []failover.Change{{ID: "weekly", Kind: failover.KindDrill, Cloud: "a", Start: now.Add(5 * time.Minute), End: now.Add(10 * time.Minute)}}
		r := w.router(t, cfg)
		for _, test := range []struct {
			change failover.Change
			want   string
		}{
			{failover.Change{ID: "x\ny", Kind: failover.KindDrain, Cloud: "a"}, "id: must be a name: "},
			{failover.Change{ID: "x", Kind: failover.KindDrain}, "drain x: cloud: must be a cloud"},
			{failover.Change{ID: "x", Kind: failover.KindDrain, Cloud: "c"}, "drain x: no such cloud in the config, which has [a b]"},
			{failover.Change{ID: "x", Kind: failover.KindDrain, Cloud: "a", Services: []string{"maps"}}, "drain x: no such service in the config, which has [api]"},
			{failover.Change{ID: "x", Kind: failover.KindDrain, Cloud: "a", Start: now.Add(8 * time.Minute)}, "drain x: drill weekly moves the calls of a at the same time"},
			{failover.Change{ID: "x", Kind: failover.KindShift, Weights: map[string]uint32{"a": 1}, Ramp: 10 * time.Minute}, "shift x: drill weekly moves the calls of a at the same time"},
			{failover.Change{ID: "weekly", Kind: failover.KindDrain, Cloud: "a"}, "drain weekly: change weekly is in the config"},
			{failover.Change{ID: "x", Kind: failover.KindDrain, Cloud: "a", End: now.Add(-time.Second)}, "is over since"},
		} {
			if err := r.Apply(test.change); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		}
		if changes := r.Changes(); len(changes) != 1 || changes[0].State != failover.ChangeScheduled {
			t.Errorf("changes are %+v", changes)
		}
		// Together they would leave nothing.
		if err := r.Apply(failover.Change{ID: "one", Kind: failover.KindDrain, Cloud: "b", End: now.Add(8 * time.Minute)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Minute)
		if c := r.Changes()[0]; c.State != failover.ChangeRefused || !strings.Contains(c.Reason, "would be left with 0 of its 2 clouds") {
			t.Errorf("%+v", c)
		}
		if err := r.Cancel("one"); err != nil {
			t.Fatal(err)
		}
		if err := r.Cancel("two"); err == nil {
			t.Error("cancelled what there isn't")
		}
	})
}

// What an operator drains stays out when a drill of the same cloud would be over.
func TestDrainTakesOverFromADrill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.router(t, testConfig())
		var report *failover.Report
		var wg sync.WaitGroup
		wg.Go(func() { report, _ = r.Drill(t.Context(), drillOf("a", 10*time.Second)) })
		time.Sleep(time.Second)
		if err := r.Drain("a", WithGrace(5*time.Second)); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		if report.Outcome != failover.Interrupted || report.Reason != "replaced by drain-a" {
			t.Errorf("%v", report)
		}
		time.Sleep(time.Minute)
		if s := share(r, "critical", "a"); s.Reason != failover.ReasonDrained {
			t.Errorf("share %v", s)
		}
		if err := r.Drain("a"); err != nil {
			t.Errorf("drained twice: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		if err := r.Resume("a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		wg.Go(func() {
			var err error
			if report, err = r.Drill(ctx, drillOf("b", time.Hour)); !errors.Is(err, context.Canceled) {
				t.Errorf("drill: %v", err)
			}
		})
		time.Sleep(time.Second)
		cancel()
		wg.Wait()
		if report.Outcome != failover.Interrupted {
			t.Errorf("%v", report)
		}
	})
}

// A drain with a ramp takes the share away in even steps.
func TestRampedDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.router(t, testConfig())
		w.both(r, time.Second)
		if err := r.Drain("a", WithRamp(20*time.Second)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if s := share(r, "critical", "a"); s.Reason != failover.ReasonDraining || s.Fraction < 0.34 || s.Fraction > 0.36 {
			t.Errorf("half-way the share is %v", s)
		}
		time.Sleep(11 * time.Second)
		if s := share(r, "critical", "a"); s.Reason != failover.ReasonDrained {
			t.Errorf("at the end the share is %v", s)
		}
	})
}

// What is given up isn't in force again after a restart, whatever the hooks do and
// however soon the router is closed. What can't be read back is not written.
func TestAbortIsSaved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "changes")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.router(t, testConfig(), WithStore(ChangeFile(path)))
		if err := r.Apply(failover.Change{ID: "drill", Kind: failover.KindDrill, Cloud: "a", End: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		r.mu.Lock()
		for len(r.pending) < mostNotes { // hooks and log are far behind
			r.note(func() {})
		}
		news, err := r.agenda.Cancel(r.now(), r.clock(), "drill", "as if it were given up")
		if err != nil {
			t.Fatal(err)
		}
		r.tellChanges(news)
		r.mu.Unlock()
		r.Close()
		r = w.router(t, testConfig(), WithStore(ChangeFile(path)))
		if c := r.Changes()[0]; c.State != failover.ChangeCancelled {
			t.Errorf("after the restart it is %s", c.State)
		}
		if err := ChangeFile(path).Save(make([]byte, mostChanges)); err == nil {
			t.Error("saved more than can be loaded")
		}
		if data, err := ChangeFile(path).Load(); err != nil || len(data) == 0 {
			t.Errorf("%d bytes, %v", len(data), err)
		}
	})
}

// A config that ends a drain may do without the other clouds.
func TestUpdateEndsADrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		cfg := testConfig()
		cfg.Changes = []failover.Change{{ID: "out", Kind: failover.KindDrain, Cloud: "a", Start: time.Now()}}
		r := w.router(t, cfg)
		next := testConfig()
		delete(next.Services["api"].Clouds, "b")
		delete(next.Clouds, "b")
		if err := r.Update(next); err != nil {
			t.Error(err)
		}
		next.Changes = cfg.Changes
		if err := r.Update(next); err != nil {
			t.Fatal(err)
		}
		if c := r.Changes()[0]; c.State != failover.ChangeRefused {
			t.Errorf("a drain of the only cloud is %s", c.State)
		}
	})
}
