package sla

import "sync/atomic"

// Verdict says what a call was to its caller.
type Verdict uint8

const (
	// Uncounted says nothing about the promise: the caller left, or asked for
	// what nobody can do. It is the zero value.
	Uncounted Verdict = iota
	// Good is an acceptable answer in time.
	Good
	// Bad is no acceptable answer, or one that came too late.
	Bad
	// Shed is bad, too: the call was refused before anything was sent, because
	// there is not enough for all.
	Shed
)

// Totals are exact numbers of calls.
type Totals struct {
	Good uint64 `json:"good"`
	Bad  uint64 `json:"bad"`  // those that were shed included
	Shed uint64 `json:"shed"` // refused before anything was sent
}

// Meter counts calls from any number of goroutines at the same time. Its zero
// value is ready for use; it must not be copied.
//
// Counting takes no lock and allocates nothing. The counts are spread over cells,
// each on cache lines of its own, so that there is no counter that all cores
// write.
type Meter struct {
	cells [meterCells]cell
}

// meterCells is how many cells a meter has: 1 KiB of them.
const meterCells = 8

type cell struct {
	good, bad, shed atomic.Uint64
	_               [128 - 3*8]byte // two cache lines: processors fetch them in pairs
}

// Count counts a call. random chooses the cell: its last bits should differ from
// call to call.
func (m *Meter) Count(v Verdict, random uint64) {
	c := &m.cells[random%meterCells]
	switch v {
	case Good:
		c.good.Add(1)
	case Bad:
		c.bad.Add(1)
	case Shed:
		c.shed.Add(1)
	}
}

// Totals returns what was counted so far. A call that is counted meanwhile may be
// in it or not.
func (m *Meter) Totals() Totals {
	var t Totals
	for i := range m.cells {
		c := &m.cells[i]
		shed := c.shed.Load()
		t.Good += c.good.Load()
		t.Bad += c.bad.Load() + shed
		t.Shed += shed
	}
	return t
}
