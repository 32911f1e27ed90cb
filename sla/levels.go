package sla

import "sync/atomic"

// levelCount is the number of levels.
const levelCount = 128

// stripes spread the counts of a level over several cache lines: calls of one
// customer have one level, and many cores may make them.
const stripes = 4

// Levels counts the calls of one tier by level. Any goroutine may add; it neither
// locks nor allocates. The zero value is ready.
type Levels struct {
	counts [stripes][levelCount]atomic.Uint32
}

// Add counts a call. random is the call's random number.
func (l *Levels) Add(level uint8, random uint64) {
	l.counts[random%stripes][level%levelCount].Add(1)
}

// LevelHistogram is what a tier's calls of the recent past had for levels: older
// ones count less, by a third after 10 s. One goroutine at a time may use it. The
// zero value is ready, and takes all levels for equally frequent.
type LevelHistogram struct {
	seen   [levelCount]uint32
	recent [levelCount]float64
	calls  uint64
}

// Observe takes in what was counted since the last time, and returns the number
// of calls ever.
func (h *LevelHistogram) Observe(l *Levels) uint64 {
	for level := range levelCount {
		n := uint32(0)
		for stripe := range stripes {
			n += l.counts[stripe][level].Load()
		}
		if n != h.seen[level] {
			more := n - h.seen[level] // also when the count starts over
			h.seen[level] = n
			h.recent[level] += float64(more)
			h.calls += uint64(more)
		}
	}
	return h.calls
}

// Fade makes what was observed count by the factor, 0…1.
func (h *LevelHistogram) Fade(factor float64) {
	for level := range h.recent {
		h.recent[level] *= factor
	}
}

// Threshold divides the calls of a tier into those that are admitted and those
// that wait: the ones with the highest levels. Within the one level that it cuts
// through, chance decides. The zero Threshold admits all.
type Threshold uint64 // what is shed of levels × 2³²

const (
	shedNone Threshold = 0
	shedAll  Threshold = levelCount << 32
)

// Shedding returns the threshold that sheds the given fraction, 0…1, of the calls
// as they were lately.
func (h *LevelHistogram) Shedding(fraction float64) Threshold {
	switch {
	case !(fraction > 0): // also true for NaN
		return shedNone
	case fraction >= 1:
		return shedAll
	}
	total := 0.0
	for _, n := range h.recent {
		total += n
	}
	of := func(level int) float64 {
		if total > 0 {
			return h.recent[level] / total
		}
		return 1.0 / levelCount
	}
	left := fraction
	for level := levelCount - 1; level >= 0; level-- {
		n := of(level)
		if n > left {
			return Threshold(uint64(levelCount-1-level)<<32 + uint64(left/n*(1<<32)))
		}
		left -= n
	}
	return shedAll
}

// Fraction is the part of the calls, as they were lately, that the threshold sheds.
func (h *LevelHistogram) Fraction(t Threshold) float64 {
	total, shed := 0.0, 0.0
	for level, n := range h.recent {
		total += n
		shed += n * t.part(level)
	}
	if total == 0 { // all levels are equally frequent
		return float64(t) / float64(shedAll)
	}
	return shed / total
}

// part is how much of a level the threshold sheds, 0…1.
func (t Threshold) part(level int) float64 {
	return min(max(float64(t)/(1<<32)-float64(levelCount-1-level), 0), 1)
}

// Sheds reports whether a call of that level has to wait. random is the call's
// random number. Within a level, bits of it decide that depend on neither half
// alone, from which cloud and endpoint are drawn.
func (t Threshold) Sheds(level uint8, random uint64) bool {
	place := uint64(level)<<32 + mix(random)<<7>>32
	return place+uint64(t) >= uint64(shedAll)
}

// Level is the lowest level of which calls wait, 128 if none do.
func (t Threshold) Level() int { return levelCount - int((t+1<<32-1)>>32) }
