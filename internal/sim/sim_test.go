package sim

import (
	"flag"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

var (
	oneSeed = flag.Uint64("sim.seed", 0, "run this seed only, as a failed test says")
	times   = flag.Int("sim.times", 1, "how many times as many seeds to run")
	calls   = flag.Float64("sim.calls", 2e5, "how many calls may cause no false alarm, at each rate")
)

// slowdown is by how much tests do less under the race detector, which makes a
// simulation some twenty times slower and has little to find in it.
func slowdown() int {
	if raceEnabled {
		return 20
	}
	return 1
}

// seeds are those to run where n make a good test.
func seeds(n int) []uint64 {
	if *oneSeed != 0 {
		return []uint64{*oneSeed}
	}
	all := make([]uint64, max(n**times/slowdown(), 1))
	for i := range all {
		all[i] = uint64(i + 1)
	}
	return all
}

// forSeeds runs a test for n seeds.
func forSeeds(t *testing.T, n int, test func(t *testing.T, seed uint64)) {
	t.Helper()
	for _, seed := range seeds(n) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			test(t, seed)
		})
	}
}

// simulate runs a scenario. If the test fails it shows the result and how to
// run it again.
func simulate(t *testing.T, s Scenario) *Result {
	t.Helper()
	calls := s.Rate
	for _, p := range s.Demand {
		calls = max(calls, p.Value)
	}
	if calls *= s.Duration.Seconds(); calls > 25_000 || float64(max(s.Clients, 1))*s.Duration.Seconds() > 200 {
		unraced(t)
	}
	r, err := Run(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("run it again with -sim.seed=%d\n%v", s.Seed, r)
		}
	})
	if r.Unfinished != 0 {
		t.Errorf("%d calls never ended", r.Unfinished)
	}
	return r
}

// sample runs n seeds on all processors and returns what each gave.
func sample(n int, run func(seed uint64) time.Duration) (all []time.Duration, used []uint64) {
	used = seeds(n)
	all = make([]time.Duration, len(used))
	var wg sync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				all[i] = run(used[i])
			}
		})
	}
	for i := range used {
		next <- i
	}
	close(next)
	wg.Wait()
	return all, used
}

// onlyLong skips a test that takes minutes, unless -sim.times asks for more than
// usual.
func onlyLong(t *testing.T) {
	t.Helper()
	if *times < 2 {
		t.Skip("takes minutes: run it with -sim.times=2")
	}
}

// unraced leaves a long test out under the race detector. A simulation has one
// goroutine, and shorter tests run the same code.
func unraced(t *testing.T) {
	t.Helper()
	if slowdown() > 1 {
		t.Skip("takes minutes under the race detector, and has one goroutine")
	}
}

// twoClouds share calls 70 to 30.
func twoClouds() []Cloud {
	return []Cloud{{Name: "onprem", Weight: 70}, {Name: "gcp", Weight: 30}}
}

// threeTiers share calls evenly.
func threeTiers() []Tier {
	return []Tier{
		{Tier: sla.Tier{Name: "critical", Protected: true, Timeout: 800 * time.Millisecond, Attempts: 3}},
		{Tier: sla.Tier{Name: "standard", Timeout: 2 * time.Second}},
		{Tier: sla.Tier{Name: "batch", Timeout: 5 * time.Second}},
	}
}

// wantSteady checks that no cloud changed its state, but to become healthy for
// the first time.
func wantSteady(t *testing.T, r *Result) {
	t.Helper()
	for _, c := range r.Changes {
		if c.From != health.Unknown || c.To != health.Healthy {
			t.Errorf("a change of state without a reason for one: %v", c)
		}
	}
}

// wantNoneFailed checks that no call failed, of protected tiers or of all.
func wantNoneFailed(t *testing.T, r *Result, tiers ...string) {
	t.Helper()
	for i := range r.Tiers {
		tier := &r.Tiers[i]
		for _, name := range tiers {
			if tier.Name == name && tier.Failed > 0 {
				t.Errorf("%d of %d calls of tier %s failed, want none", tier.Failed, tier.Calls, name)
			}
		}
		if tier.Calls == 0 {
			t.Errorf("there were no calls of tier %s", tier.Name)
		}
	}
}

// wantShare checks a cloud's part of the first attempts.
func wantShare(t *testing.T, r *Result, cloud string, from, until time.Duration, least, most float64) {
	t.Helper()
	if share := r.Share(cloud, from, until); share < least || share > most {
		t.Errorf("share of %s from %v to %v is %.4f, want %.4f to %.4f", cloud, from, until, share, least, most)
	}
}

// wantAttempts checks that retries added no more than 10 % to the load.
func wantAttempts(t *testing.T, r *Result) {
	t.Helper()
	calls, _ := r.Calls()
	if per := float64(r.Attempts()) / float64(calls); per > 1.1 {
		t.Errorf("%.3f attempts per call, want at most 1.1", per)
	}
}
