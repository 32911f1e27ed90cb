package balancer

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

var (
	errRefused = errors.New("connection refused")
	errBroken  = errors.New("connection reset")
)

// reply is what one attempt of a scripted call returns.
type reply struct {
	kind  health.Kind
	err   error
	after time.Duration
}

// play runs one call whose attempts return the replies in turn, and returns
// what came of it: the number of the attempt that gave the value, the
// attempts, and the values that were discarded.
func play(ctx context.Context, r *Router, call Call, replies ...reply) (value int, attempts []Attempt, discarded []int, err error) {
	value, err = Do(ctx, r, call, func(ctx context.Context, at Attempt) (int, health.Outcome, error) {
		attempts = append(attempts, at)
		reply := replies[len(attempts)-1]
		if reply.after > 0 && !sleep(ctx, reply.after, nil) {
			return 0, health.Outcome{Reason: "context"}, ctx.Err()
		}
		return len(attempts), health.Outcome{Kind: reply.kind, Reason: "scripted"}, reply.err
	}, func(v int) { discarded = append(discarded, v) })
	return value, attempts, discarded, err
}

func TestDo(t *testing.T) {
	tests := []struct {
		name       string
		unsafe     bool // not idempotent
		replies    []reply
		value      int
		attempts   int
		discarded  []int
		is         error // nil: no error
		ambiguous  bool
		unwrapped  bool // the error is the target's own
		differCold bool // the attempts were in different clouds
	}{
		{name: "answer", replies: []reply{{kind: health.OK}}, value: 1, attempts: 1},
		{name: "an error that is the target's answer", replies: []reply{{kind: health.OK, err: errBroken}}, value: 1, attempts: 1, is: errBroken, unwrapped: true},
		{name: "refused, then answered", replies: []reply{{kind: health.Refused, err: errRefused}, {kind: health.OK}}, value: 2, attempts: 2, differCold: true},
		{name: "refused is safe for any call", unsafe: true, replies: []reply{{kind: health.Refused, err: errRefused}, {kind: health.OK}}, value: 2, attempts: 2},
		{name: "too much is safe for any call", unsafe: true, replies: []reply{{kind: health.Overloaded}, {kind: health.OK}}, value: 2, attempts: 2, discarded: []int{1}},
		{name: "a bad answer is discarded", replies: []reply{{kind: health.Failed}, {kind: health.OK}}, value: 2, attempts: 2, discarded: []int{1}, differCold: true},
		{name: "the last bad answer is the result", replies: []reply{{kind: health.Failed}, {kind: health.Failed}, {kind: health.Failed}}, value: 3, attempts: 3, discarded: []int{1, 2}},
		{name: "broken may have run", unsafe: true, replies: []reply{{kind: health.Broken, err: errBroken}}, value: 1, attempts: 1, is: errBroken, ambiguous: true},
		{name: "a fault may have run", unsafe: true, replies: []reply{{kind: health.Failed}}, value: 1, attempts: 1},
		{name: "broken, then refused twice", replies: []reply{{kind: health.Broken, err: errBroken}, {kind: health.Refused, err: errRefused}, {kind: health.Refused, err: errRefused}}, value: 3, attempts: 3, is: errRefused},
		{name: "neutral ends the call", replies: []reply{{kind: health.Neutral, err: errBroken}}, value: 1, attempts: 1, is: errBroken},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newWorld().router(t, testConfig())
				ctx := sla.WithTier(t.Context(), "critical")
				value, attempts, discarded, err := play(ctx, r, Call{Service: "api", Idempotent: !test.unsafe}, test.replies...)
				if value != test.value || len(attempts) != test.attempts || !slices.Equal(discarded, test.discarded) {
					t.Errorf("value %d after %d attempts, discarded %v; want %d, %d, %v",
						value, len(attempts), discarded, test.value, test.attempts, test.discarded)
				}
				if !errors.Is(err, test.is) {
					t.Errorf("error is %v, want %v", err, test.is)
				}
				var call *CallError
				if is := errors.As(err, &call); is != (test.is != nil && !test.unwrapped) {
					t.Errorf("a CallError: %v (%v)", is, err)
				}
				if got := errors.Is(err, ErrAmbiguous); got != test.ambiguous {
					t.Errorf("ambiguous: %v (%v)", got, err)
				}
				if test.differCold && attempts[0].Cloud() == attempts[1].Cloud() {
					t.Errorf("both attempts went to %s", attempts[0].Cloud())
				}
				for _, a := range attempts {
					if n := a.endpoint.live.InFlight(); n != 0 {
						t.Errorf("%d in flight at %s afterwards", n, a.Endpoint())
					}
				}
			})
		})
	}
}

func TestDoRespectsTheTiersAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		refused := reply{kind: health.Refused, err: errRefused}
		_, attempts, _, err := play(t.Context(), r, Call{Service: "api", Idempotent: true}, refused, refused, refused)
		if len(attempts) != defaultAttempts || !errors.Is(err, errRefused) {
			t.Errorf("%d attempts, %v", len(attempts), err)
		}
	})
}

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
				for r.services["api"].budget.Withdraw(true) {
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

// What a deadline says about the target depends on how long it had.
func TestDoTellsSilenceFromImpatience(t *testing.T) {
	for _, test := range []struct {
		name    string
		timeout time.Duration
		kind    health.Kind
	}{
		{"long enough to tell", 2 * time.Second, health.TimedOut},
		{"too short to tell", 20 * time.Millisecond, health.Neutral},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newWorld().router(t, testConfig())
				ctx, cancel := context.WithTimeout(t.Context(), test.timeout)
				defer cancel()
				_, _, _, err := play(ctx, r, Call{Service: "api"}, reply{after: time.Hour})
				var call *CallError
				if !errors.As(err, &call) || !errors.Is(err, context.DeadlineExceeded) {
					t.Fatalf("error is %v", err)
				}
				if got := call.Attempts[0].Outcome.Kind; got != test.kind {
					t.Errorf("outcome is %v, want %v", got, test.kind)
				}
				var timeout net.Error
				if !errors.As(err, &timeout) || !timeout.Timeout() {
					t.Errorf("not a timeout to net/http: %v", err)
				}
			})
		})
	}
}

func TestDoSaysThatTheCallerLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Millisecond, cancel)
		_, attempts, _, err := play(ctx, r, Call{Service: "api", Idempotent: true}, reply{after: time.Hour})
		var call *CallError
		if !errors.As(err, &call) || !errors.Is(err, context.Canceled) || len(attempts) != 1 {
			t.Fatalf("%d attempts, error is %v", len(attempts), err)
		}
		if o := call.Attempts[0].Outcome; o.Kind != health.Neutral {
			t.Errorf("the target is blamed: %v", o)
		}
	})
}

func TestDoHasTheTiersDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		ctx := sla.WithTier(t.Context(), "critical")
		_, _, _, err := play(ctx, r, Call{Service: "api"}, reply{after: time.Hour})
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "the 800ms of tier critical are over") {
			t.Errorf("error is %v", err)
		}
	})
}

// An attempt that is kept stays in flight and keeps its context until it is
// released, and then the call's timer is gone as well.
func TestKeptAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		var kept Attempt
		var body context.Context
		_, err := Do(sla.WithTier(t.Context(), "critical"), r, Call{Service: "api", Idempotent: true},
			func(ctx context.Context, at Attempt) (int, health.Outcome, error) {
				at.Keep()
				kept, body = at, ctx
				return 1, health.Outcome{Kind: health.OK}, nil
			}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body.Err() != nil || kept.endpoint.live.InFlight() != 1 {
			t.Fatalf("after Do: context %v, %d in flight", body.Err(), kept.endpoint.live.InFlight())
		}
		// The attempt's own time must not cut an answer that has come.
		time.Sleep(700 * time.Millisecond)
		if body.Err() != nil {
			t.Fatalf("cut while reading: %v", context.Cause(body))
		}
		kept.Release(health.Outcome{})
		if body.Err() == nil || kept.endpoint.live.InFlight() != 0 {
			t.Errorf("after Release: context %v, %d in flight", body.Err(), kept.endpoint.live.InFlight())
		}
	})
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

// What was sent and can't be sent again isn't.
func TestFinalAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		n := 0
		_, err := Do(t.Context(), r, Call{Service: "api", Idempotent: true},
			func(_ context.Context, at Attempt) (int, health.Outcome, error) {
				n++
				at.Final()
				return n, health.Outcome{Kind: health.Overloaded}, nil
			}, nil)
		if n != 1 || err != nil {
			t.Errorf("%d attempts, %v", n, err)
		}
	})
}

// A kept answer that is discarded must not end the call.
func TestDiscardedKeptAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		n := 0
		_, err := Do(sla.WithTier(t.Context(), "critical"), r, Call{Service: "api", Idempotent: true},
			func(ctx context.Context, at Attempt) (Attempt, health.Outcome, error) {
				if err := ctx.Err(); err != nil {
					t.Errorf("attempt %d begins with %v", at.Number(), err)
				}
				if n++; n == 1 {
					at.Keep()
					return at, health.Outcome{Kind: health.Failed}, nil
				}
				return at, health.Outcome{Kind: health.OK}, nil
			}, func(at Attempt) { at.Release(health.Outcome{}) })
		if err != nil || n != 2 {
			t.Errorf("%d attempts, %v", n, err)
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

func TestCallErrorTellsTheStory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		if err := r.Drain("b"); err != nil {
			t.Fatal(err)
		}
		refused := reply{kind: health.Refused, err: errRefused}
		_, _, _, err := play(t.Context(), r, Call{Service: "api", Idempotent: true}, refused, refused)
		text := err.Error()
		for _, part := range []string{
			"api (tier standard): connection refused",
			"attempt 1 at a http://10.0.0.", "attempt 2 at a http://10.0.0.", "refused (scripted)", "; no further attempt: the tier allows no more",
			"cloud a is unknown since", "(nothing heard yet) and drained since",
		} {
			if !strings.Contains(text, part) {
				t.Errorf("the error does not say %q:\n%s", part, text)
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
		r.SetProber(nil)
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

// What was sent and not answered in time may have been carried out.
func TestDeadlineIsAmbiguous(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		for _, idempotent := range []bool{false, true} {
			ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, errors.New("shift ends"))
			_, _, _, err := play(ctx, r, Call{Service: "api", Idempotent: idempotent}, reply{after: time.Hour}, reply{after: time.Hour})
			cancel()
			var call *CallError
			if !errors.As(err, &call) || errors.Is(err, ErrAmbiguous) == idempotent {
				t.Errorf("idempotent %v: %v", idempotent, err)
			}
			// Neither a cause of one's own nor the wrapping hides the kind.
			if !strings.Contains(err.Error(), "shift ends") || !errors.Is(err, context.DeadlineExceeded) || !call.Timeout() {
				t.Errorf("error is %v", err)
			}
		}
	})
}

// A target that asks for more time than a call should wait has its answer
// returned.
func TestLongRetryAfterIsAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.Services["api"] = Service{Clouds: map[string]ServiceCloud{"a": {HTTP: []string{"http://10.0.0.1"}}}}
		for after, want := range map[time.Duration]int{time.Hour: 1, 500 * time.Millisecond: 2} {
			r := newWorld().router(t, cfg)
			begun, n := time.Now(), 0
			v, err := Do(t.Context(), r, Call{Service: "api"}, func(context.Context, Attempt) (int, health.Outcome, error) {
				n++
				return n, health.Outcome{Kind: health.Overloaded, RetryAfter: after}, nil
			}, nil)
			if v != want || err != nil || time.Since(begun) != time.Duration(want-1)*after {
				t.Errorf("retry after %v: value %d, %v, after %v", after, v, err, time.Since(begun))
			}
		}
	})
}

func TestPanicInTryLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		var at Attempt
		var body context.Context
		func() {
			defer func() {
				if recover() != "oops" {
					t.Error("the panic is lost")
				}
			}()
			Do(sla.WithTier(t.Context(), "critical"), r, Call{Service: "api", Idempotent: true},
				func(ctx context.Context, a Attempt) (int, health.Outcome, error) {
					at, body = a, ctx
					panic("oops")
				}, nil)
		}()
		if at.endpoint.live.InFlight() != 0 || body.Err() == nil {
			t.Errorf("%d in flight, context %v", at.endpoint.live.InFlight(), body.Err())
		}
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
		budget := r.services["api"].budget
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
		of := &run{cancel: func() { t.Error("canceled in spite of its answer") }}
		of.fate.answered()
		c := r.startClock(r.now(), r.now()+time.Millisecond, of, late.cloud.target, budget, true)
		time.Sleep(2 * time.Millisecond)
		c.stop()
		if got := budget.Balance(); got != before {
			t.Errorf("balance %v after the clock, was %v", got, before)
		}
		// A pick that finds nobody costs nothing.
		r.mu.Lock()
		r.order[0].clouds[0].endpoints, r.order[0].built = nil, nil
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

// A retry goes by what has become known since the call began.
func TestRetryUsesTheNewestTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.Services["api"] = Service{Clouds: map[string]ServiceCloud{"a": {HTTP: []string{"http://10.0.0.1"}}}}
		r := newWorld().router(t, cfg)
		n := 0
		cloud, err := Do(t.Context(), r, Call{Service: "api", Idempotent: true},
			func(_ context.Context, at Attempt) (string, health.Outcome, error) {
				if n++; n == 1 {
					if err := r.Update(testConfig()); err != nil {
						t.Error(err)
					}
					return "", health.Outcome{Kind: health.Refused}, errRefused
				}
				return at.Cloud(), health.Outcome{Kind: health.OK}, nil
			}, nil)
		if cloud != "b" || err != nil {
			t.Errorf("went to %q, %v", cloud, err)
		}
	})
}
