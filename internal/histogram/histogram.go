package histogram

import (
	"sync/atomic"
	"time"
)

// Histogram counts durations. Its zero value is empty and ready for use; it
// must not be copied.
//
// A bucket counts to 2³²−1 and then starts over, which takes more than an hour
// at a million records a second. What lives longer belongs into a [Ring].
type Histogram struct {
	counts [buckets]atomic.Uint32
}

// Record counts d. It does not allocate and may be called from any goroutine.
func (h *Histogram) Record(d time.Duration) { h.RecordN(d, 1) }

// RecordN counts d as often as n says, as Record does: for one that stands for
// several.
func (h *Histogram) RecordN(d time.Duration, n uint32) {
	h.counts[bucketOf(d)].Add(n)
}

// Count returns how many durations were recorded.
func (h *Histogram) Count() uint64 {
	var total uint64
	for i := range h.counts {
		total += uint64(h.counts[i].Load())
	}
	return total
}

// clear forgets all records. Those made at the same time may survive.
func (h *Histogram) clear() {
	for i := range h.counts {
		h.counts[i].Store(0)
	}
}
