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

// A service whose answers take long, be it 600 of 800 ms or a poll of half a minute,
// is well: nothing that is cut short because nobody knew speaks against a cloud, and
// soon nothing is.
func TestSlowService(t *testing.T) {
	for _, test := range []struct{ latency, every, timeout time.Duration }{
		{3 * time.Second, time.Second, 0},
		{3 * time.Second, 3 * time.Second, 0},
		{3 * time.Second, 20 * time.Second, 0},
		{30 * time.Second, 10 * time.Second, 0},
		{30 * time.Second, 10 * time.Second, 40 * time.Second},
		{30 * time.Second, 20 * time.Minute, 40 * time.Second},
		{30 * time.Second, time.Second, 40 * time.Second},
		{600 * time.Millisecond, time.Second, 800 * time.Millisecond},
		{600 * time.Millisecond, 10 * time.Millisecond, 800 * time.Millisecond},
		{600 * time.Millisecond, 10 * time.Millisecond, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			cfg := testConfig()
			cfg.Tiers, cfg.Default = []sla.Tier{{Name: "only", Timeout: test.timeout}}, ""
			w := newWorld()
			r := w.router(t, cfg, WithTrace(Trace{StateChanged: func(c StateChange) {
				if c.To == health.Down {
					t.Errorf("%v of %v, each %v: %s is down: %s", test.latency, test.timeout, test.every, c.Cloud, c.Reason)
				}
			}}))
			r.SetProber(HTTP, func(context.Context, Probe) health.Outcome { return health.Outcome{Kind: health.OK} })
			w.latency = test.latency
			learnt := time.Now().Add(test.timeout + time.Second) // when the first answers are measured
			var mu sync.Mutex
			var wg sync.WaitGroup
			n := max(5, int(5*time.Minute/test.every))
			for range n {
				began := time.Now()
				wg.Go(func() {
					_, err := w.call(t.Context(), r, Call{Service: "api", Idempotent: true})
					mu.Lock()
					defer mu.Unlock()
					if err != nil && !began.Before(learnt) {
						t.Errorf("%v of %v, each %v, after %v: %v", test.latency, test.timeout, test.every, began.Sub(learnt), err)
					}
				})
				time.Sleep(test.every)
			}
			wg.Wait()
			if most := n + n/100 + 20; w.count("a")+w.count("b") > most {
				t.Errorf("%v of %v, each %v: %d attempts at %d calls", test.latency, test.timeout, test.every, w.count("a")+w.count("b"), n)
			}
		})
	}
}
