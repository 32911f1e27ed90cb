package balancer

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// A call that panics is bad, once, for the report and for the metric.
func TestPanicsAreBad(t *testing.T) {
	never := func(int) {}
	for name, test := range map[string]struct {
		try      func(context.Context, Attempt) (int, health.Outcome, error)
		discard  func(int)
		answered func(Attempt)
	}{
		"try": {try: func(context.Context, Attempt) (int, health.Outcome, error) { panic("oops") }, discard: never},
		"try ends its goroutine": {try: func(context.Context, Attempt) (int, health.Outcome, error) {
			runtime.Goexit()
			return 0, health.Outcome{}, nil
		}, discard: never},
		"try, again": {try: func(_ context.Context, at Attempt) (int, health.Outcome, error) {
			if at.Number() == 2 {
				panic("oops")
			}
			return 0, health.Outcome{Kind: health.Failed}, nil
		}, discard: never},
		"a hedge": {try: func(ctx context.Context, at Attempt) (int, health.Outcome, error) {
			if at.Hedge() {
				panic("oops")
			}
			<-ctx.Done()
			return 0, health.Outcome{}, ctx.Err()
		}, discard: never},
		"discard": {try: func(context.Context, Attempt) (int, health.Outcome, error) {
			return 0, health.Outcome{Kind: health.Failed}, nil
		}, discard: func(int) { panic("oops") }},
		"a hook": {try: func(context.Context, Attempt) (int, health.Outcome, error) {
			return 0, health.Outcome{Kind: health.OK}, nil
		}, discard: never, answered: func(Attempt) { panic("oops") }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := promising()
				cfg.Tiers[1].Objective.Window, cfg.Tiers[1].Hedge = 0, 0.1
				panics := false
				w := newWorld()
				r := w.router(t, cfg, WithTrace(Trace{Answered: func(a Attempt, _ health.Outcome, _ time.Duration) {
					if panics && test.answered != nil {
						test.answered(a)
					}
				}}))
				w.load(r, "standard", 600, 5*time.Millisecond) // so that there are hedges
				before, _ := totals(t, r)
				panics = true
				ended := make(chan bool)
				go func() {
					defer close(ended)
					defer func() { recover() }()
					v, err := Do(acme, r, Call{Service: "api", Idempotent: true}, test.try, test.discard)
					t.Errorf("got %v, %v", v, err)
				}()
				<-ended
				tier, contract := totals(t, r)
				if tier.Bad-before.Bad != 1 || tier.Good != before.Good || contract != (sla.Counts{Bad: 1}) {
					t.Errorf("tier %+v, was %+v; contract %+v", tier, before, contract)
				}
				if metric := counted(r); metric != tier {
					t.Errorf("the metric says %+v, the report %+v", metric, tier)
				}
			})
		})
	}
}
