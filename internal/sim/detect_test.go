package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/health"
)

// TestTimeToSee measures how long it takes from a fault of a whole cloud until
// the router says that it is down or, if it is only slow, at least degraded.
// Clouds have 2 to 50 endpoints. (Answers that come ten times later than usual are later than the attempt's
// time, and many such can be enough to take a cloud down.)
func TestTimeToSee(t *testing.T) {
	rates := [3]float64{20, 200, 2000} // calls per second into the cloud
	runs := [3]int{60, 30, 12}
	const s = time.Second
	down, worse := []health.State{health.Down}, []health.State{health.Down, health.Degraded}
	for _, test := range []struct {
		name  string
		fault Fault
		seen  []health.State
		limit [3]time.Duration // of the 99th percentile, by rate
	}{
		{"total loss", Fault{Kind: Crash}, down, [3]time.Duration{s, 300 * time.Millisecond, 100 * time.Millisecond}},
		{"silence", Fault{Kind: Freeze}, down, [3]time.Duration{s, s / 2, 300 * time.Millisecond}},
		{"30 % errors", Fault{Kind: Errors, Rate: 0.3}, down, [3]time.Duration{5 * s, 2 * s, s}},
		{"ten times slower", Fault{Kind: Slow, Factor: 10}, worse, [3]time.Duration{10 * s, 5 * s, 5 * s}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for i, rate := range rates {
				took, used := sample(runs[i], func(seed uint64) time.Duration {
					return timeToSee(t, seed, rate, test.fault, test.seen)
				})
				worst := used[slices.Index(took, slices.Max(took))]
				slices.Sort(took)
				p50, p99 := quantile(took, 0.5), quantile(took, 0.99)
				t.Logf("%5.0f calls/s: p50 %v, p99 %v of %d", rate, p50.Round(time.Millisecond), p99.Round(time.Millisecond), len(took))
				if p99 > test.limit[i] {
					t.Errorf("at %.0f calls/s p99 is %v, want at most %v; the worst is -sim.seed=%d", rate, p99, test.limit[i], worst)
				}
			}
		})
	}
}

// timeToSee runs one fault, which lasts until it is seen or for 30 s.
func timeToSee(t *testing.T, seed uint64, rate float64, f Fault, seen []health.State) time.Duration {
	const warm = 8 * time.Second
	// Where in the controller's step the fault falls is left to chance.
	f.Cloud, f.From = "onprem", warm+time.Duration(rand.New(rand.NewPCG(seed, 0)).Int64N(int64(time.Second)))
	clouds := twoClouds()
	for i := range clouds {
		clouds[i].Endpoints = []int{2, 3, 10, 50}[seed%4]
	}
	at := time.Duration(math.MaxInt64)
	r, err := Run(Scenario{
		Seed: seed, Duration: f.From + 30*time.Second, Rate: rate / 0.7, Clouds: clouds, Faults: []Fault{f},
		EndAt: func(c StateChange) bool {
			if c.Cloud != f.Cloud || !slices.Contains(seen, c.To) {
				return false
			}
			at = c.At
			return true
		},
	})
	if err != nil {
		t.Error(err)
	} else if at < f.From {
		t.Errorf("%v before there was a fault at %v: -sim.seed=%d\n%v", seen, f.From, seed, r)
	}
	return at - f.From
}

// quantile returns the value of rank ⌈q·n⌉.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[max(int(math.Ceil(q*float64(len(sorted)))), 1)-1]
}

// TestNoFalseAlarm sends calls of which one in a hundred fails, by chance. The
// detector may be wrong once in 30 days of such calls. (A score of h is reached
// at most once in e^h attempts, and h is ln(attempts in 30 days): see package
// health. At 1,000 calls/s that is once in 2.6·10⁹ calls.)
func TestNoFalseAlarm(t *testing.T) {
	for _, rate := range []float64{100, 1000, 10000} {
		t.Run(fmt.Sprintf("%.0f per second", rate), func(t *testing.T) {
			t.Parallel()
			forSeeds(t, 1, func(t *testing.T, seed uint64) {
				r := simulate(t, Scenario{
					Seed: seed, Duration: time.Duration(*calls / float64(slowdown()) / rate * float64(time.Second)), Rate: rate, Clouds: twoClouds(),
					Faults: []Fault{{Kind: Errors, Cloud: "onprem", Rate: 0.01}, {Kind: Errors, Cloud: "gcp", Rate: 0.01}},
				})
				wantSteady(t, r)
				n, failed := r.Calls()
				t.Logf("%d calls, %d failed", n, failed)
			})
		})
	}
}

// TestCrashedEndpoint crashes one endpoint of ten. It is left out, and the
// cloud isn't blamed for it.
func TestCrashedEndpoint(t *testing.T) {
	forSeeds(t, 8, func(t *testing.T, seed uint64) {
		r := simulate(t, Scenario{
			Seed: seed, Duration: 40 * time.Second, Rate: 500, Clouds: twoClouds(),
			Faults: []Fault{{Kind: Crash, Cloud: "onprem", Endpoints: 1, From: 10 * time.Second, Until: 25 * time.Second}},
		})
		wantSteady(t, r)
		wantNoneFailed(t, r, "critical")
		wantShare(t, r, "onprem", 10*time.Second, 40*time.Second, 0.68, 0.72)
		retries := r.Cloud("onprem").Retries.Sum(10*time.Second, 40*time.Second) + r.Cloud("gcp").Retries.Sum(10*time.Second, 40*time.Second)
		if retries == 0 || retries > 100 {
			t.Errorf("%d retries for one crashed endpoint", retries)
		}
	})
}

// TestRareSlowAnswers makes one answer in a hundred take a hundred times as
// long, as a full garbage collection or a cold cache does.
func TestRareSlowAnswers(t *testing.T) {
	clouds := twoClouds()
	for i := range clouds {
		clouds[i].Server.Service = Delay{Least: 5 * time.Millisecond, Spread: 5 * time.Millisecond, TailPart: 0.01, TailFactor: 100}
	}
	for _, rate := range []float64{20, 200, 2000} {
		t.Run(fmt.Sprintf("%.0f per second", rate), func(t *testing.T) {
			t.Parallel()
			forSeeds(t, 3, func(t *testing.T, seed uint64) {
				r := simulate(t, Scenario{Seed: seed, Duration: 30 * time.Second, Rate: rate, Clouds: clouds})
				wantSteady(t, r)
			})
		})
	}
}

// TestFartherCloud puts one cloud 40 ms further away. It is healthy.
func TestFartherCloud(t *testing.T) {
	clouds := twoClouds()
	clouds[1].Network = Delay{Least: 20 * time.Millisecond, Spread: time.Millisecond}
	forSeeds(t, 4, func(t *testing.T, seed uint64) {
		r := simulate(t, Scenario{Seed: seed, Duration: 60 * time.Second, Rate: 300, Clouds: clouds})
		wantSteady(t, r)
		wantShare(t, r, "gcp", 0, 60*time.Second, 0.28, 0.32)
	})
}
