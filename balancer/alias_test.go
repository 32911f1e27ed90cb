package balancer

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// The probability that an alias gives to an index can be added up from its
// slots. It must be the weight's part of the sum, and exactly 0 for weight 0.
func TestAliasProbabilities(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weight := rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(1e-6, 1), rapid.Float64Range(1, 1e9))
		weights := rapid.SliceOfN(weight, 1, 12).Draw(t, "weights")
		sum := 0.0
		for _, w := range weights {
			sum += w
		}
		a := newAlias(weights)
		if sum == 0 {
			if a != nil {
				t.Fatalf("alias %v of nothing", a)
			}
			return
		}
		got := make([]float64, len(weights))
		for i, slot := range a {
			p := float64(slot.threshold) / (1 << 32)
			got[i] += p / float64(len(a))
			got[slot.other] += (1 - p) / float64(len(a))
		}
		for i, w := range weights {
			if w == 0 && got[i] != 0 {
				t.Fatalf("weight 0 is drawn with probability %g: %v", got[i], a)
			}
			if math.Abs(got[i]-w/sum) > 1e-8 {
				t.Fatalf("probability of %d is %g, want %g of %v", i, got[i], w/sum, weights)
			}
		}
	})
}

func TestAliasDrawsWhatItHolds(t *testing.T) {
	weights := []float64{70, 20, 10}
	chiSquare(t, weights, 100_000, func(rng *rand.Rand) int {
		return newAlias(weights).draw(rng.Uint32())
	})
}

// chiSquare draws n times and fails if the counts are less likely than 1e-6
// under the weights.
func chiSquare(t *testing.T, weights []float64, n int, draw func(*rand.Rand) int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	counts := make([]int, len(weights))
	for range n {
		counts[draw(rng)]++
	}
	sum := 0.0
	for _, w := range weights {
		sum += w
	}
	x := 0.0
	for i, w := range weights {
		want := float64(n) * w / sum
		x += (float64(counts[i]) - want) * (float64(counts[i]) - want) / want
	}
	// Quantiles of χ² at 1 − 1e-6 for 1, 2 and 3 degrees of freedom.
	limit := []float64{23.93, 27.63, 30.66}[len(weights)-2]
	if x > limit {
		t.Errorf("counts %v: χ² is %.1f, more than %.2f", counts, x, limit)
	}
}
