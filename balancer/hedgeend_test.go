package balancer

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

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

// TestLateThoughTheHedgeWasQuick: a call takes as long as Do does. A first try that
// ignores its context has made it late.
func TestLateThoughTheHedgeWasQuick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, r := hedgedWorld(t, func(cfg *Config) {
			cfg.Tiers[0].Objective = sla.Objective{Target: 0.999, Latency: 50 * ms}
		})
		r.mu.Lock()
		endings := r.endingsOf(r.order[0], "critical")
		r.mu.Unlock()
		ends := endings.ended
		slow, good := ends(endSlow), ends(endGood)
		_, err := Do(sla.WithTier(t.Context(), "critical"), r, Call{Service: "api", Idempotent: true},
			func(_ context.Context, at Attempt) (int, health.Outcome, error) {
				if at.Number() == 1 {
					time.Sleep(300 * ms)
				}
				return at.Number(), health.Outcome{Kind: health.OK}, nil
			}, nil)
		if err != nil || ends(endSlow) != slow+1 || ends(endGood) != good {
			t.Errorf("%v; %d slow and %d good more, want the one slow", err, ends(endSlow)-slow, ends(endGood)-good)
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
