package balancer

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// Streams that have nothing to say yet are neither silent nor late.
func TestOpenStreamsAreNotSilent(t *testing.T) {
	for _, stream := range []Streaming{ServerStream, ClientStream} {
		synctest.Test(t, func(t *testing.T) {
			r := newWorld().router(t, testConfig())
			ctx := sla.WithTier(t.Context(), "critical") // 800 ms
			var attempts []Attempt
			for range 20 {
				a, err := r.Pick(ctx, Call{Service: "api", Stream: stream}, nil)
				if err != nil {
					t.Fatal(err)
				}
				attempts = append(attempts, a)
			}
			began := time.Now()
			_, err := Do(ctx, r, Call{Service: "api", Stream: stream, Idempotent: true}, func(ctx context.Context, a Attempt) (int, health.Outcome, error) {
				if !sleep(ctx, time.Minute, nil) {
					return 0, health.Outcome{}, ctx.Err()
				}
				return 1, health.Outcome{Kind: health.OK}, nil
			}, nil)
			if err != nil || time.Since(began) != time.Minute {
				t.Errorf("%v after %v", err, time.Since(began))
			}
			for _, c := range r.Status().Services[0].Clouds {
				if c.State == health.Down {
					t.Error(c)
				}
			}
			// No sweep may be due at the very moment: one that finds half of them
			// broken takes the cloud out, and excuses the rest.
			time.Sleep(10 * time.Millisecond)
			synctest.Wait()
			for _, a := range attempts {
				a.Answered(health.Outcome{Kind: health.OK})
				a.Release(health.Outcome{Kind: health.Broken, Reason: "reset"})
			}
			time.Sleep(100 * time.Millisecond)
			counts := state(r, "a").Counts
			other := state(r, "b").Counts
			if ok, bad := counts.OK+other.OK, counts.Bad+other.Bad; ok != 21 || bad != 20 {
				t.Errorf("%d good and %d bad, want 21 and 20", ok, bad)
			}
		})
	}
}
