package balancer

import (
	"context"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

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
