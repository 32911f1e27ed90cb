package balancer

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// TestWins: so many hedges win, and so soon it follows that fewer are made, or all.
func TestWins(t *testing.T) {
	for name, test := range map[string]struct {
		before, now float64 // part of the hedges that win
		want        float64
		from, to    int // hedges until then
	}{
		"none from the beginning":   {before: 1, now: 0, want: trickle, from: 100, to: 120},
		"none after half":           {before: 0.5, now: 0, want: trickle, from: 70, to: 90},
		"half after none":           {before: 0, now: 0.5, want: 1, from: 8, to: 16},
		"a fifth is enough":         {before: 1, now: 0.2, want: 1, from: 0, to: 0},
		"one in twenty isn't":       {before: 1, now: 0.05, want: trickle, from: 140, to: 200},
		"one in twenty after none":  {before: 0, now: 0.05, want: trickle, from: 0, to: 0},
		"a fifth after many losses": {before: 0, now: 0.2, want: 1, from: 30, to: 60},
	} {
		t.Run(name, func(t *testing.T) {
			var w wins
			made, won, fraction := uint64(0), uint64(0), 0.0
			step := func(part float64) {
				made++
				if fraction += part; fraction >= 1-1e-9 {
					fraction--
					won++
				}
				w.count(made, won)
			}
			for range 1000 {
				step(test.before)
			}
			changed := 0 // for the last time
			for n := 1; n <= 1000; n++ {
				was := w.part()
				if step(test.now); w.part() != was {
					changed = n
				}
			}
			if changed < test.from || changed > test.to || w.part() != test.want {
				t.Errorf("%v from hedge %d on", w.part(), changed)
			}
		})
	}
}

// TestWinsCountAtOnce what comes at once, in any order.
func TestWinsCountAtOnce(t *testing.T) {
	var one, together wins
	for n := range uint64(200) {
		one.count(n+1, (n+1)/4)
	}
	together.count(200, 50)
	together.count(200, 50)
	if got := together.wonLately / together.lately; got > 1 || together.part() != one.part() {
		t.Errorf("%v of the hedges won", got)
	}
	together.count(200, 300) // answered later than they were made, and more than is remembered
	if together.wonLately > together.lately {
		t.Errorf("%v of %v hedges won", together.wonLately, together.lately)
	}
}

// TestHedgesThatLoseAreFew, until they win again: where one call in twelve takes
// long wherever it is made, hedges come to a tenth of what the tier may make.
func TestHedgesThatLoseAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, r := hedgedWorld(t, func(c *Config) { c.Retry.Fraction = 1 })
		run := func(calls int, hedgeWins bool) float64 {
			before := r.order[0].retries.Load()
			done := make(chan error, calls)
			for n := range calls {
				go func() {
					_, err := Do(sla.WithTier(t.Context(), "critical"), r, Call{Service: "api", Idempotent: true},
						func(ctx context.Context, at Attempt) (int, health.Outcome, error) {
							took := 5 * ms
							if n%12 == 0 && !(at.Hedge() && hedgeWins) {
								took = 20 * ms
							}
							if !sleep(ctx, took, nil) {
								return 0, health.Outcome{}, ctx.Err()
							}
							return 0, health.Outcome{Kind: health.OK}, nil
						}, nil)
					done <- err
				}()
				time.Sleep(5 * ms)
			}
			for range calls {
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
			return float64(r.order[0].retries.Load()-before) / float64(calls)
		}
		run(4000, true)
		won := run(2000, true)
		run(4000, false)
		lost := run(2000, false)
		run(4000, true)
		again := run(2000, true)
		if won < 0.07 || lost > 0.011 || lost == 0 || again < 0.07 {
			t.Errorf("hedges per call: %.4f when they win, %.4f when they lose, %.4f when they win again", won, lost, again)
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
	})
}
