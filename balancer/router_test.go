package balancer

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/internal/virtual"
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

func TestReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.set("b", silent)
		r := w.router(t, testConfig())
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := r.Ready(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ready before the silent cloud is known: %v", err)
		}
		if err := r.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		if a, b := state(r, "a"), state(r, "b"); a.State != health.Healthy || b.State != health.Down {
			t.Errorf("%v, %v", a, b)
		}
	})
}

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
		time.Sleep(10 * time.Second)
		if s := share(r, "standard", "a"); math.Abs(s.Fraction-0.7) > 1e-9 {
			t.Errorf("share is %v after 10 s", s)
		}
		if err := r.Resume("c"); err == nil {
			t.Error("resumed an unknown cloud")
		}
	})
}

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

func TestTraceTellsWhatHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var picked, answered int
		var states []StateChange
		var plans []failover.Plan
		var configs []error
		w := newWorld()
		var r *Router
		r = w.router(t, testConfig(), WithTrace(Trace{
			Picked:   func(Attempt) { mu.Lock(); picked++; mu.Unlock() },
			Answered: func(Attempt, health.Outcome, time.Duration) { mu.Lock(); answered++; mu.Unlock() },
			StateChanged: func(c StateChange) {
				r.Status() // hooks may call the router
				states = append(states, c)
			},
			PlanChanged:   func(_ string, p failover.Plan) { plans = append(plans, p) },
			ConfigChanged: func(err error) { configs = append(configs, err) },
		}))
		w.load(r, "standard", 200, 5*time.Millisecond)
		w.set("a", refuses)
		w.load(r, "standard", 200, 5*time.Millisecond)
		bad := testConfig()
		bad.Default = "gold"
		if err := r.Update(bad); err == nil {
			t.Error("a bad config was accepted")
		}
		r.Close()
		if picked < 400 || answered != picked {
			t.Errorf("%d picked, %d answered", picked, answered)
		}
		down := StateChange{}
		for _, s := range states {
			if s.To == health.Down {
				down = s
			}
		}
		if down.Cloud != "a" || down.Service != "api" || !strings.Contains(down.Reason, "connection refused") || down.At.IsZero() {
			t.Errorf("states: %v", states)
		}
		if len(plans) < 2 {
			t.Errorf("%d plans", len(plans))
		}
		if len(configs) != 2 || configs[0] != nil || configs[1] == nil {
			t.Errorf("configs: %v", configs)
		}
	})
}

// Close under load: every call ends with an answer or ErrClosed, and no
// goroutine is left, which TestMain checks.
func TestCloseUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.set("b", silent)
		r := w.router(t, testConfig())
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for {
					_, err := w.call(sla.WithTier(context.Background(), "critical"), r, Call{Service: "api", Idempotent: true})
					if errors.Is(err, ErrClosed) {
						return
					}
				}
			})
		}
		time.Sleep(300 * time.Millisecond)
		r.Close()
		r.Close()
		wg.Wait()
		if err := r.Ready(t.Context()); err != nil && !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		if err := r.Update(testConfig()); !errors.Is(err, ErrClosed) {
			t.Errorf("update: %v", err)
		}
		if err := r.Drain("a"); !errors.Is(err, ErrClosed) {
			t.Errorf("drain: %v", err)
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
		w.set("a", refuses)
		w.load(r, "critical", 200, 5*time.Millisecond)
		if err := r.Drain("b"); err == nil || !strings.Contains(err.Error(), "would be left with 0 of its 2 clouds") {
			t.Errorf("drain: %v", err)
		}
	})
}

// The retry budget counts by differences: what clouds that are gone had earned
// and spent stays so.
func TestBudgetAfterCloudsChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.Retry.Floor = 1e-3
		w := newWorld()
		r := w.router(t, cfg)
		w.load(r, "standard", 1000, 5*time.Millisecond)
		r.services["api"].retries.Add(500) // and their attempts
		for range 500 {
			a, err := r.Pick(t.Context(), Call{Service: "api"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			a.Done(health.Outcome{Kind: health.OK})
		}
		time.Sleep(time.Second)
		next := testConfig()
		next.Retry = cfg.Retry
		next.Services["api"] = Service{Clouds: map[string]ServiceCloud{"a": {HTTP: []string{"http://10.0.3.1"}}, "b": {HTTP: []string{"http://10.0.3.2"}}}}
		next.Clouds = map[string]Cloud{"c": {}, "d": {}}
		next.Services["api"] = Service{Clouds: map[string]ServiceCloud{"c": {HTTP: []string{"http://10.0.3.1"}}, "d": {HTTP: []string{"http://10.0.3.2"}}}}
		if err := r.Update(next); err != nil {
			t.Fatal(err)
		}
		for r.services["api"].budget.Withdraw(true) {
		}
		w.load(r, "standard", 400, 5*time.Millisecond)
		if got := r.services["api"].budget.Balance(); got < 35 || got > 41 {
			t.Errorf("400 calls earned %.1f tokens, want 40", got)
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

// What times out while this process stands still isn't held against a cloud.
func TestStallIsExcused(t *testing.T) {
	for _, stood := range []time.Duration{0, time.Second} {
		now := time.Duration(0)
		m := &virtual.Machine{
			Now: func() time.Duration { return now }, Rand: rand.New(rand.NewPCG(1, 2)).Uint64,
			Probe: func(_ virtual.Probe, done func(health.Outcome)) { done(health.Outcome{Kind: health.OK}) },
		}
		r, err := New(testConfig(), Simulated(m))
		if err != nil {
			t.Fatal(err)
		}
		exchange := func(kind health.Kind, n int) {
			for range n {
				a, err := r.Pick(context.Background(), Call{Service: "api"}, nil)
				if err != nil {
					t.Fatal(err)
				}
				a.Done(health.Outcome{Kind: kind})
			}
		}
		for range 100 {
			now += m.StepEvery
			exchange(health.OK, 20)
			m.Step()
		}
		for range 4 {
			exchange(health.TimedOut, 50)
			now += m.StepEvery + stood
			m.Step()
		}
		fell := state(r, "a").State == health.Down || state(r, "b").State == health.Down
		if fell != (stood == 0) {
			t.Errorf("stood still for %v: %v, %v", stood, state(r, "a"), state(r, "b"))
		}
		r.Close()
	}
}

// The day of the levels is today's.
func TestDayIsTodays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		time.Sleep(2 * stepEvery)
		if got, want := r.today(), sla.DayOf(time.Now()); got != want {
			t.Errorf("day is %d, want %d", got, want)
		}
	})
}
