package health

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var trialsFlag = flag.Int("health.trials", 0, "trials per cell of the detection table; 0: 100 to 2000")

// fault is a row of the table of detection times.
type fault struct {
	name       string
	conditions conditions
	state      State
	limits     [3]time.Duration // at rates
}

var rates = [3]float64{20, 200, 2000}

var faults = []fault{
	{"total loss", conditions{dead: true}, Down, [3]time.Duration{time.Second, 300 * time.Millisecond, 100 * time.Millisecond}},
	{"silence", conditions{mute: true}, Down, [3]time.Duration{time.Second, 500 * time.Millisecond, 300 * time.Millisecond}},
	{"30 % errors", conditions{errors: 0.29}, Down, [3]time.Duration{5 * time.Second, 2 * time.Second, time.Second}},
	{"ten times slower", conditions{slower: 10}, Degraded, [3]time.Duration{10 * time.Second, 5 * time.Second, 5 * time.Second}},
}

// detection is how long it took in each trial, sorted. A trial in which the
// fault was not seen within twenty seconds counts as an hour.
func detection(f fault, rate float64, endpoints, trials int) []time.Duration {
	times := make([]time.Duration, trials)
	for i := range times {
		w := newWorld(uint64(i), rate, endpoints)
		// Long enough to know the usual latency; the fault comes at any time
		// between two sweeps.
		w.run(4*time.Second+time.Duration(w.rand.Int64N(int64(time.Second))), nil)
		start := w.now
		w.suffer(f.conditions)
		times[i] = time.Hour
		if w.run(start+20*time.Second, func(c Change) bool { return c.To == f.state || c.To == Down }) {
			times[i] = w.now - start
		}
	}
	slices.Sort(times)
	return times
}

func TestTimeToDetect(t *testing.T) {
	simulates(t)
	table := &strings.Builder{}
	fmt.Fprintf(table, "\n%-18s %10s %9s %9s %9s %9s\n", "fault", "endpoints", "calls/s", "median", "p99", "limit")
	for _, f := range faults {
		for _, endpoints := range []int{10, 3} {
			for i, rate := range rates {
				trials := trials(rate)
				times := detection(f, rate, endpoints, trials)
				median, p99 := times[trials/2], times[(trials*99-1)/100]
				fmt.Fprintf(table, "%-18s %10d %9.0f %9v %9v %9v\n", f.name, endpoints, rate,
					median.Round(time.Millisecond), p99.Round(time.Millisecond), f.limits[i])
				if p99 > f.limits[i] {
					t.Errorf("%s at %v calls/s to %d endpoints: p99 of %d trials is %v, want ≤ %v", f.name, rate, endpoints, trials, p99, f.limits[i])
				}
			}
		}
	}
	t.Log(table)
}

// trials is how many make a cell: more where they cost little and vary much.
func trials(rate float64) int {
	if *trialsFlag > 0 {
		return *trialsFlag
	}
	return min(2000, int(200_000/rate))
}
