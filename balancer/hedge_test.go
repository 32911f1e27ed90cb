package balancer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// hedgedWorld has answers after 5 ms, a tier that hedges and knows when, and
// another that doesn't hedge.
func hedgedWorld(t *testing.T, change func(*Config), opts ...Option) (*world, *Router) {
	t.Helper()
	cfg := testConfig()
	cfg.Tiers[0].Hedge = 0.1
	if change != nil {
		change(cfg)
	}
	w := newWorld()
	r := w.router(t, cfg, opts...)
	if errs := w.load(r, "critical", 600, 5*time.Millisecond); len(errs) > 0 {
		t.Fatal(errs[0])
	}
	return w, r
}

// script is what the attempts of a call do, the first and its hedge by their
// numbers. It is safe for attempts at the same time.
type script struct {
	replies map[int]reply

	mu        sync.Mutex
	attempts  []Attempt
	began     []time.Duration // since the call began
	discarded []int
	ended     map[int]error // what the context of an attempt said when try returned
}

func (s *script) do(ctx context.Context, r *Router, call Call) (int, error) {
	start := time.Now()
	s.ended = map[int]error{}
	return Do(sla.WithTier(ctx, "critical"), r, call, func(ctx context.Context, at Attempt) (int, health.Outcome, error) {
		s.mu.Lock()
		s.attempts = append(s.attempts, at)
		s.began = append(s.began, time.Since(start))
		s.mu.Unlock()
		defer func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.ended[at.Number()] = ctx.Err()
		}()
		reply := s.replies[at.Number()]
		if !sleep(ctx, reply.after, nil) {
			return 0, health.Outcome{Reason: "context"}, ctx.Err()
		}
		return at.Number(), health.Outcome{Kind: reply.kind, Reason: "scripted"}, reply.err
	}, func(v int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.discarded = append(s.discarded, v)
	})
}

// outcomes notes the outcome of each attempt by its number.
type outcomes struct {
	mu sync.Mutex
	of map[int]health.Outcome
}

func (o *outcomes) trace() Option {
	return WithTrace(Trace{Answered: func(a Attempt, out health.Outcome, _ time.Duration) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.of[a.Number()] = out
	}})
}

const ms = time.Millisecond

// TestHedge tells all the ways of two attempts. Answers took 5 ms, so a hedge goes
// out after a little more.
func TestHedge(t *testing.T) {
	ok := func(after time.Duration) reply { return reply{kind: health.OK, after: after} }
	lost, well := "hedge lost", "scripted"
	for name, test := range map[string]struct {
		attempts   int // of the tier; 0: 3
		replies    map[int]reply
		value      int
		took       time.Duration
		discarded  []int
		outcomes   map[int]string // reasons
		is         error
		afterHedge int // attempts
	}{
		"answered in time": {replies: map[int]reply{1: ok(4 * ms)}, value: 1, took: 4 * ms, outcomes: map[int]string{1: well}},
		"the hedge wins": {replies: map[int]reply{1: ok(time.Hour), 2: ok(2 * ms)}, value: 2, took: 7 * ms,
			outcomes: map[int]string{1: lost, 2: well}},
		"the first wins": {replies: map[int]reply{1: ok(9 * ms), 2: ok(time.Hour)}, value: 1, took: 9 * ms,
			outcomes: map[int]string{1: well, 2: lost}},
		"the hedge fails, the first answers": {replies: map[int]reply{1: ok(20 * ms), 2: {kind: health.Refused, err: errRefused}}, value: 1, took: 20 * ms,
			outcomes: map[int]string{1: well, 2: well}},
		"the hedge's bad answer is discarded": {replies: map[int]reply{1: ok(20 * ms), 2: {kind: health.Failed, after: ms}}, value: 1, took: 20 * ms,
			discarded: []int{2}, outcomes: map[int]string{1: well, 2: well}},
		"the first fails, the hedge answers": {replies: map[int]reply{1: {kind: health.Broken, err: errBroken, after: 8 * ms}, 2: ok(9 * ms)}, value: 2, took: 14 * ms,
			outcomes: map[int]string{1: well, 2: well}},
		"both fail, a third answers": {replies: map[int]reply{1: {kind: health.Broken, err: errBroken, after: 8 * ms}, 2: {kind: health.Failed, after: 9 * ms}, 3: ok(ms)}, value: 3, took: 15 * ms,
			discarded: []int{2}, outcomes: map[int]string{1: well, 2: well, 3: well}, afterHedge: 1},
		"both fail in the other order": {replies: map[int]reply{1: {kind: health.Failed, after: 12 * ms}, 2: {kind: health.Broken, err: errBroken, after: ms}, 3: ok(ms)}, value: 3, took: 13 * ms,
			discarded: []int{1}, outcomes: map[int]string{1: well, 2: well, 3: well}, afterHedge: 1},
		"both fail and there is no third": {attempts: 2, replies: map[int]reply{1: {kind: health.Broken, err: errBroken, after: 8 * ms}, 2: {kind: health.Refused, err: errRefused, after: 9 * ms}}, value: 2, took: 14 * ms,
			outcomes: map[int]string{1: well, 2: well}, is: errRefused},
		"the target's own error ends the call": {replies: map[int]reply{1: {kind: health.OK, err: errBroken, after: 8 * ms}, 2: ok(time.Hour)}, value: 1, took: 8 * ms,
			outcomes: map[int]string{1: well, 2: lost}, is: errBroken},
		"the hedge's own error ends the call": {replies: map[int]reply{1: ok(time.Hour), 2: {kind: health.OK, err: errBroken, after: 2 * ms}}, value: 2, took: 7 * ms,
			outcomes: map[int]string{1: lost, 2: well}, is: errBroken},
		"the first is cut, the hedge answers": {attempts: 2, replies: map[int]reply{1: ok(time.Hour), 2: ok(100 * ms)}, value: 2, took: 105 * ms,
			outcomes: map[int]string{1: "attempt time", 2: well}},
		"both are cut, a third answers": {replies: map[int]reply{1: ok(time.Hour), 2: ok(time.Hour), 3: ok(ms)}, value: 3, took: 56 * ms,
			outcomes: map[int]string{1: "attempt time", 2: "attempt time", 3: well}, afterHedge: 1},
		"the hedge fails, then the first is not cut": {attempts: 2, replies: map[int]reply{1: ok(300 * ms), 2: {kind: health.Refused, err: errRefused}}, value: 1, took: 300 * ms,
			outcomes: map[int]string{1: well, 2: well}},
		"the hedge fails, then the first is cut": {replies: map[int]reply{1: ok(time.Hour), 2: {kind: health.Refused, err: errRefused}, 3: ok(ms)}, value: 3, took: 51 * ms,
			outcomes: map[int]string{1: "attempt time", 2: well, 3: well}, afterHedge: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				seen := &outcomes{of: map[int]health.Outcome{}}
				_, r := hedgedWorld(t, func(c *Config) {
					if test.attempts > 0 {
						c.Tiers[0].Attempts = test.attempts
					}
				}, seen.trace())
				clear(seen.of)
				s := &script{replies: test.replies}
				began := time.Now()
				value, err := s.do(t.Context(), r, Call{Service: "api", Idempotent: true})
				took := time.Since(began)
				synctest.Wait()
				if value != test.value || !errors.Is(err, test.is) {
					t.Errorf("value %d, error %v, want %d, %v", value, err, test.value, test.is)
				}
				if test.took > 0 && (took < test.took || took > test.took+ms) {
					t.Errorf("took %v, want %v", took, test.took)
				}
				if !slices.Equal(s.discarded, test.discarded) {
					t.Errorf("discarded %v, want %v", s.discarded, test.discarded)
				}
				got := map[int]string{}
				for n, o := range seen.of {
					got[n] = o.Reason
				}
				if fmt.Sprint(got) != fmt.Sprint(test.outcomes) {
					t.Errorf("outcomes %v, want %v", got, test.outcomes)
				}
				if n := len(s.attempts); n > 1 {
					if s.attempts[0].Hedge() || !s.attempts[1].Hedge() || s.attempts[0].Cloud() == s.attempts[1].Cloud() {
						t.Errorf("attempts %v in %s, %v in %s", s.attempts[0].Hedge(), s.attempts[0].Cloud(), s.attempts[1].Hedge(), s.attempts[1].Cloud())
					}
					if at := s.began[1]; at < 5*ms || at > 6*ms {
						t.Errorf("hedged after %v", at)
					}
					if want := 2 + test.afterHedge; n != want {
						t.Errorf("%d attempts, want %d", n, want)
					}
				}
				for _, a := range s.attempts {
					if n := a.endpoint.live.InFlight(); n != 0 {
						t.Errorf("%d in flight at %s", n, a.Endpoint())
					}
				}
			})
		})
	}
}

// TestNotHedged: calls whose answer takes long are not hedged where they may not
// be.
func TestNotHedged(t *testing.T) {
	slow := func(kind health.Kind) map[int]reply { return map[int]reply{1: {kind: kind, after: 15 * ms}} }
	for name, test := range map[string]struct {
		call   Call
		change func(*Config)
		then   func(*testing.T, *Router)
	}{
		"not idempotent":  {call: Call{Service: "api"}},
		"a stream":        {call: Call{Service: "api", Idempotent: true, Stream: ServerStream}},
		"one by one":      {call: Call{Service: "api", Idempotent: true, OneByOne: true}},
		"another tier":    {change: func(c *Config) { c.Tiers[0].Hedge, c.Tiers[1].Hedge = 0, 0.1 }},
		"one attempt":     {change: func(c *Config) { c.Tiers[0].Attempts = 1 }},
		"while observing": {change: func(c *Config) { c.Observe = "a" }},
		"shed":            {then: func(t *testing.T, r *Router) { r.setPlan(func(s *service) { s.plan.Tiers[0].Shed = 1e-9 }) }},
		"burning": {then: func(t *testing.T, r *Router) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.order[0].built = r.order[0].table(r)
			r.order[0].built.tiers[0].mayHedge = false
			r.publish()
		}},
		"no room": {then: func(t *testing.T, r *Router) {
			for _, c := range r.order[0].clouds {
				c.noRoom.Store(true)
			}
		}},
		"the allowance is spent": {then: func(t *testing.T, r *Router) { r.order[0].hedging["critical"].tokens.Store(-1000 * hedgeQuantum) }},
		"the budget is spent": {change: func(c *Config) { c.Retry.Fraction, c.Retry.Floor = 1e-9, 1e-9 }, then: func(t *testing.T, r *Router) {
			for r.order[0].budget.Withdraw(true) {
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, r := hedgedWorld(t, test.change)
				if test.then != nil {
					test.then(t, r)
				}
				if test.call.Service == "" {
					test.call = Call{Service: "api", Idempotent: true}
				}
				s := &script{replies: slow(health.OK)}
				if v, err := s.do(t.Context(), r, test.call); v != 1 || err != nil || len(s.attempts) != 1 {
					t.Errorf("value %d after %d attempts, %v", v, len(s.attempts), err)
				}
			})
		})
	}
}

// setPlan changes what is in force without planning.
func (r *Router) setPlan(change func(*service)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(r.order[0])
	r.order[0].built = nil
	r.publish()
}

// TestHedgeAvoids clouds without room and clouds that are down: then it goes to
// another endpoint of the first attempt's.
func TestHedgeAvoids(t *testing.T) {
	for name, spoil := range map[string]func(*testing.T, *Router){
		"full": func(_ *testing.T, r *Router) {
			for _, c := range r.order[0].clouds {
				c.noRoom.Store(c.name == "b")
			}
		},
		"drained": func(t *testing.T, r *Router) {
			if err := r.Drain("b"); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, r := hedgedWorld(t, func(c *Config) { c.Tiers[0].Clouds.Prefer = []string{"a", "b"} })
				spoil(t, r)
				for {
					s := &script{replies: map[int]reply{1: {kind: health.OK, after: time.Hour}, 2: {kind: health.OK}}}
					if v, err := s.do(t.Context(), r, Call{Service: "api", Idempotent: true}); v != 2 || err != nil {
						t.Fatalf("value %d, %v", v, err)
					}
					first, hedge := s.attempts[0], s.attempts[1]
					if first.Cloud() != "a" {
						continue // the trickle to a standby
					}
					if hedge.Cloud() != "a" || hedge.endpoint == first.endpoint {
						t.Errorf("from %s to %s in %s", first.Endpoint(), hedge.Endpoint(), hedge.Cloud())
					}
					return
				}
			})
		})
	}
}

// TestHedgesAreFew: when all answers come to take longer from one moment to the
// next, the tier hedges what it has saved up and its part from then on, in spite of
// a delay that is out of date.
func TestHedgesAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := hedgedWorld(t, func(c *Config) { c.Retry.Fraction = 1 })
		s := r.order[0]
		before, h := s.retries.Load(), s.hedging["critical"]
		saved := float64(h.tokens.Load()) / hedgeQuantum
		if most := 5 * 200 * 0.1; saved > most || saved < leastHedgeBank {
			t.Errorf("%v hedges are saved up, may be %v", saved, most)
		}
		w.mu.Lock()
		w.latency = 12 * ms
		w.mu.Unlock()
		const calls = 1000
		if errs := w.load(r, "critical", calls, ms); len(errs) > 0 {
			t.Fatal(errs[0])
		}
		if n := float64(s.retries.Load() - before); n > saved+0.1*calls+1 {
			t.Errorf("%v hedges of %d calls, %v were saved up", n, calls, saved)
		} else if n == 0 {
			t.Error("none: nothing was tested")
		}
		time.Sleep(10 * time.Second)
		w.load(r, "critical", calls, ms)
		before = s.retries.Load()
		if w.load(r, "critical", calls, ms); s.retries.Load() != before {
			t.Errorf("%d hedges when the answers are as slow as is usual now", s.retries.Load()-before)
		}
	})
}

// TestDelayStays: what is slow is hedged and so mostly not answered. The delay must
// not fall for that.
func TestDelayStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, r := hedgedWorld(t, func(c *Config) { c.Retry.Fraction = 1 })
		var mu sync.Mutex
		n := 0
		var wg sync.WaitGroup
		for range 6000 { // 30 s, three times as long as anything is remembered
			wg.Go(func() {
				_, err := Do(sla.WithTier(t.Context(), "critical"), r, Call{Service: "api", Idempotent: true},
					func(ctx context.Context, at Attempt) (int, health.Outcome, error) {
						mu.Lock()
						n++
						took := time.Duration(n%95) * 100 * time.Microsecond // 0…9.4 ms
						if n%11 == 0 {
							took = 300 * ms
						}
						mu.Unlock()
						if !sleep(ctx, took, nil) {
							return 0, health.Outcome{}, ctx.Err()
						}
						return 0, health.Outcome{Kind: health.OK}, nil
					}, nil)
				if err != nil {
					t.Error(err)
				}
			})
			time.Sleep(5 * ms)
		}
		wg.Wait()
		if delay := time.Duration(r.order[0].hedging["critical"].delay.Load()); delay < 8500*time.Microsecond || delay > 20*ms {
			t.Errorf("the delay is %v, of an even spread to 9.4 ms and 9 %% at 300 ms", delay)
		}
	})
}

// TestHedgeKeepsItsAnswer: what a winner keeps lives on when the call has returned
// and the router is closed, until it is released.
func TestHedgeKeepsItsAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, r := hedgedWorld(t, nil)
		var ctxs [3]context.Context
		at, err := Do(sla.WithTier(t.Context(), "critical"), r, Call{Service: "api", Idempotent: true},
			func(ctx context.Context, at Attempt) (Attempt, health.Outcome, error) {
				ctxs[at.Number()] = ctx
				if at.Number() == 1 {
					<-ctx.Done()
					return at, health.Outcome{}, ctx.Err()
				}
				at.Keep()
				return at, health.Outcome{Kind: health.OK}, nil
			}, nil)
		if err != nil || !at.Hedge() {
			t.Fatal(at.Hedge(), err)
		}
		r.Close()
		if ctxs[1].Err() == nil || ctxs[2].Err() != nil || at.endpoint.live.InFlight() != 1 {
			t.Errorf("the loser's context: %v, the winner's: %v, in flight: %d", ctxs[1].Err(), ctxs[2].Err(), at.endpoint.live.InFlight())
		}
		at.Release(health.Outcome{})
		if ctxs[2].Err() == nil || at.endpoint.live.InFlight() != 0 {
			t.Error("released, and still there")
		}
	})
}

// TestLoserIsDiscarded: a hedge that answers although its context has ended is
// discarded, and Do doesn't wait for it. Close does.
func TestLoserIsDiscarded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, r := hedgedWorld(t, nil)
		var mu sync.Mutex
		var discarded []int
		began := time.Now()
		v, err := Do(sla.WithTier(t.Context(), "critical"), r, Call{Service: "api", Idempotent: true},
			func(_ context.Context, at Attempt) (int, health.Outcome, error) {
				time.Sleep(map[int]time.Duration{1: 10 * ms, 2: time.Second}[at.Number()]) // whatever the context says
				return at.Number(), health.Outcome{Kind: health.OK}, nil
			}, func(v int) {
				mu.Lock()
				defer mu.Unlock()
				discarded = append(discarded, v)
			})
		if took := time.Since(began); v != 1 || err != nil || took != 10*ms {
			t.Errorf("value %d, %v after %v", v, err, took)
		}
		r.Close()
		if took := time.Since(began); took < time.Second || took > time.Second+10*ms {
			t.Errorf("closed after %v", took)
		}
		if !slices.Equal(discarded, []int{2}) {
			t.Errorf("discarded %v", discarded)
		}
	})
}

// TestCloseGivesHedgesUp and waits for one that ignores that, but not for ever. The
// call goes on with its first attempt.
func TestCloseGivesHedgesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, r := hedgedWorld(t, func(c *Config) { c.Tiers[0].Timeout = time.Minute })
		var wg sync.WaitGroup
		call := func(stubborn bool) {
			wg.Go(func() {
				v, err := Do(sla.WithTier(t.Context(), "critical"), r, Call{Service: "api", Idempotent: true},
					func(ctx context.Context, at Attempt) (int, health.Outcome, error) {
						switch {
						case at.Number() == 1:
							time.Sleep(20 * ms)
							return 1, health.Outcome{Kind: health.OK}, nil
						case stubborn:
							time.Sleep(20 * time.Second)
						default:
							<-ctx.Done()
						}
						return 0, health.Outcome{}, ctx.Err()
					}, nil)
				if v != 1 || err != nil {
					t.Errorf("value %d, %v", v, err)
				}
			})
		}
		call(false)
		time.Sleep(10 * ms)
		began := time.Now()
		r.Close()
		if took := time.Since(began); took > ms {
			t.Errorf("Close took %v", took)
		}
		wg.Wait()

		_, r = hedgedWorld(t, nil)
		call(true)
		time.Sleep(10 * ms)
		began = time.Now()
		r.Close()
		if took := time.Since(began); took != mostHedgeWait {
			t.Errorf("Close took %v", took)
		}
		wg.Wait()
		time.Sleep(time.Minute)
	})
}

// TestHedgePanics: the panic of a hedge's try is the call's, as that of any other.
// When the call has ended it is logged.
func TestHedgePanics(t *testing.T) {
	for _, test := range []struct {
		name   string
		panics func()
		late   bool
	}{
		{"during the call", func() { panic("boom") }, false},
		{"after it", func() { panic("boom") }, true},
		{"ended", runtime.Goexit, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log strings.Builder
				_, r := hedgedWorld(t, nil, WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
				var attempts [3]Attempt
				do := func() (v int, panicked any, err error) {
					defer func() { panicked = recover() }()
					v, err = Do(sla.WithTier(t.Context(), "critical"), r, Call{Service: "api", Idempotent: true},
						func(ctx context.Context, at Attempt) (int, health.Outcome, error) {
							attempts[at.Number()] = at
							if at.Number() == 2 {
								if test.late {
									<-ctx.Done()
								}
								at.Keep()
								test.panics()
							}
							if !sleep(ctx, 20*ms, nil) {
								return 0, health.Outcome{}, ctx.Err()
							}
							return 1, health.Outcome{Kind: health.OK}, nil
						}, nil)
					return v, panicked, err
				}
				v, panicked, err := do()
				synctest.Wait()
				wanted := any(nil)
				if test.name == "during the call" {
					wanted = "boom"
				}
				if panicked != wanted || wanted == nil && (v != 1 || err != nil) {
					t.Errorf("value %d, %v, panicked with %v", v, err, panicked)
				}
				r.Close()
				if logged := strings.Contains(log.String(), "boom"); logged != test.late {
					t.Errorf("log: %s", log.String())
				}
				for _, a := range attempts[1:] {
					if n := a.endpoint.live.InFlight(); n != 0 {
						t.Errorf("%d in flight at %s", n, a.Endpoint())
					}
				}
			})
		})
	}
}

// TestFirstPanics while its hedge is under way: the hedge is given up.
func TestFirstPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, r := hedgedWorld(t, nil)
		ended := make(chan struct{})
		func() {
			defer func() {
				if recover() != "boom" {
					t.Error("no panic")
				}
			}()
			Do(sla.WithTier(t.Context(), "critical"), r, Call{Service: "api", Idempotent: true},
				func(ctx context.Context, at Attempt) (int, health.Outcome, error) {
					if at.Number() == 2 {
						<-ctx.Done()
						close(ended)
						return 0, health.Outcome{}, ctx.Err()
					}
					time.Sleep(10 * ms)
					panic("boom")
				}, nil)
		}()
		<-ended
	})
}

// TestCallersCancelEndsBoth attempts, and speaks against nobody.
func TestCallersCancelEndsBoth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := &outcomes{of: map[int]health.Outcome{}}
		_, r := hedgedWorld(t, nil, seen.trace())
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*ms, cancel)
		s := &script{replies: map[int]reply{1: {after: time.Hour}, 2: {after: time.Hour}}}
		_, err := s.do(ctx, r, Call{Service: "api", Idempotent: true})
		synctest.Wait()
		if !errors.Is(err, context.Canceled) || len(s.attempts) != 2 {
			t.Errorf("%d attempts, %v", len(s.attempts), err)
		}
		for n, o := range seen.of {
			if n > 0 && o.Kind != health.Neutral && o.Reason != "fine" {
				t.Errorf("attempt %d: %v", n, o)
			}
		}
	})
}

// TestHedgeFollowsTheMove: an attempt that its adapter has moved is hedged away
// from where it is now.
func TestHedgeFollowsTheMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, r := hedgedWorld(t, nil)
		for range 50 {
			var first, hedge Attempt
			_, err := Do(sla.WithTier(t.Context(), "critical"), r, Call{Service: "api", Idempotent: true},
				func(ctx context.Context, at Attempt) (int, health.Outcome, error) {
					if at.Number() == 2 {
						hedge = at
						return 2, health.Outcome{Kind: health.OK}, nil
					}
					was := at.Cloud()
					first, _ = at.Move(health.Outcome{}, nil, func(e *Endpoint) bool { return e.Address[5] != at.Endpoint().Address[5] })
					if first.Cloud() == was {
						t.Errorf("stays in %s", was)
					}
					<-ctx.Done()
					return 0, health.Outcome{}, ctx.Err()
				}, nil)
			if err != nil || first.Cloud() == hedge.Cloud() {
				t.Fatalf("the hedge of an attempt in %s goes to %s, %v", first.Cloud(), hedge.Cloud(), err)
			}
			time.Sleep(100 * ms)
			w := newWorld()
			w.load(r, "critical", 20, ms)
		}
	})
}

// TestPickedHedge: the same for those who stand on Pick.
func TestPickedHedge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, r := hedgedWorld(t, nil)
		ctx := sla.WithTier(t.Context(), "critical")
		first, err := r.Pick(ctx, Call{Service: "api", Idempotent: true}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if after := first.HedgeAfter(); after < 5*ms || after > 6*ms {
			t.Errorf("hedge after %v", after)
		}
		balance := r.order[0].budget.Balance()
		hedge, ok := r.PickHedge(first)
		if !ok || !hedge.Hedge() || hedge.Cloud() == first.Cloud() || hedge.Number() != 2 || hedge.HedgeAfter() != 0 {
			t.Fatalf("%v: %+v", ok, hedge)
		}
		if got := r.order[0].budget.Balance(); got != balance-1 {
			t.Errorf("balance %v, was %v", got, balance)
		}
		time.Sleep(30 * ms)
		first.Overtaken()
		first.End()
		hedge.Done(health.Outcome{Kind: health.OK})
		if got := first.cloud.target.Quantile(0, 1); got < 29*ms {
			t.Errorf("the longest wait is %v", got)
		}
	})
}

// TestRandomRaces lets first attempts and hedges end in every way at about the same
// time. Each value is the result or discarded, once, and nothing stays in flight.
func TestRandomRaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, r := hedgedWorld(t, func(c *Config) {
			c.Tiers[0].Hedge, c.Retry.Fraction = 0.5, 1
			c.Health.Ejection.Consecutive = 1000
		})
		// Few are bad, so that the clouds stay.
		kinds := append(slices.Repeat([]health.Kind{health.OK}, 50), slices.Repeat([]health.Kind{health.Neutral}, 20)...)
		kinds = append(kinds, health.Failed, health.Refused, health.Broken)
		var wg sync.WaitGroup
		var mu sync.Mutex
		made, gone := map[int]int{}, map[int]int{}
		next, hedged := 0, 0
		for range 3000 {
			wg.Go(func() {
				v, err := Do(sla.WithTier(t.Context(), "critical"), r, Call{Service: "api", Idempotent: true},
					func(ctx context.Context, at Attempt) (int, health.Outcome, error) {
						mu.Lock()
						next++
						id := next
						if at.Hedge() {
							hedged++
						}
						kind := kinds[r.random()%uint64(len(kinds))]
						mu.Unlock()
						if !at.Hedge() {
							time.Sleep(5 * ms)
						}
						if !sleep(ctx, time.Duration(r.random()%3)*ms, nil) && r.random()%2 == 0 {
							return 0, health.Outcome{Reason: "context"}, ctx.Err()
						}
						if kind == health.Refused || kind == health.Broken {
							return 0, health.Outcome{Kind: kind}, errBroken
						}
						mu.Lock()
						made[id]++
						mu.Unlock()
						return id, health.Outcome{Kind: kind}, nil
					}, func(v int) {
						mu.Lock()
						gone[v]++
						mu.Unlock()
					})
				if err == nil {
					mu.Lock()
					gone[v]++
					mu.Unlock()
				}
			})
			time.Sleep(ms)
		}
		wg.Wait()
		time.Sleep(time.Second)
		for id, n := range made {
			if gone[id] != n {
				t.Errorf("value %d was made %d times and taken %d times", id, n, gone[id])
			}
		}
		if len(gone) != len(made) || hedged < 100 {
			t.Errorf("%d values, %d taken, %d hedges", len(made), len(gone), hedged)
		}
		for _, c := range r.order[0].clouds {
			for _, e := range c.endpoints {
				if n := e.live.InFlight(); n != 0 {
					t.Errorf("%d in flight at %s", n, e.Endpoint.Address)
				}
			}
		}
	})
}

// TestUnpaidHedgeCostsNothing: what was paid for a hedge that isn't made comes back.
func TestUnpaidHedgeCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, r := hedgedWorld(t, nil)
		s := r.order[0]
		first, err := r.Pick(sla.WithTier(t.Context(), "critical"), Call{Service: "api", Idempotent: true}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer first.End()
		tokens, balance := s.hedging["critical"].tokens.Load(), s.budget.Balance()
		planned, ok := r.planHedge(first)
		if !ok || s.hedging["critical"].tokens.Load() != tokens-hedgeQuantum || s.budget.Balance() != balance-1 {
			t.Fatal("not paid")
		}
		planned.giveBack()
		for s.budget.Withdraw(true) {
			balance = 0
		}
		if _, ok := r.planHedge(first); ok || s.hedging["critical"].tokens.Load() != tokens || s.budget.Balance() >= 1 {
			t.Errorf("paid %v: %v of %v hedges are left", ok, s.hedging["critical"].tokens.Load(), tokens)
		}
	})
}
