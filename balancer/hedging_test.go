package balancer

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

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
		synctest.Wait() // a step may be under way, which earns some more
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

// TestNoHedgeToASlowCloud: nor to another endpoint of it.
func TestNoHedgeToASlowCloud(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := hedgedWorld(t, func(c *Config) { c.Retry.Fraction = 1 })
		w.mu.Lock()
		w.latency = 40 * ms // everywhere
		w.mu.Unlock()
		if errs := w.load(r, "critical", 400, 5*ms); len(errs) > 0 {
			t.Fatal(errs[0])
		}
		s := &script{replies: map[int]reply{1: {kind: health.OK, after: 100 * ms}, 2: {kind: health.OK}}}
		if v, err := s.do(t.Context(), r, Call{Service: "api", Idempotent: true}); v != 1 || err != nil || len(s.attempts) != 1 {
			t.Errorf("value %d after %d attempts, %v", v, len(s.attempts), err)
		}
		explained := func() float64 {
			e, err := r.Explain(sla.WithTier(t.Context(), "critical"), Call{Service: "api", Idempotent: true})
			if err != nil {
				t.Fatal(err)
			}
			return e.Hedge
		}
		if h := explained(); h != 0 {
			t.Errorf("%v of the calls are said to be hedged", h)
		}
		w.mu.Lock()
		w.latency = 0
		w.mu.Unlock()
		if errs := w.load(r, "critical", 3000, 5*ms); len(errs) > 0 { // what is normal is so again
			t.Fatal(errs[0])
		}
		s = &script{replies: map[int]reply{1: {kind: health.OK, after: 100 * ms}, 2: {kind: health.OK}}}
		if v, err := s.do(t.Context(), r, Call{Service: "api", Idempotent: true}); v != 2 || err != nil {
			t.Errorf("value %d after %d attempts, %v", v, len(s.attempts), err)
		}
		if explained() == 0 {
			t.Error("no calls are said to be hedged")
		}
	})
}
