package failover

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/fairlead-go/fairlead/sla"
)

// levelInput has one cloud per level, each with some of its 100 endpoints
// healthy.
func levelInput(percents ...int) Input {
	in := Input{Tiers: []sla.Tier{{}}}
	for i, percent := range percents {
		name := fmt.Sprint("level", i)
		c := healthy(name, 1)
		c.Healthy = float64(percent) / 100
		in.Clouds = append(in.Clouds, c)
		in.Tiers[0].Clouds.Prefer = append(in.Tiers[0].Clouds.Prefer, name)
	}
	return in
}

func points(in Input) []float64 {
	shares := Compute(in).Tiers[0].Shares
	all := make([]float64, len(shares))
	for i, s := range shares {
		all[i] = 100 * s.Fraction
	}
	return all
}

// Source: Envoy, priority load balancing, overprovisioning factor 1.4.
func TestEnvoyPriorities(t *testing.T) {
	for _, tt := range []struct{ healthy, traffic []int }{
		{[]int{100, 100}, []int{100, 0}},
		{[]int{72, 72}, []int{100, 0}},
		{[]int{71, 71}, []int{99, 1}},
		{[]int{50, 50}, []int{70, 30}},
		{[]int{25, 100}, []int{35, 65}},
		{[]int{0, 100}, []int{0, 100}},
		{[]int{25, 25}, []int{50, 50}},
		{[]int{100, 100, 100}, []int{100, 0, 0}},
		{[]int{50, 50, 100}, []int{70, 30, 0}},
		{[]int{25, 25, 100}, []int{35, 35, 30}},
	} {
		for i, got := range points(levelInput(tt.healthy...)) {
			if math.Abs(got-float64(tt.traffic[i])) > 1 {
				t.Errorf("healthy %v: level %d gets %.2f %%, want %d ± 1", tt.healthy, i, got, tt.traffic[i])
			}
		}
	}
}

// envoyLoad is Envoy's algorithm with its integer rounding.
func envoyLoad(percents []int) []int {
	scores, sum := make([]int, len(percents)), 0
	for i, p := range percents {
		scores[i] = min(100, 140*p/100)
		sum += scores[i]
	}
	loads, rest := make([]int, len(percents)), 100
	for i, score := range scores {
		loads[i] = min(rest, score*100/min(100, sum))
		rest -= loads[i]
	}
	for i, score := range scores {
		if score > 0 {
			loads[i] += rest
			break
		}
	}
	return loads
}

// Envoy rounds twice on the way, by up to a point each time and more where the
// scores are small; the sum over the first levels tells whether it is the same
// algorithm.
func TestEnvoyPrioritiesAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		percents := rapid.SliceOfN(rapid.IntRange(30, 100), 2, 5).Draw(t, "healthy")
		want, got := envoyLoad(percents), points(levelInput(percents...))
		gotSum, wantSum := 0.0, 0
		for i := range got {
			gotSum, wantSum = gotSum+got[i], wantSum+want[i]
			if math.Abs(gotSum-float64(wantSum)) > 2.5 {
				t.Errorf("healthy %v: levels up to %d get %.2f %%, Envoy gives them %d", percents, i, gotSum, wantSum)
			}
		}
	})
}

// Source: Envoy, locality weighted load balancing. X has weight 1, Y weight 2
// and all its endpoints.
func TestEnvoyLocalities(t *testing.T) {
	for percent, want := range map[int]float64{100: 33, 70: 33, 69: 32, 50: 26, 25: 15, 0: 0} {
		x, y := healthy("x", 1), healthy("y", 2)
		x.Healthy = float64(percent) / 100
		if got := points(Input{Clouds: []Cloud{x, y}, Tiers: []sla.Tier{{}}}); math.Abs(got[0]-want) > 1 {
			t.Errorf("%d %% of x healthy: it gets %.2f %%, want %v ± 1", percent, got[0], want)
		}
	}
}

// Source: Envoy, panic threshold: if all levels panic, traffic follows the
// number of hosts. Panic is a matter of levels together: as long as another
// carries 100 %, one without hosts is only skipped.
func TestEnvoyPanic(t *testing.T) {
	two, eight := healthy("l0", 2), healthy("l1", 8)
	for _, tt := range []struct {
		name   string
		clouds []Cloud
		want   []float64
	}{
		{"all panic", []Cloud{down(two), down(eight)}, []float64{20, 80}},
		{"one carries everything", []Cloud{down(two), eight}, []float64{0, 100}},
	} {
		got := points(Input{Clouds: tt.clouds, Tiers: []sla.Tier{{Clouds: sla.Clouds{Prefer: []string{"l0", "l1"}}}}})
		for i := range got {
			if math.Abs(got[i]-tt.want[i]) > 1 {
				t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
				break
			}
		}
	}
}
