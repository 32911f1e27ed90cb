package histogram

import (
	"fmt"
	"sync/atomic"
	"time"
)

// Ring holds what was recorded in the recent past: at least the last k−1 spans
// and at most the last k, where k is the number of its windows.
//
// The zero Ring ignores what is recorded and is always empty.
type Ring struct {
	current atomic.Pointer[Histogram]
	windows []Histogram // fixed by NewRing

	// The owner's, see Advance.
	span    time.Duration
	at      int           // index of current in windows
	start   time.Duration // when current began
	started bool
}

// NewRing returns an empty ring of k windows that cover span each. It panics
// unless both are positive.
func NewRing(k int, span time.Duration) *Ring {
	if k <= 0 || span <= 0 {
		panic(fmt.Sprintf("histogram: a ring of %d windows of %v", k, span))
	}
	r := &Ring{windows: make([]Histogram, k), span: span}
	r.current.Store(&r.windows[0])
	return r
}

// Record counts d in the current window. It does not allocate and may be
// called from any goroutine.
func (r *Ring) Record(d time.Duration) { r.RecordN(d, 1) }

// RecordN is Record of d as often as n says.
func (r *Ring) RecordN(d time.Duration, n uint32) {
	if h := r.current.Load(); h != nil {
		h.RecordN(d, n)
	}
}

// Advance begins as many new windows as spans have passed by now, and forgets
// as many of the oldest. It should be called at least once per span: records
// belong to the window that was current when they were made, however late the
// next call is. After k spans or more without a call everything is forgotten.
// The first call only starts the clock; a now in the past changes nothing.
//
// Only the owner of the ring calls Advance, one call at a time.
func (r *Ring) Advance(now time.Duration) {
	if len(r.windows) == 0 {
		return
	}
	if !r.started {
		r.start, r.started = now, true
	}
	if now-r.start < r.span {
		return
	}
	passed := (now - r.start) / r.span
	r.start += passed * r.span
	// A goroutine may have loaded the pointer just before it moves on and
	// then add to the window that was current. Its record still counts, one
	// window early. Only if it is held up until that window is the oldest,
	// k−1 spans later, can its record be cleared at once or outlive the
	// clearing: a single record gone, or in the youngest window instead of
	// the oldest.
	for range min(passed, time.Duration(len(r.windows))) {
		r.at = (r.at + 1) % len(r.windows)
		r.windows[r.at].clear()
		r.current.Store(&r.windows[r.at])
	}
}

// Snapshot returns the sum of all windows. It may be called from any
// goroutine; during an Advance it may have part of the window that is being
// forgotten.
func (r *Ring) Snapshot() Snapshot {
	var s Snapshot
	for i := range r.windows {
		s.Add(&r.windows[i])
	}
	return s
}

// Quantile is short for the Quantile of a Snapshot.
func (r *Ring) Quantile(q float64) time.Duration {
	s := r.Snapshot()
	return s.Quantile(q)
}
