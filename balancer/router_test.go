package balancer

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

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
			PlanChanged:   func(c PlanChange) { plans = append(plans, c.Plan) },
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
