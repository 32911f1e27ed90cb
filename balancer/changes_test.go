package balancer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/failover"
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

// Status tells what all clients follow from what is this process's own.
func TestSourceOfChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.Changes = []failover.Change{{ID: "nightly", Kind: failover.KindDrain, Cloud: "b", Start: time.Now().Add(time.Hour), End: time.Now().Add(2 * time.Hour)}}
		var told failover.ChangeSource
		r := newWorld().router(t, cfg, WithTrace(Trace{ChangeEvent: func(s failover.ChangeStatus) { told = s.Source }}))
		if err := r.Drain("a"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		changes := r.Status().Changes
		if len(changes) != 2 || changes[0].Source != failover.FromConfig || changes[1].Source != failover.FromApply || told != failover.FromApply {
			t.Errorf("told %q, %+v", told, changes)
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
