package balancer

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// A silent cloud must leave time for another attempt.
func TestDoCutsASilentAttemptShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		ctx := sla.WithTier(t.Context(), "critical") // 800 ms
		begun := time.Now()
		value, attempts, _, err := play(ctx, r, Call{Service: "api", Idempotent: true},
			reply{kind: health.OK, after: time.Hour}, reply{kind: health.OK, after: 10 * time.Millisecond})
		if err != nil || value != 2 {
			t.Fatalf("value %d, %v", value, err)
		}
		// Nothing is known of latencies: half of what is left.
		if took := time.Since(begun); took != 410*time.Millisecond {
			t.Errorf("took %v, want 400 ms for the first attempt and 10 ms for the second", took)
		}
		if attempts[0].Cloud() == attempts[1].Cloud() {
			t.Errorf("both attempts went to %s", attempts[0].Cloud())
		}
	})
}

// What can't be repeated is waited for to the end.
func TestDoWaitsForWhatItCannotRepeat(t *testing.T) {
	for name, change := range map[string]func(*Config, *Call, *Router){
		"not idempotent": func(_ *Config, c *Call, _ *Router) { c.Idempotent = false },
		"no attempts":    func(cfg *Config, _ *Call, _ *Router) { cfg.Tiers[0].Attempts = 1 },
		"nowhere to go": func(cfg *Config, _ *Call, _ *Router) {
			cfg.Services["api"] = Service{Clouds: map[string]ServiceCloud{"a": {HTTP: []string{"http://10.0.0.1"}}}}
		},
		"no budget": func(_ *Config, _ *Call, r *Router) {
			if r != nil {
				a, err := r.Pick(context.Background(), Call{Service: "api"}, nil)
				if err != nil {
					panic(err)
				}
				a.Done(health.Outcome{Kind: health.OK})
				time.Sleep(2 * time.Second) // the calls of the first second earn more
				for r.services[serviceKey{name: "api"}].budget.Withdraw(true) {
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg, call := testConfig(), Call{Service: "api", Idempotent: true}
				cfg.Retry.Floor = 1e-9 // what is spent stays spent
				cfg.Retry.Bank = time.Hour
				change(cfg, &call, nil)
				r := newWorld().router(t, cfg)
				change(testConfig(), &call, r)
				ctx := sla.WithTier(t.Context(), "critical")
				value, attempts, _, err := play(ctx, r, call, reply{kind: health.OK, after: 700 * time.Millisecond})
				if value != 1 || len(attempts) != 1 || err != nil {
					t.Errorf("value %d after %d attempts, %v", value, len(attempts), err)
				}
			})
		})
	}
}

// An answer that comes just as its time ends, and can't be replaced, is an error
// and not a value that nobody can read.
func TestLateAnswerWithoutSuccessor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var at Attempt
		var released int
		_, err := Do(ctx, r, Call{Service: "api", Idempotent: true},
			func(ctx context.Context, a Attempt) (Attempt, health.Outcome, error) {
				at = a
				<-ctx.Done()                       // its time is over, after half of the second
				time.Sleep(600 * time.Millisecond) // past the call's deadline
				a.Keep()
				return a, health.Outcome{Kind: health.OK}, nil
			}, func(a Attempt) { released++; a.Release(health.Outcome{}) })
		var call *CallError
		if !errors.As(err, &call) || !errors.Is(err, context.DeadlineExceeded) || released != 1 || at.endpoint.live.InFlight() != 0 {
			t.Errorf("%v; released %d times, %d in flight", err, released, at.endpoint.live.InFlight())
		}
	})
}

// The timer and the answer of an attempt race for it. Whoever wins, the token
// of the retry budget and the places in flight come out even.
func TestAttemptTimeRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := sla.WithTier(t.Context(), "critical")
		for range 50 {
			r := newWorld().router(t, testConfig()) // nothing is held against the clouds
			// Exactly when the first attempt's time is over: half of 800 ms.
			_, attempts, _, err := play(ctx, r, Call{Service: "api", Idempotent: true},
				reply{kind: health.OK, after: 400 * time.Millisecond}, reply{kind: health.OK}, reply{kind: health.OK})
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range attempts {
				if n := a.endpoint.live.InFlight(); n != 0 {
					t.Fatalf("%d in flight at %s", n, a.Endpoint())
				}
			}
		}
	})
}

// A call without a deadline doesn't hang at a silent target while there is
// another: not when nothing is known of latencies, and not for longer than the
// retry budget needs.
func TestNoCallHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.set("a", silent)
		r := w.router(t, testConfig())
		begun := time.Now()
		if errs := w.load(r, "standard", 400, 5*time.Millisecond); len(errs) > 0 {
			t.Errorf("%d calls failed, such as %v", len(errs), errs[0])
		}
		if took := time.Since(begun); took > 30*time.Second {
			t.Errorf("the last answer came after %v", took)
		}
	})
}

// A cloud that never answered is found silent by calls that can't be repeated
// as well, though their time is short.
func TestColdSilentCloudIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.set("a", silent)
		r := w.router(t, testConfig(), WithDialer(func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe() // the kernel accepts, whatever the process does
			far.Close()
			return near, nil
		}))
		r.SetProber(HTTP, nil)
		ctx := sla.WithTier(t.Context(), "critical") // 800 ms
		for range 400 {
			go w.call(ctx, r, Call{Service: "api"})
			time.Sleep(5 * time.Millisecond)
		}
		// Down, or tried again by canaries.
		if got := state(r, "a"); got.State != health.Down && got.State != health.Recovering {
			t.Errorf("%v", got)
		}
		time.Sleep(time.Second)
	})
}

// Each token that is taken is spent on an attempt or comes back.
func TestTokensComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.Retry.Floor = 1e-9
		cfg.Services["api"] = Service{Clouds: map[string]ServiceCloud{"a": {HTTP: []string{"http://10.0.0.1"}}}}
		w := newWorld()
		r := w.router(t, cfg)
		budget := r.services[serviceKey{name: "api"}].budget
		before := budget.Balance()
		ctx, cancel := context.WithTimeout(sla.WithTier(t.Context(), "critical"), 10*time.Millisecond)
		defer cancel()
		// There is no time for the pause before the only endpoint.
		_, attempts, _, _ := play(ctx, r, Call{Service: "api"}, reply{kind: health.Refused, err: errRefused})
		if got := budget.Balance(); len(attempts) != 1 || got != before {
			t.Errorf("%d attempts, balance %v, was %v", len(attempts), got, before)
		}
		// The clock has paid for an attempt that is no longer needed.
		late, err := r.Pick(ctx, Call{Service: "api"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		late.End()
		late.run = &run{cancel: func() { t.Error("canceled in spite of its answer") }}
		late.run.fate.answered()
		c := r.startClock(late, r.now()+time.Millisecond, 0, false, budget, true)
		time.Sleep(2 * time.Millisecond)
		c.stop()
		if got := budget.Balance(); got != before {
			t.Errorf("balance %v after the clock, was %v", got, before)
		}
		// A pick that finds nobody costs nothing.
		r.mu.Lock()
		r.order[0].clouds[0].endpoints, r.order[0].clouds[0].pool, r.order[0].built = nil, nil, nil
		r.publish()
		r.mu.Unlock()
		if _, err := r.Pick(sla.WithTier(t.Context(), "critical"), Call{Service: "api"}, []Attempt{late}); !errors.Is(err, ErrNoCloud) {
			t.Errorf("error is %v", err)
		}
		if got := budget.Balance(); got != before {
			t.Errorf("balance %v after the pick, was %v", got, before)
		}
	})
}
