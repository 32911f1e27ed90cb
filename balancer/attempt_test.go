package balancer

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

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

// Whatever panics, nothing stays in flight and no context stays open.
func TestPanicInHookLeavesNothing(t *testing.T) {
	nth := func(n int) func() {
		return func() {
			if n--; n == 0 {
				panic("oops")
			}
		}
	}
	none := func() {}
	for name, panics := range map[string]struct{ picked, answered, discard func() }{
		"picked":         {nth(1), none, none},
		"picked again":   {nth(2), none, none},
		"answered":       {none, nth(1), none},
		"answered again": {none, nth(2), none},
		"discard":        {none, none, nth(1)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newWorld().router(t, testConfig(), WithTrace(Trace{
					Picked:   func(Attempt) { panics.picked() },
					Answered: func(Attempt, health.Outcome, time.Duration) { panics.answered() },
				}))
				var contexts []context.Context
				func() {
					defer func() {
						if recover() != "oops" {
							t.Error("the panic is lost")
						}
					}()
					Do(sla.WithTier(t.Context(), "critical"), r, Call{Service: "api", Idempotent: true},
						func(ctx context.Context, a Attempt) (int, health.Outcome, error) {
							contexts = append(contexts, ctx)
							return 0, health.Outcome{Kind: health.Failed}, nil
						}, func(int) { panics.discard() })
				}()
				wantNoneInFlight(t, r)
				for i, ctx := range contexts {
					if ctx.Err() == nil {
						t.Errorf("the context of attempt %d is open", i+1)
					}
				}
			})
		})
	}
}

// The same goes for attempts of Pick.
func TestPanicInHookOfPick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := ""
		panics := func(where string) {
			if where == at {
				panic("oops")
			}
		}
		r := newWorld().router(t, testConfig(), WithTrace(Trace{
			Picked:   func(Attempt) { panics("picked") },
			Answered: func(Attempt, health.Outcome, time.Duration) { panics("answered") },
		}))
		for _, at = range []string{"picked", "answered"} {
			func() {
				defer func() { recover() }()
				a, err := r.Pick(t.Context(), Call{Service: "api"}, nil)
				if err == nil {
					a.Done(health.Outcome{Kind: health.OK})
				}
				t.Errorf("%s: no panic, %v", at, err)
			}()
			wantNoneInFlight(t, r)
		}
	})
}

func wantNoneInFlight(t *testing.T, r *Router) {
	t.Helper()
	for _, c := range r.Status().Services[0].Clouds {
		for _, e := range c.Endpoints {
			if e.InFlight != 0 {
				t.Errorf("%d in flight at %s %s", e.InFlight, c.Name, e.Address)
			}
		}
	}
}

// A deferred Done ends the attempt that it was of, whatever the variable holds then.
func TestDeferredDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		var first, second Attempt
		func() {
			a, err := r.Pick(t.Context(), Call{Service: "api"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			first = a
			defer a.Done(health.Outcome{Kind: health.Failed})
			if a, err = r.Pick(t.Context(), Call{Service: "api"}, []Attempt{a}); err != nil {
				t.Fatal(err)
			}
			second = a
			defer a.Done(health.Outcome{Kind: health.OK})
		}()
		for _, a := range []Attempt{first, second} {
			if n := a.endpoint.live.InFlight(); n != 0 {
				t.Errorf("%v: %d in flight", a.Endpoint(), n)
			}
		}
	})
}

// Begin fills in an attempt that may have been another one before, and after an
// error leaves nothing behind.
func TestBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		var a Attempt
		ctx := sla.WithTier(t.Context(), "critical")
		for range 3 {
			for _, stream := range []Streaming{NoStream, ClientStream} {
				if err := r.Begin(ctx, &Call{Service: "api", Stream: stream}, &a); err != nil {
					t.Fatal(err)
				}
				if a.Tier() != "critical" || a.Number() != 1 || a.Hedge() || a.endpoint.live.InFlight() != 1 {
					t.Errorf("%+v, %d in flight", a, a.endpoint.live.InFlight())
				}
				a.Done(health.Outcome{Kind: health.OK})
			}
			var unknown *UnknownServiceError
			if err := r.Begin(ctx, &Call{Service: "other"}, &a); !errors.As(err, &unknown) {
				t.Errorf("a service that isn't there: %v", err)
			}
		}
		for _, c := range r.order[0].clouds {
			if n := c.target.Load().InFlight; n != 0 {
				t.Errorf("%s: %d in flight", c.name, n)
			}
		}
	})
}
