package balancer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// scarce is a config with capacity for so many calls per second in each cloud.
func scarce(a, b float64) *Config {
	cfg := testConfig()
	cfg.Instances = 1
	cfg.Tiers[1].Attempts = 3
	for name, capacity := range map[string]float64{"a": a, "b": b} {
		c := cfg.Services["api"].Clouds[name]
		c.Capacity = capacity
		cfg.Services["api"].Clouds[name] = c
	}
	return cfg
}

// offerCalls makes a standard call every 5 ms with the contexts in turn, and tells
// what came of each but those of the first 5 s, in which the demand is measured.
func (w *world) offerCalls(r *Router, n int, ctx func(i int) context.Context, ended func(i int, err error)) {
	const measured = 1000
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range measured + n {
		wg.Go(func() {
			_, err := w.call(ctx(i), r, Call{Service: "api", Idempotent: true})
			mu.Lock()
			defer mu.Unlock()
			if i >= measured {
				ended(i, err)
			}
		})
		time.Sleep(5 * time.Millisecond)
	}
	wg.Wait()
}

// A call that is shed gets an error that says what it was, why it has to wait and
// for how long. Those that were refused together aren't told to come back
// together.
func TestShedError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.router(t, scarce(50, 50))
		waits, levels := make(map[time.Duration]bool), make(map[int]bool)
		shed := 0
		w.offerCalls(r, 1000, func(int) context.Context { return t.Context() }, func(_ int, err error) {
			if err == nil {
				return
			}
			var e *sla.ShedError
			if !errors.As(err, &e) {
				t.Error(err)
				return
			}
			shed++
			waits[e.RetryAfter], levels[e.Level] = true, true
			if e.Service != "api" || e.Tier != "standard" || e.Reason != sla.ShedCapacity ||
				e.RetryAfter < time.Second || e.RetryAfter >= 2*time.Second || e.Level < 0 || e.Level > 127 {
				t.Errorf("%+v", e)
			}
		})
		if shed < 400 || shed > 600 {
			t.Errorf("%d of 1000 calls were shed, want half", shed)
		}
		if len(waits) < shed/2 {
			t.Errorf("%d calls are to come back at %d times", shed, len(waits))
		}
		if min, max := 32, 100; len(levels) < min || len(levels) > max {
			t.Errorf("calls of %d levels were shed, want about half of 128", len(levels))
		}
	})
}

// The lowest levels are served, the highest wait, and the status says from which
// one on.
func TestHighestLevelsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.router(t, scarce(50, 50))
		level := func(i int) int { return i * 37 % 128 }
		served, shed := make(map[int]int), make(map[int]int)
		w.offerCalls(r, 2560, func(i int) context.Context { return sla.WithLevel(t.Context(), uint8(level(i))) }, func(i int, err error) {
			if err == nil {
				served[level(i)]++
			} else {
				shed[level(i)]++
			}
		})
		for l := range 128 {
			if l < 40 && shed[l] > 0 || l > 88 && served[l] > 0 {
				t.Errorf("level %d: %d served, %d shed", l, served[l], shed[l])
			}
		}
		if from := r.Status().Services[0].Tiers[1].ShedLevel; from < 40 || from > 88 {
			t.Errorf("the status says that calls wait from level %d on", from)
		}
	})
}

// While shedding lasts the same customers wait, not a random slice of everyone.
func TestSameCustomersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.router(t, scarce(50, 50))
		const customers = 200 // each makes a call per second
		served, shed := make(map[int]int), make(map[int]int)
		w.offerCalls(r, 20*customers, func(i int) context.Context {
			return sla.WithCaller(t.Context(), sla.Caller{Product: "p", Customer: fmt.Sprint(i % customers)})
		}, func(i int, err error) {
			if err == nil {
				served[i%customers]++
			} else {
				shed[i%customers]++
			}
		})
		always, never, both := 0, 0, 0
		for c := range customers {
			switch {
			case shed[c] == 0:
				always++
			case served[c] == 0:
				never++
			default:
				both++
			}
		}
		if always < customers/4 || never < customers/4 || both > customers/5 {
			t.Errorf("%d customers were always served, %d never, %d now and then", always, never, both)
		}
	})
}

// A call of a tier that is being shed makes one attempt, also if it fails.
func TestShedTierIsNotRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		cfg := scarce(50, 1000) // there is room for retries in b
		cfg.Tiers[1].Spill = sla.SpillNever
		r := w.router(t, cfg)
		w.load(r, "standard", 1000, 5*time.Millisecond)
		if got := r.Status().Services[0].Tiers[1].Shed; got == 0 {
			t.Fatal("nothing is shed")
		}
		// A retry of whoever picks himself isn't made, and is no call of its own.
		ctx := sla.WithLevel(t.Context(), 0)
		a, err := r.Pick(ctx, Call{Service: "api"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		a.Done(health.Outcome{Kind: health.Failed})
		before := r.Status().Services[0].Tiers[1].ShedCalls
		_, err = r.Pick(ctx, Call{Service: "api"}, []Attempt{a})
		var shed *sla.ShedError
		if !errors.As(err, &shed) || shed.Reason != sla.ShedCapacity {
			t.Errorf("a retry: %v", err)
		}
		if after := r.Status().Services[0].Tiers[1].ShedCalls; after != before {
			t.Errorf("a retry counted as a call that was shed: %+v, then %+v", before, after)
		}
		w.set("a", fails)
		retries := r.services[serviceKey{"api", HTTP}].retries.Load()
		asked := w.count("a")
		for range 100 {
			w.load(r, "standard", 1, 5*time.Millisecond)
			if r.Status().Services[0].Tiers[1].Shed == 0 {
				break // a is known to be down, and b has room for all
			}
			if got := r.services[serviceKey{"api", HTTP}].retries.Load(); got != retries {
				t.Fatalf("%d retries were made while the tier was shed", got-retries)
			}
		}
		if w.count("a") == asked {
			t.Error("no call failed")
		}
	})
}

// limit sets the cap of a cloud until the next step.
func limit(r *Router, cloud string, most int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.services[serviceKey{"api", HTTP}]
	for _, c := range s.clouds {
		if c.name == cloud {
			c.capacity.limit = most
			c.setLimits(s.tiers)
		}
	}
}

// fill picks for a tier until it is refused or has the most attempts under way, and
// returns how many each cloud has and the error.
func fill(t *testing.T, r *Router, tier string, most int) (under map[string]int, err error) {
	under = make(map[string]int)
	ctx := sla.WithTier(t.Context(), tier)
	for range most {
		a, err := r.Pick(ctx, Call{Service: "api"}, nil)
		if err != nil {
			return under, err
		}
		under[a.Cloud()]++
		t.Cleanup(func() { a.Done(health.Outcome{}) })
	}
	return under, nil
}

// only leaves cloud a alone.
func only(cfg *Config) *Config {
	cfg.Services["api"] = Service{Clouds: map[string]ServiceCloud{"a": cfg.Services["api"].Clouds["a"]}}
	return cfg
}

// Less critical tiers meet the cap earlier, and protected ones may use twice of it.
func TestTiersMeetTheCap(t *testing.T) {
	for tier, want := range map[string]int{"critical": 40, "standard": 16, "batch": 10} {
		synctest.Test(t, func(t *testing.T) { // so that no step resets the cap
			cfg := only(testConfig())
			cfg.Tiers = append(cfg.Tiers, sla.Tier{Name: "batch"})
			r := newWorld().router(t, cfg)
			limit(r, "a", 20)
			under, err := fill(t, r, tier, 100)
			var shed *sla.ShedError
			if !errors.As(err, &shed) || shed.Reason != sla.ShedInFlight || shed.Tier != tier {
				t.Errorf("%s: %v", tier, err)
			}
			if under["a"] != want {
				t.Errorf("%s: %d under way, want %d", tier, under["a"], want)
			}
			status := state(r, "a").Capacity
			if status.Cap != 20 {
				t.Errorf("the status says that the cap is %d", status.Cap)
			}
		})
	}
}

// A call whose cloud has no room goes to another one, unless its tier never
// spills.
func TestNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.Tiers = append(cfg.Tiers, sla.Tier{Name: "batch", Spill: sla.SpillNever})
		r := newWorld().router(t, cfg)
		limit(r, "a", 2)
		if _, err := fill(t, r, "standard", 50); err != nil {
			t.Errorf("standard wasn't rescued: %v", err)
		}
		under, err := fill(t, r, "batch", 50)
		var shed *sla.ShedError
		if !errors.As(err, &shed) || shed.Reason != sla.ShedInFlight || under["a"] > 0 {
			t.Errorf("batch: %v, %v", under, err)
		}
	})
}

// Where others call than before, the levels that wait follow them, though as much is
// shed as before.
func TestLevelsFollowTheCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.router(t, scarce(50, 50))
		shed, calls := 0, 0
		time.Sleep(time.Millisecond) // so that each sweep counts ten calls, and the plan stays what it is
		w.offerCalls(r, 10_000, func(i int) context.Context {
			level := i * 37 % 128
			if i >= 2000 {
				level /= 2 // none of the upper half any more
			}
			return sla.WithLevel(t.Context(), uint8(level))
		}, func(i int, err error) {
			if i >= 9000 {
				calls++
				if err != nil {
					shed++
				}
			}
		})
		if shed < calls*40/100 || shed > calls*60/100 {
			t.Errorf("%d of %d calls were shed 40 s after the callers changed, want half", shed, calls)
		}
	})
}

// A tier is shed if it would be with three standard deviations less demand, a
// protected one with five.
func TestFewCallsAreNoDemand(t *testing.T) {
	r := newWorld().router(t, testConfig())
	s := r.order[0]
	for name, test := range map[string]struct {
		critical, standard float64 // with a deviation of 5 each, for 100 calls in all
		sheds              [2]bool
	}{
		"enough":                   {50, 50, [2]bool{false, false}},
		"perhaps enough":           {65, 64, [2]bool{false, false}},
		"too much":                 {65, 66, [2]bool{false, true}},
		"perhaps for critical":     {124, 30, [2]bool{false, true}},
		"too much for critical":    {126, 30, [2]bool{true, true}},
		"too much of critical one": {126, 0, [2]bool{true, false}},
	} {
		in := s.input(r.config.Failover)
		for i := range in.Clouds {
			in.Clouds[i].Capacity = 50
		}
		in.Demand = []float64{test.critical, test.standard}
		plan := failover.Compute(in)
		s.sureOnly(&plan, in, []float64{5, 5})
		for i, want := range test.sheds {
			if got := plan.Tiers[i].Shed > 0; got != want {
				t.Errorf("%s: tier %d: shed %t, want %t", name, i, got, want)
			}
		}
	}
}

// While observing nothing is shed, neither for lack of capacity nor by the cap.
func TestObserveShedsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := scarce(20, 20)
		cfg.Observe = "a"
		w := newWorld()
		r := w.router(t, cfg)
		if errs := w.load(r, "standard", 1000, 5*time.Millisecond); len(errs) > 0 {
			t.Errorf("%d calls failed, the first with %v", len(errs), errs[0])
		}
		if got := r.Status().Services[0].Tiers[1].Shed; got == 0 {
			t.Error("nothing would be shed")
		}
		limit(r, "a", 2)
		if under, err := fill(t, r, "standard", 50); err != nil || under["a"] != 50 {
			t.Errorf("%v, %v", under, err)
		}
	})
}

// Who is refused for lack of capacity is told to come back within the time that new
// capacity takes.
func TestShedRetryAfter(t *testing.T) {
	r := newWorld().router(t, testConfig())
	s := *r.table.Load().services[HTTP][0]
	for _, test := range []struct {
		ready  time.Duration
		reason sla.ShedReason
		most   time.Duration
	}{
		{0, sla.ShedCapacity, 2 * time.Second},
		{30 * time.Second, sla.ShedCapacity, 31 * time.Second},
		{30 * time.Second, sla.ShedInFlight, 2 * time.Second},
	} {
		s.ready = test.ready
		longest := time.Duration(0)
		for range 1000 {
			var shed *sla.ShedError
			if !errors.As(r.shedError(&s, sla.Class{}, test.reason), &shed) || shed.RetryAfter < time.Second || shed.RetryAfter > test.most {
				t.Fatalf("ready after %v, %s: %v", test.ready, test.reason, shed)
			}
			longest = max(longest, shed.RetryAfter)
		}
		if longest < test.most*8/10 {
			t.Errorf("ready after %v, %s: at most %v", test.ready, test.reason, longest)
		}
	}
}
