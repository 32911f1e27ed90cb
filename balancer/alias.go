package balancer

// alias draws an index with given probabilities in constant time, whatever
// their number (Walker's alias method, in Vose's form). The zero value draws
// nothing: its len is 0.
type alias []aliasSlot

// aliasSlot is one of n equally likely slots. It stands for its own index
// below the threshold and for other above it.
type aliasSlot struct {
	threshold uint64 // of 2³²
	other     int32
}

// newAlias makes an alias for weights, which are ≥ 0. It returns nil if all
// are 0.
func newAlias(weights []float64) alias {
	sum := 0.0
	for _, w := range weights {
		sum += w
	}
	if sum <= 0 {
		return nil
	}
	n := float64(len(weights))
	a := make(alias, len(weights))
	scaled := make([]float64, len(weights))
	var small, large []int32
	for i, w := range weights {
		scaled[i] = w * n / sum
		if scaled[i] < 1 {
			small = append(small, int32(i))
		} else {
			large = append(large, int32(i))
		}
	}
	for len(small) > 0 && len(large) > 0 {
		s, l := small[len(small)-1], large[len(large)-1]
		small = small[:len(small)-1]
		a[s] = aliasSlot{threshold: uint64(scaled[s] * (1 << 32)), other: l}
		scaled[l] -= 1 - scaled[s]
		if scaled[l] < 1 {
			large = large[:len(large)-1]
			small = append(small, l)
		}
	}
	// What is left over is full but for rounding. A weight of 0 may be among
	// it only through rounding, and must not be drawn.
	for _, i := range append(small, large...) {
		a[i] = aliasSlot{threshold: 1 << 32, other: i}
		if weights[i] == 0 {
			a[i] = aliasSlot{other: heaviest(weights)}
		}
	}
	return a
}

// draw returns an index, using 32 random bits.
func (a alias) draw(bits uint32) int {
	product := uint64(bits) * uint64(len(a))
	slot := int(product >> 32)
	if product&(1<<32-1) < a[slot].threshold {
		return slot
	}
	return int(a[slot].other)
}

func heaviest(weights []float64) int32 {
	best := 0
	for i, w := range weights {
		if w > weights[best] {
			best = i
		}
	}
	return int32(best)
}
