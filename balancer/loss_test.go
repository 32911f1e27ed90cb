package balancer

import (
	"context"
	"math"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// The main promise, for each way in which a cloud can go: no idempotent call of
// a protected tier fails, and within a second the cloud has less than 1 % of
// the calls.
func TestCloudIsLostUnderLoad(t *testing.T) {
	for name, fault := range map[string]rule{"refuses": refuses, "is silent": silent, "fails": fails, "breaks": broken} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				r := w.router(t, testConfig())
				if errs := w.load(r, "critical", 1000, 5*time.Millisecond); len(errs) > 0 {
					t.Fatalf("before: %v", errs[0])
				}
				w.set("a", fault)
				if errs := w.load(r, "critical", 200, 5*time.Millisecond); len(errs) > 0 {
					t.Fatalf("%d calls failed: %v", len(errs), errs[0])
				}
				// A second later.
				s := share(r, "critical", "a")
				if s.Fraction >= 0.01 || s.Reason != failover.ReasonDown {
					t.Errorf("share is %v", s)
				}
				if got := state(r, "a"); got.State != health.Down || got.Reason == "" {
					t.Errorf("%v", got)
				}
				before := w.count("a")
				if errs := w.load(r, "critical", 200, 5*time.Millisecond); len(errs) > 0 {
					t.Fatalf("%d calls failed: %v", len(errs), errs[0])
				}
				if n := w.count("a") - before; n > 0 {
					t.Errorf("%d attempts at the lost cloud", n)
				}
			})
		})
	}
}

// The way back is a ramp: never more than 10 points of share per second, and
// the split is what it was in the end.
func TestCloudComesBackByARamp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.router(t, testConfig())
		w.load(r, "standard", 400, 5*time.Millisecond)
		w.set("a", refuses)
		w.load(r, "standard", 400, 5*time.Millisecond)
		if got := state(r, "a").State; got != health.Down {
			t.Fatalf("a is %v", got)
		}
		w.set("a", fine)
		last, seen := 0.0, map[health.State]bool{}
		begun := time.Now()
		for second := range 30 {
			if errs := w.load(r, "standard", 200, 5*time.Millisecond); len(errs) > 0 {
				t.Fatalf("second %d: %v", second, errs[0])
			}
			now := share(r, "standard", "a").Fraction
			// The plan moves by steps: one more may fall between two readings.
			most := 0.1 * (time.Since(begun) + stepEvery).Seconds()
			begun = time.Now()
			if now-last > most+1e-9 {
				t.Errorf("second %d: share rose from %.3f to %.3f", second, last, now)
			}
			last = now
			seen[state(r, "a").State] = true
		}
		if math.Abs(last-0.7) > 1e-9 || !seen[health.Recovering] || state(r, "a").State != health.Healthy {
			t.Errorf("share %.3f, states %v, now %v", last, seen, state(r, "a"))
		}
	})
}

// A service of its own doesn't pay for another's deployment.
func TestStateIsPerService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.Services["maps"] = Service{Clouds: map[string]ServiceCloud{
			"a": {HTTP: []string{"http://10.1.0.1"}}, "b": {HTTP: []string{"http://10.1.1.1"}},
		}}
		w := newWorld()
		r := w.router(t, cfg)
		w.set("10.0.0.1:80", fails)
		w.set("10.0.0.2:80", fails)
		w.load(r, "critical", 400, 5*time.Millisecond)
		for _, s := range r.Status().Services {
			want := map[string]health.State{"api": health.Down, "maps": health.Healthy}[s.Name]
			if got := s.Clouds[0].State; got != want {
				t.Errorf("%s in a is %v, want %v", s.Name, got, want)
			}
		}
	})
}

// Without a prober of an adapter, a cloud that went silent comes back by
// canaries, and by few of them while it stays silent.
func TestCloudComesBackWithoutProber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		cfg := testConfig()
		r, err := New(cfg, WithDialer(func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe() // the kernel accepts, whatever the process does
			far.Close()
			return near, nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		w.load(r, "standard", 400, 5*time.Millisecond)
		w.set("a", silent)
		w.load(r, "critical", 200, 5*time.Millisecond)
		if got := state(r, "a"); got.State != health.Down {
			t.Fatalf("%v", got)
		}
		before := w.count("a")
		if errs := w.load(r, "standard", 12_000, 5*time.Millisecond); len(errs) > 0 {
			t.Errorf("%d calls failed: %v", len(errs), errs[0])
		}
		if n := w.count("a") - before; n == 0 || n > 300 {
			t.Errorf("%d canaries in a minute", n)
		}
		w.set("a", fine)
		w.load(r, "standard", 24_000, 5*time.Millisecond)
		if s := share(r, "standard", "a"); math.Abs(s.Fraction-0.7) > 1e-9 {
			t.Errorf("share is %v two minutes after the thaw: %v", s, state(r, "a"))
		}
	})
}

// When the last cloud falls for a moment, calls don't go to one that is known to
// be lost.
func TestLastCloudIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.router(t, testConfig())
		w.load(r, "critical", 400, 5*time.Millisecond)
		w.set("a", refuses)
		w.load(r, "critical", 600, 5*time.Millisecond)
		before := w.count("a")
		w.set("b", silent)
		time.AfterFunc(400*time.Millisecond, func() { w.set("b", fine) })
		w.load(r, "critical", 200, 5*time.Millisecond)
		if s := r.Status().Services[0]; s.Held != "the last cloud that served went down" {
			t.Errorf("held: %q; %v", s.Held, s.Clouds)
		}
		if errs := w.load(r, "critical", 2000, 5*time.Millisecond); len(errs) > 0 {
			t.Errorf("%d calls failed after the pause, such as %v", len(errs), errs[0])
		}
		if n := w.count("a") - before; n > 0 {
			t.Errorf("%d attempts at the cloud that is known to be lost", n)
		}
	})
}

// A cloud on its way back gets what its gate lets through, retries included.
func TestRetriesKeepTheGates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.router(t, testConfig())
		w.load(r, "standard", 400, 5*time.Millisecond)
		w.set("a", refuses)
		w.load(r, "standard", 400, 5*time.Millisecond)
		w.set("a", fine)
		for state(r, "a").State != health.Recovering {
			time.Sleep(stepEvery)
		}
		if s := share(r, "critical", "a"); s.Fraction != 0 {
			t.Fatalf("share is %v", s)
		}
		ctx := sla.WithTier(t.Context(), "critical")
		for range 5 {
			first, err := r.Pick(ctx, Call{Service: "api"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			first.Done(health.Outcome{Kind: health.Overloaded})
			again, err := r.Pick(ctx, Call{Service: "api"}, []Attempt{first})
			if err != nil {
				t.Fatal(err)
			}
			again.Done(health.Outcome{Kind: health.OK})
			if again.Cloud() != "b" || again.Endpoint() == first.Endpoint() {
				t.Errorf("after %s a retry went to %s in %s", first.Endpoint(), again.Endpoint(), again.Cloud())
			}
		}
	})
}

// A cloud that falls on its way back was doubted already: it isn't held.
func TestRelapsedCloudIsNotHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.router(t, testConfig())
		w.load(r, "standard", 400, 5*time.Millisecond)
		w.set("a", refuses)
		w.load(r, "standard", 400, 5*time.Millisecond)
		w.set("a", fine)
		for state(r, "a").State != health.Recovering {
			time.Sleep(stepEvery)
		}
		w.set("a", refuses)
		w.set("b", refuses)
		w.load(r, "standard", 200, 5*time.Millisecond)
		if r.Status().Services[0].Held != "" && share(r, "standard", "a").Fraction > 0 {
			t.Errorf("a is %v with %v", state(r, "a"), share(r, "standard", "a"))
		}
	})
}
