package health

import (
	"math"
	"sync/atomic"
	"time"
)

const (
	// peakTau is the time in which a peak EWMA forgets while answers come.
	peakTau = 2 * time.Second
	// idleTau is the time in which it does while none come.
	idleTau = 10 * time.Second
	// tickBits sets the resolution of a peak's clock to 2^14 ns = 16.4 µs. Its
	// 32 bits are compared by their difference, which has a sign up to 9.7 hours:
	// sweeps renew an idle peak long before.
	tickBits = 14
)

// peak is a peak-sensitive exponentially weighted moving average of a latency
// (after Finagle's): it jumps to a larger value at once and falls slowly to
// smaller ones, so that trouble is avoided early and forgiven late. The zero
// value knows nothing. Any goroutine may call its methods.
//
// Value and time share one word and so always belong together: the upper half
// is a float32 in nanoseconds, negative for a guess, the lower half the tick of
// the last change.
type peak struct{ word atomic.Uint64 }

func pack(value float64, tick uint32) uint64 {
	return uint64(math.Float32bits(float32(value)))<<32 | uint64(tick)
}

func unpack(word uint64) (value float64, tick uint32) {
	return float64(math.Float32frombits(uint32(word >> 32))), uint32(word)
}

// value is the average in nanoseconds, 0 if there was neither a sample nor a
// guess.
func (p *peak) value() float64 {
	value, _ := unpack(p.word.Load())
	return math.Abs(value)
}

// short is value in the precision that is stored, for the sake of picks.
func (p *peak) short() float32 {
	return math.Float32frombits(uint32(p.word.Load()>>32) &^ (1 << 31)) // without the sign
}

// measured reports whether there was a sample.
func (p *peak) measured() bool {
	value, _ := unpack(p.word.Load())
	return value > 0
}

// guess gives a value that the first sample replaces. It changes nothing once
// there was a sample.
func (p *peak) guess(now time.Duration, nanoseconds float64) {
	old := p.word.Load()
	if value, _ := unpack(old); value <= 0 {
		p.word.CompareAndSwap(old, pack(-nanoseconds, uint32(now>>tickBits)))
	}
}

// observe takes one sample. A smaller one weighs t/(t+tau), t being the time
// since the last change; of samples within one tick the largest counts.
func (p *peak) observe(now, sample, tau time.Duration) {
	x, tick := float64(max(sample, 1)), uint32(now>>tickBits)
	for {
		old := p.word.Load()
		value, last := unpack(old)
		if value > x {
			// A goroutine that was overtaken holds an older now than the last
			// change: for it no time has passed.
			ticks := int32(tick - last)
			if ticks <= 0 {
				return
			}
			t := float64(ticks) * (1 << tickBits)
			value += (x - value) * t / (t + float64(tau))
		} else {
			value = x
		}
		if p.word.CompareAndSwap(old, pack(value, tick)) {
			return
		}
	}
}

// renew keeps the clock of an idle peak from wrapping: a change that is hours
// old becomes an hour old, after which the next smaller sample counts in full
// just the same. A sweep calls it, far more often than once in nine hours.
func (p *peak) renew(now time.Duration) {
	const hour = uint32(time.Hour >> tickBits)
	old, tick := p.word.Load(), uint32(now>>tickBits)
	if int32(tick-uint32(old)) > int32(2*hour) {
		value, _ := unpack(old)
		p.word.CompareAndSwap(old, pack(value, tick-hour))
	}
}

// blame makes a failure that took so long count as an answer that took at
// least twice the average, but no more than limit unless it did. Without it an
// endpoint that fails at once would look like the fastest of all.
func (p *peak) blame(now, took, limit time.Duration) {
	value := p.value()
	if sample := max(took, min(time.Duration(2*value), limit)); float64(sample) > value {
		p.observe(now, sample, peakTau)
	}
}
