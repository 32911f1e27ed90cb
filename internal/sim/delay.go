package sim

import (
	"math/rand/v2"
	"time"
)

// Delay is a random time: a constant and an exponential part, and now and then
// much more. The zero value is no time at all.
type Delay struct {
	// Least is the constant part.
	Least time.Duration
	// Spread is the mean of the exponential part.
	Spread time.Duration
	// TailPart is the fraction of draws, 0…1, that come out TailFactor times
	// as long.
	TailPart, TailFactor float64
}

// draw returns one random time.
func (d *Delay) draw(r *rand.Rand) time.Duration {
	t := d.Least
	if d.Spread > 0 {
		t += time.Duration(r.ExpFloat64() * float64(d.Spread))
	}
	if d.TailPart > 0 && r.Float64() < d.TailPart {
		t = time.Duration(float64(t) * d.TailFactor)
	}
	return t
}
