package balancer

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
)

// lastingCall makes a call whose attempt at cloud a ends only with its context.
func lastingCall(ctx context.Context, r *Router, idempotent bool) (string, error) {
	return Do(ctx, r, Call{Service: "api", Idempotent: idempotent}, func(ctx context.Context, at Attempt) (string, health.Outcome, error) {
		if at.Cloud() == "a" {
			<-ctx.Done()
			return "", health.Outcome{}, ctx.Err()
		}
		return at.Cloud(), health.Outcome{Kind: health.OK}, nil
	}, nil)
}

func lastingConfig() *Config {
	cfg := testConfig()
	cfg.Changes = nil
	cfg.Tiers = cfg.Tiers[1:] // without a timeout
	cfg.Clouds = map[string]Cloud{"a": {Weight: 1 << 31}, "b": {Weight: 1}}
	return cfg
}

// A long call at a cloud that is drained has its grace. Then it is made elsewhere,
// or ends with a typed error if it may not be.
func TestLongCallsEndAfterTheGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.router(t, lastingConfig())
		var wg sync.WaitGroup
		began := time.Now()
		wg.Go(func() {
			_, err := lastingCall(t.Context(), r, false)
			var drained *DrainedError
			if took := time.Since(began); !errors.As(err, &drained) || took < 6*time.Second || took > 6*time.Second+2*stepEvery {
				t.Errorf("after %v: %v", took, err)
			}
			if want := (DrainedError{Service: "api", Cloud: "a", Change: "drain-a", Grace: 5 * time.Second}); drained != nil && *drained != want {
				t.Errorf("got %+v", drained)
			}
		})
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if _, err := lastingCall(ctx, r, false); !errors.As(err, new(*DrainedError)) || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("with a distant deadline: %v", err)
			}
		})
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			if _, err := lastingCall(ctx, r, false); errors.As(err, new(*DrainedError)) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("with a near deadline: %v", err)
			}
		})
		time.Sleep(time.Second)
		if err := r.Drain("a", WithGrace(5*time.Second)); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		if n := lastingAttempts(r); n != 0 {
			t.Errorf("%d attempts are remembered", n)
		}
		if c := state(r, "a"); c.State == health.Down || c.Counts.Bad > 1 { // that with the near deadline
			t.Errorf("it is held against the cloud: %v %+v", c, c.Counts)
		}
	})
}

// A call that may be repeated doesn't fail.
func TestLongIdempotentCallMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.router(t, lastingConfig())
		var wg sync.WaitGroup
		wg.Go(func() {
			// Open: no attempt time cuts it short.
			v, err := Do(t.Context(), r, Call{Service: "api", Idempotent: true, Stream: ClientStream}, func(ctx context.Context, at Attempt) (string, health.Outcome, error) {
				if at.Cloud() == "a" {
					<-ctx.Done()
					return "", health.Outcome{}, ctx.Err()
				}
				return at.Cloud(), health.Outcome{Kind: health.OK}, nil
			}, nil)
			if v != "b" || err != nil {
				t.Errorf("%q, %v", v, err)
			}
		})
		time.Sleep(time.Second)
		if err := r.Drain("a"); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
	})
}

// What has answered and is kept ends as well, and what is released is forgotten.
func TestKeptAttemptEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.router(t, lastingConfig())
		kept := func() (context.Context, Attempt) {
			var of Attempt
			ctx, err := Do(t.Context(), r, Call{Service: "api"}, func(ctx context.Context, at Attempt) (context.Context, health.Outcome, error) {
				at.Keep()
				of = at
				return ctx, health.Outcome{Kind: health.OK}, nil
			}, nil)
			if err != nil {
				t.Fatal(err)
			}
			return ctx, of
		}
		ctx, at := kept()
		_, other := kept()
		if n := lastingAttempts(r); n != 2 {
			t.Errorf("%d attempts are remembered", n)
		}
		other.Release(health.Outcome{})
		if err := r.Apply(failover.Change{ID: "out", Kind: failover.KindDrain, Cloud: "a", Grace: 2 * time.Second}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2*time.Second - stepEvery)
		if ctx.Err() != nil {
			t.Error("it ended before its grace was over")
		}
		time.Sleep(2 * stepEvery)
		if !errors.As(context.Cause(ctx), new(*DrainedError)) {
			t.Errorf("cause %v", context.Cause(ctx))
		}
		at.Release(health.Outcome{})
		if n := lastingAttempts(r); n != 0 {
			t.Errorf("%d attempts are remembered", n)
		}
	})
}

// What outlasts its call ends when the grace is over: also if the tier has a timeout,
// which doesn't end it, and if the grace was over before it came to that.
func TestOutlast(t *testing.T) {
	for _, test := range []struct {
		name           string
		timeout        time.Duration // of the tier
		answers, drain time.Duration // after the call began, the grace being 5 s
		want           time.Duration
	}{
		{"no timeout", 0, 0, time.Minute, 65 * time.Second},
		{"long timeout", 30 * time.Second, 0, time.Minute, 65 * time.Second},
		{"short timeout", 9 * time.Second, 0, time.Minute, 65 * time.Second},
		{"drained before it answers", 9 * time.Second, 4 * time.Second, time.Second, 6 * time.Second},
		{"too late", 9 * time.Second, 8 * time.Second, time.Second, 8 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := lastingConfig()
				for i := range cfg.Tiers {
					cfg.Tiers[i].Timeout = test.timeout
				}
				r := newWorld().router(t, cfg)
				began := time.Now()
				time.AfterFunc(test.drain, func() {
					if err := r.Drain("a", WithGrace(5*time.Second)); err != nil {
						t.Error(err)
					}
				})
				var of Attempt
				var done context.CancelFunc
				ctx, err := Do(t.Context(), r, Call{Service: "api"}, func(_ context.Context, at Attempt) (context.Context, health.Outcome, error) {
					time.Sleep(test.answers)
					at.Keep()
					of = at
					var ctx context.Context
					ctx, done = at.Outlast()
					return ctx, health.Outcome{Kind: health.OK}, nil
				}, nil)
				if err != nil {
					t.Fatal(err)
				}
				<-ctx.Done()
				want := DrainedError{Service: "api", Cloud: "a", Change: "drain-a", Grace: 5 * time.Second}
				var drained *DrainedError
				if !errors.As(context.Cause(ctx), &drained) || *drained != want {
					t.Errorf("cause %v", context.Cause(ctx))
				}
				if took := time.Since(began); took < test.want || took > test.want+2*stepEvery {
					t.Errorf("after %v, want %v", took, test.want)
				}
				of.Release(health.Outcome{})
				done()
				done()
				if n := lastingAttempts(r); n != 0 {
					t.Errorf("%d attempts are remembered", n)
				}
			})
		})
	}
}

// lastingAttempts counts the attempts that are remembered.
func lastingAttempts(r *Router) int {
	n := 0
	for _, s := range r.order {
		for _, c := range s.clouds {
			n += len(c.lasting.all())
		}
	}
	return n
}
