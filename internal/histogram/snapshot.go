package histogram

import (
	"math"
	"time"
)

// Snapshot is the sum of some histograms at the time they were added. Its zero
// value is empty. It is a plain value: copies are independent, and changing
// one needs the caller's own synchronisation.
type Snapshot struct {
	counts [buckets]uint64
	total  uint64
}

// Add adds the present counts of h.
func (s *Snapshot) Add(h *Histogram) {
	for i := range h.counts {
		n := uint64(h.counts[i].Load())
		s.counts[i] += n
		// Summing what was loaded, instead of asking h.Count, keeps the total
		// in step with the counts while others record.
		s.total += n
	}
}

// Merge adds the counts of o.
func (s *Snapshot) Merge(o *Snapshot) {
	for i, n := range o.counts {
		s.counts[i] += n
	}
	s.total += o.total
}

// Count returns how many durations s holds.
func (s *Snapshot) Count() uint64 { return s.total }

// Quantile returns the duration that the fraction q of all recorded durations
// does not exceed: the one of rank ⌈q·Count⌉ in ascending order, within the
// error that the package documents. It is 0 if nothing was recorded. A q
// below 0 asks for the shortest duration, one above 1 for the longest.
func (s *Snapshot) Quantile(q float64) time.Duration {
	if s.total == 0 {
		return 0
	}
	rank := uint64(1)
	if r := math.Ceil(q * float64(s.total)); r > 1 {
		rank = uint64(min(r, float64(s.total)))
	}
	var seen uint64
	last := 0
	for i, n := range s.counts {
		if n == 0 {
			continue
		}
		last = i
		if seen += n; seen >= rank {
			break
		}
	}
	return middle(last)
}
