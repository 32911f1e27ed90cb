package balancer

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
)

// When the first attempt's cloud is drained and its grace is over, the hedge that
// is under way elsewhere is what the call goes on with.
func TestHedgeOutlivesADrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.Tiers[0].Hedge, cfg.Tiers[0].Timeout = 0.1, 0
		w := newWorld()
		w.latency = 900 * ms // so that an attempt has 3.6 s
		r := w.router(t, cfg)
		for {
			w.load(r, "critical", 600, 20*ms) // what is known of latencies is soon forgotten
			s := &script{replies: map[int]reply{1: {kind: health.OK, after: time.Hour}, 2: {kind: health.OK, after: 2 * time.Second}, 3: {kind: health.OK, after: ms}}}
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				time.Sleep(1200 * ms)
				s.mu.Lock()
				first := s.attempts[0].Cloud()
				s.mu.Unlock()
				if first == "a" {
					if err := r.Drain("a", WithGrace(time.Second)); err != nil {
						t.Error(err)
					}
				} else {
					cancel()
				}
			}()
			v, err := s.do(ctx, r, Call{Service: "api", Idempotent: true})
			if ctx.Err() != nil {
				continue // it began at the other cloud
			}
			cancel()
			if err != nil || v != 2 || len(s.attempts) != 2 {
				t.Errorf("attempt %d of %d answered: %v", v, len(s.attempts), err)
			}
			return
		}
	})
}
