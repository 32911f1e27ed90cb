package balancer

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
)

// While observing, everything is decided and nothing is done.
func TestObserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.Observe = "b"
		w := newWorld()
		r := w.router(t, cfg)
		w.load(r, "standard", 500, 5*time.Millisecond)
		if a, b := w.count("a"), w.count("b"); a != 0 || b != 500 {
			t.Errorf("a got %d calls, b %d", a, b)
		}
		for _, tier := range r.Status().Services[0].Tiers {
			if tier.Name == "standard" && (len(tier.Decided) != 2 || tier.Decided[0] < 300 || tier.Decided[0]+tier.Decided[1] != 500) {
				t.Errorf("decided %v", tier.Decided)
			}
		}
		// A retry stays as well.
		w.set("10.0.1.1:80", refuses)
		if errs := w.load(r, "critical", 50, 5*time.Millisecond); len(errs) > 0 || w.count("a") != 0 {
			t.Errorf("%d errors, %d attempts at a", len(errs), w.count("a"))
		}
	})
}

// While observing, neither panic nor a drain nor a lookup of the others matters.
func TestObserveSendsEveryCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.Observe, cfg.Failover = "a", failover.Settings{Panic: failover.PanicFail, MinClouds: 2}
		w := newWorld()
		w.set("b", refuses)
		r := w.router(t, cfg)
		time.Sleep(20 * time.Second)
		if got := state(r, "b").State; got != health.Down {
			t.Fatalf("b is %v", got)
		}
		if errs := w.load(r, "standard", 100, 5*time.Millisecond); len(errs) > 0 || w.count("a") != 100 {
			t.Errorf("%d calls failed, a got %d", len(errs), w.count("a"))
		}
		if err := r.Drain("a"); err == nil || !strings.Contains(err.Error(), "while it is observed") {
			t.Errorf("drain: %v", err)
		}
	})
}
