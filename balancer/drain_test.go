package balancer

import (
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

func TestDrainAndResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.router(t, testConfig())
		w.load(r, "standard", 200, 5*time.Millisecond)
		if err := r.Drain("a"); err != nil {
			t.Fatal(err)
		}
		if s := share(r, "standard", "a"); s.Fraction != 0 || s.Reason != failover.ReasonDrained {
			t.Errorf("share is %v", s)
		}
		before := w.count("a")
		w.load(r, "standard", 200, 5*time.Millisecond)
		if n := w.count("a") - before; n > 0 {
			t.Errorf("%d attempts at the drained cloud", n)
		}
		for _, test := range []struct{ cloud, problem string }{
			{"b", "tier critical of service api would be left with 0 of its 2 clouds, and must keep 1"},
			{"c", "no such cloud in the config, which has [a b]"},
		} {
			if err := r.Drain(test.cloud); err == nil || !strings.Contains(err.Error(), test.problem) {
				t.Errorf("drain %s: %v", test.cloud, err)
			}
		}
		if err := r.Resume("a"); err != nil {
			t.Fatal(err)
		}
		if s := share(r, "standard", "a"); s.Fraction > 0.1 {
			t.Errorf("share is %v at once", s)
		}
		if s := state(r, "a"); s.State != health.Recovering || !strings.HasPrefix(s.Gate, "gate 1 %") {
			t.Errorf("the cloud is %v, %s", s, s.Gate)
		}
		w.load(r, "standard", 5000, 4*time.Millisecond) // the gates take calls
		if s := share(r, "standard", "a"); math.Abs(s.Fraction-0.7) > 1e-9 {
			t.Errorf("share is %v after 20 s", s)
		}
		if err := r.Resume("c"); err == nil {
			t.Error("resumed an unknown cloud")
		}
	})
}

// What would leave nothing is refused.
func TestLastCloudCannotBeTakenAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.router(t, testConfig())
		w.load(r, "critical", 200, 5*time.Millisecond)
		if err := r.Drain("a"); err != nil {
			t.Fatal(err)
		}
		cfg := testConfig()
		delete(cfg.Services["api"].Clouds, "b")
		delete(cfg.Clouds, "b")
		if err := r.Update(cfg); err == nil || !strings.Contains(err.Error(), "tier critical of service api would be left with 0 of its 1 clouds") {
			t.Errorf("update: %v", err)
		}
		if err := r.Resume("a"); err != nil {
			t.Fatal(err)
		}
		w.load(r, "critical", 6000, 5*time.Millisecond) // its share comes back
		w.set("a", refuses)
		w.load(r, "critical", 200, 5*time.Millisecond)
		if err := r.Drain("b"); err == nil || !strings.Contains(err.Error(), "would be left with 0 of its 2 clouds") {
			t.Errorf("drain: %v", err)
		}
	})
}

// A drain for some services leaves the others where they are.
func TestDrainForServices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.Services["web"] = cfg.Services["api"]
		w := newWorld()
		r := w.router(t, cfg)
		ctx := sla.WithTier(t.Context(), "standard")
		load := func(service string) (atA int) {
			before := w.count("a")
			for range 200 {
				if _, err := w.call(ctx, r, Call{Service: service, Idempotent: true}); err != nil {
					t.Fatal(err)
				}
			}
			return w.count("a") - before
		}
		load("api")
		load("web")
		unknown := func() {
			t.Helper()
			for _, services := range [][]string{{"web", "who"}, {"who"}} {
				if err := r.Drain("a", ForServices(services...)); err == nil || !strings.Contains(err.Error(), "no such service in the config, which has [api web]") {
					t.Errorf("drained for %q: %v", services, err)
				}
			}
			if err := r.Drain("who", ForServices("who")); err == nil || !strings.Contains(err.Error(), "no such cloud") {
				t.Errorf("drained a cloud that there isn't: %v", err)
			}
		}
		unknown()
		if err := r.Drain("a", ForServices("web")); err != nil {
			t.Fatal(err)
		}
		unknown()
		if n := load("web"); n > 0 {
			t.Errorf("%d attempts of the drained service", n)
		}
		if n := load("api"); n < 100 {
			t.Errorf("%d attempts of the other one at the cloud that it prefers", n)
		}
		if err := r.Drain("b", ForServices("api")); err != nil {
			t.Errorf("each service has a cloud left: %v", err)
		}
		if err := r.Drain("b"); err == nil || !strings.Contains(err.Error(), "service web would be left with 0 of its 2 clouds") {
			t.Errorf("the last cloud of web was drained: %v", err)
		}
		if err := r.Resume("b"); err != nil {
			t.Fatal(err)
		}
		if err := r.Drain("a", ForServices()); err != nil { // for all
			t.Fatal(err)
		}
		if n := load("api"); n > 0 {
			t.Errorf("%d attempts at the drained cloud", n)
		}
	})
}
