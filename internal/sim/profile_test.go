package sim

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestProfileAt(t *testing.T) {
	const s = time.Second
	steps := Steps(Point{1 * s, 10}, Point{3 * s, 20})
	lines := Lines([]float64{10, 20, 0}, 2*s)
	spike := Spike(10, 40, 10*s, 20*s, 2*s)
	for _, test := range []struct {
		name string
		p    Profile
		at   time.Duration
		want float64
	}{
		{"nothing", nil, s, 0},
		{"steady", Steady(7), 100 * s, 7},
		{"before the first step", steps, 0, 10},
		{"just before a step", steps, 3*s - 1, 10},
		{"at a step", steps, 3 * s, 20},
		{"after the last", steps, 100 * s, 20},
		{"on a line", lines, s, 15},
		{"on a line down", lines, 3 * s, 10},
		{"at the end", lines, 9 * s, 0},
		{"before a spike", spike, 8 * s, 10},
		{"on its way up", spike, 9 * s, 25},
		{"at its peak", spike, 15 * s, 40},
		{"after it", spike, 22 * s, 10},
	} {
		if got := test.p.At(test.at); got != test.want {
			t.Errorf("%s: %v at %v, want %v", test.name, got, test.at, test.want)
		}
	}
}

// profiles draws any profile, with steps.
func profiles() *rapid.Generator[Profile] {
	return rapid.Custom(func(t *rapid.T) Profile {
		var p Profile
		at := time.Duration(0)
		for range rapid.IntRange(1, 6).Draw(t, "points") {
			at += time.Duration(rapid.IntRange(0, 5000).Draw(t, "gap")) * time.Millisecond
			p = append(p, Point{at, float64(rapid.IntRange(0, 100).Draw(t, "value"))})
		}
		return p
	})
}

// TestProfileArea compares the time by which an area is full with the area
// itself, summed up in small steps.
func TestProfileArea(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := profiles().Draw(t, "profile")
		from := time.Duration(rapid.IntRange(0, 10_000).Draw(t, "from")) * time.Millisecond
		area := rapid.Float64Range(0.001, 300).Draw(t, "area")
		c := course{points: p}
		until := c.after(from, area)
		const step = time.Millisecond
		end := min(until, from+time.Minute)
		sum := 0.0
		for at := from; at < end; at += step {
			sum += p.At(min(at+step/2, end)) * min(step, end-at).Seconds()
		}
		switch tolerance := 0.01*area + 0.5; {
		case until < from:
			t.Fatalf("full at %v, before %v", until, from)
		case until == end && math.Abs(sum-area) > tolerance:
			t.Errorf("%.3f by %v, want %.3f", sum, until, area)
		case until > end && sum > area+tolerance:
			t.Errorf("%.3f by %v, which isn't %.3f yet", sum, end, area)
		}
	})
}

// TestPoisson counts the calls of a profile with a ramp, a step, and nothing at
// all, in each second: as many as the profile says, with the variance of a Poisson
// process.
func TestPoisson(t *testing.T) {
	const s = time.Second
	p := Profile{{0, 100}, {2 * s, 300}, {2 * s, 50}, {4 * s, 50}, {4 * s, 0}, {6 * s, 0}, {6 * s, 400}}
	want := []float64{150, 250, 50, 50, 0, 0, 400, 400}
	r := rand.New(rand.NewPCG(1, 1))
	const runs = 400
	sums, squares := make([]float64, len(want)), make([]float64, len(want))
	for range runs {
		n := make([]float64, len(want))
		c := course{points: p}
		for at := c.after(0, r.ExpFloat64()); at < 8*s; at = c.after(at, r.ExpFloat64()) {
			n[at/s]++
		}
		for i, n := range n {
			sums[i] += n
			squares[i] += n * n
		}
	}
	for i, want := range want {
		mean := sums[i] / runs
		variance := squares[i]/runs - mean*mean
		if math.Abs(mean-want) > 4*math.Sqrt(want/runs) || math.Abs(variance-want) > 0.3*want {
			t.Errorf("second %d: %.1f calls with variance %.1f, want %.0f of both", i, mean, variance, want)
		}
	}
}
