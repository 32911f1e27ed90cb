package failover

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// poisson draws the number of calls in a slot at a rate per second.
func poisson(r *rand.Rand, rate float64) uint64 {
	n := uint64(0)
	for t := r.ExpFloat64(); t < rate*rateSlot.Seconds(); t += r.ExpFloat64() {
		n++
	}
	return n
}

// observe feeds a Rate with calls at a rate that may change, and calls look after
// each slot.
func observe(r *Rate, random *rand.Rand, last time.Duration, rate func(time.Duration) float64, look func(now time.Duration)) {
	made := uint64(0)
	r.Observe(0, 0)
	for now := rateSlot; now <= last; now += rateSlot {
		made += poisson(random, rate(now))
		r.Observe(now, made)
		look(now)
	}
}

// While nothing changes the mean is steady: after 6.4 s it is off by little more
// than chance makes the count of the longest window.
func TestRateIsSteady(t *testing.T) {
	for _, rate := range []float64{0.5, 4, 16, 200, 4000} {
		random := rand.New(rand.NewPCG(1, uint64(rate)))
		var r Rate
		looks, off := 0, 0
		observe(&r, random, 500*time.Second, func(time.Duration) float64 { return rate }, func(now time.Duration) {
			if now < 6400*time.Millisecond {
				return
			}
			looks++
			mean, deviation := r.Mean()
			if math.Abs(mean-rate) > 3*math.Sqrt(rate/6.4) {
				off++
			}
			if want := math.Sqrt(mean / 6.4); mean > 0 && deviation < 0.99*want {
				t.Fatalf("rate %v at %v: deviation %v, want at least %v", rate, now, deviation, want)
			}
		})
		if part := float64(off) / float64(looks); part > 0.02 {
			t.Errorf("rate %v: off by more than 3 deviations in %.1f %% of the time", rate, 100*part)
		}
	}
}

// A spike of four times is seen within a few calls.
func TestRateSeesASpike(t *testing.T) {
	const at = 20 * time.Second
	for _, test := range []struct {
		rate   float64
		within time.Duration
	}{{4, 3 * time.Second}, {20, time.Second}, {200, 150 * time.Millisecond}, {4000, 50 * time.Millisecond}} {
		worst := time.Duration(0)
		for seed := range uint64(50) {
			random := rand.New(rand.NewPCG(seed, 2))
			var r Rate
			seen := time.Duration(0)
			observe(&r, random, at+20*time.Second, func(now time.Duration) float64 {
				if now > at {
					return 4 * test.rate
				}
				return test.rate
			}, func(now time.Duration) {
				if mean, _ := r.Mean(); seen == 0 && now > at && mean > 3*test.rate {
					seen = now - at
				}
			})
			worst = max(worst, seen)
			if seen == 0 {
				t.Fatalf("rate %v, seed %d: never seen", test.rate, seed)
			}
		}
		if worst > test.within {
			t.Errorf("rate %v: seen after up to %v, want %v", test.rate, worst, test.within)
		}
	}
}

func TestRateCountsAll(t *testing.T) {
	var r Rate
	if mean, deviation := r.Mean(); mean != 0 || deviation != 0 {
		t.Errorf("before any call: %v ± %v", mean, deviation)
	}
	r.Observe(time.Second, 1000) // what was before doesn't count
	r.Observe(time.Second+10*time.Millisecond, 1001)
	if mean, _ := r.Mean(); mean != 0 {
		t.Errorf("before the first slot ends: %v", mean)
	}
	// A long step: evenly spread.
	r.Observe(2*time.Second, 1100)
	if mean, _ := r.Mean(); math.Abs(mean-100) > 1 {
		t.Errorf("100 calls in a second: %v per second", mean)
	}
	r.Observe(time.Hour, 1100)
	if mean, _ := r.Mean(); mean != 0 {
		t.Errorf("an hour without calls: %v per second", mean)
	}
}
