package balancer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// A thousand updates in a second, a tenth of them invalid, under the load of
// eight goroutines: no call fails, and each attempt is where some config in
// force during its call sends it.
func TestUpdateUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.latency = 100 * time.Microsecond
		r := w.router(t, testConfig())
		var stop atomic.Bool
		var wg sync.WaitGroup
		var calls atomic.Int64
		var mu sync.Mutex
		hasC := []bool{false}    // of each config that was put in force, or is about to be
		var inForce atomic.Int64 // the last of those that certainly is
		servedC := func(since int64) bool {
			mu.Lock()
			defer mu.Unlock()
			return slices.Contains(hasC[since:], true)
		}
		for range 8 {
			wg.Go(func() {
				ctx := sla.WithTier(context.Background(), "critical")
				for !stop.Load() {
					calls.Add(1)
					since := inForce.Load()
					where, err := w.call(ctx, r, Call{Service: "api", Idempotent: true})
					if err != nil {
						t.Error(err)
						return
					}
					var cloud string
					var i, j int
					if _, err := fmt.Sscanf(where, "%s 10.0.%d.%d:80", &cloud, &i, &j); err != nil || cloud != string(rune('a'+i)) || i > 2 || j < 1 || j > 3 {
						t.Errorf("a call went to %q", where)
						return
					}
					if cloud == "c" && !servedC(since) {
						t.Error("a call went to cloud c, which no config had since it began")
						return
					}
				}
			})
		}
		accepted, refused := 0, 0
		for n := range 1000 {
			cfg := testConfig()
			cfg.Clouds["a"] = Cloud{Weight: uint32(1 + n%7)}
			if n%3 == 0 {
				cfg.Clouds["c"] = Cloud{Weight: 10}
				cfg.Services["api"].Clouds["c"] = ServiceCloud{HTTP: []string{"http://10.0.2.1", "http://10.0.2.3"}}
			}
			if n%4 == 0 {
				cfg.Tiers = []sla.Tier{cfg.Tiers[1], cfg.Tiers[0]} // other indexes
			}
			if n%10 == 9 {
				cfg.Default = "gold"
			}
			if n%10 != 9 {
				mu.Lock()
				hasC = append(hasC, n%3 == 0)
				mu.Unlock()
			}
			if err := r.Update(cfg); err == nil {
				accepted++
				inForce.Add(1)
			} else {
				refused++
			}
			time.Sleep(time.Millisecond)
		}
		stop.Store(true)
		wg.Wait()
		if accepted != 900 || refused != 100 || calls.Load() < 10_000 {
			t.Errorf("%d accepted, %d refused, %d calls", accepted, refused, calls.Load())
		}
	})
}

// What is known of a cloud survives an update.
func TestUpdateKeepsWhatIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.router(t, testConfig())
		w.load(r, "standard", 200, 5*time.Millisecond)
		w.set("a", refuses)
		w.load(r, "standard", 200, 5*time.Millisecond)
		before := state(r, "a")
		if before.State != health.Down {
			t.Fatalf("%v", before)
		}
		cfg := testConfig()
		cfg.Clouds["a"] = Cloud{Weight: 500}
		cfg.Services["api"].Clouds["a"] = ServiceCloud{HTTP: []string{"http://10.0.0.2", "http://10.0.0.3"}}
		if err := r.Update(cfg); err != nil {
			t.Fatal(err)
		}
		after := state(r, "a")
		if after.State != health.Down || after.Since != before.Since {
			t.Errorf("before: %v; after: %v", before, after)
		}
		if s := share(r, "standard", "a"); s.Fraction != 0 {
			t.Errorf("share is %v", s)
		}
	})
}

// New weights move at the slope, a cloud that is gone goes at once.
func TestUpdateMovesShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		cfg := testConfig()
		cfg.Clouds["a"] = Cloud{Weight: 30}
		cfg.Clouds["b"] = Cloud{Weight: 70}
		time.Sleep(time.Second)
		if err := r.Update(cfg); err != nil {
			t.Fatal(err)
		}
		last := share(r, "standard", "a").Fraction
		for range 100 {
			time.Sleep(100 * time.Millisecond)
			now := share(r, "standard", "a").Fraction
			// A step may fall on either side of the reading.
			if last-now > 0.01+0.005+1e-9 {
				t.Fatalf("share fell from %.4f to %.4f in 100 ms", last, now)
			}
			last = now
		}
		if math.Abs(last-0.3) > 1e-9 {
			t.Errorf("share is %.4f in the end", last)
		}
		delete(cfg.Services["api"].Clouds, "b")
		if err := r.Update(cfg); err != nil {
			t.Fatal(err)
		}
		if s := share(r, "standard", "a"); s.Fraction != 1 {
			t.Errorf("share of the only cloud is %v", s)
		}
	})
}

func TestUpdateAllOrNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		before := r.table.Load()
		bad := testConfig()
		bad.Clouds["a"] = Cloud{Weight: 1}
		bad.Tiers[0].Clouds.Only = []string{"nowhere"}
		var faults *ConfigError
		if err := r.Update(bad); !errors.As(err, &faults) {
			t.Errorf("error is %v", err)
		}
		if err := r.Update(nil); err == nil {
			t.Error("no config was accepted")
		}
		if r.table.Load() != before {
			t.Error("the table changed")
		}
	})
}

// A service that is added to a router that is hours old has the first second of its
// calls before it like any other.
func TestBudgetOfAnAddedService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.router(t, testConfig())
		time.Sleep(10 * time.Minute)
		next := testConfig()
		next.Services["late"] = next.Services["api"]
		if err := r.Update(next); err != nil {
			t.Fatal(err)
		}
		b := r.services[serviceKey{name: "late", protocol: HTTP}].budget
		before := b.Balance()
		b.Refill(r.now()+500*time.Millisecond, 1000)
		if got := b.Balance(); got < 2*before {
			t.Errorf("of 1000 calls in its first half a second it has %.0f tokens, %.0f before", got, before)
		}
	})
}
