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
		{30 * time.Second, 10 * time.Minute, 40 * time.Second},
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
			n := max(3, int(2*time.Minute/test.every))
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

// What is known of how long answers take decides what is overdue, and what a cut says.
func TestOverdue(t *testing.T) {
	const ms = time.Millisecond
	for _, test := range []struct {
		name          string
		answers       int // before, one each 10 ms
		latency, idle time.Duration
		waited, left  time.Duration
		overdue       bool
		guess         bool
	}{
		{"nothing is known", 0, 0, 0, 400 * ms, 400 * ms, true, true},
		{"answers are quick", 500, 5 * ms, 0, 400 * ms, 400 * ms, true, false},
		{"answers take as long", 500, 600 * ms, 0, 400 * ms, 400 * ms, false, true},
		{"answers take longer than is left", 500, 600 * ms, 0, 650 * ms, 350 * ms, false, false},
		{"nobody waits for ever", 500, 600 * ms, 0, 650 * ms, 0, true, false},
		{"few quick answers", 15, 5 * ms, 0, 400 * ms, 400 * ms, true, false},
		{"one slow answer a minute ago", 1, 300 * ms, time.Minute, 400 * ms, 400 * ms, false, true},
		{"many quick answers a minute ago", 500, 5 * ms, time.Minute, 400 * ms, 400 * ms, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := testConfig()
				cfg.Tiers[0].Timeout, cfg.Tiers[0].Attempts = 0, 1
				w := newWorld()
				w.latency = test.latency
				r := w.router(t, cfg)
				w.load(r, "critical", test.answers, 10*ms)
				time.Sleep(2*time.Second + test.idle)
				a, err := r.Pick(sla.WithTier(t.Context(), "critical"), Call{Service: "api"}, nil)
				if err != nil {
					t.Fatal(err)
				}
				if got := a.Overdue(test.waited, test.left); got != test.overdue {
					t.Errorf("overdue after %v with %v left: %t", test.waited, test.left, got)
				}
				time.Sleep(test.waited)
				if o := a.GivenUp(2 * test.waited); o.Kind != health.TimedOut || o.Guess != test.guess {
					t.Errorf("given up after %v: %+v", test.waited, o)
				}
				a.Done(health.Outcome{})
			})
		})
	}
}

// A cloud that is down is lost to a tier only if another one serves that.
func TestLostToATier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.Tiers[1].Clouds.Only = []string{"a"}
		w := newWorld()
		r := w.router(t, cfg)
		w.load(r, "critical", 400, 5*time.Millisecond)
		w.set("a", refuses)
		w.load(r, "critical", 400, 5*time.Millisecond)
		if got := state(r, "a").State; got != health.Down {
			t.Fatalf("a is %v", got)
		}
		s := r.table.Load().find("api", HTTP)
		for tier, lost := range []bool{true, false} {
			a := Attempt{tier: uint8(tier), cloud: &s.clouds[s.find("a")]}
			if a.lost() != lost {
				t.Errorf("lost to tier %s: %t", s.tiers[tier].Name, a.lost())
			}
		}
	})
}
