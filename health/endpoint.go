package health

import (
	"math"
	"sync/atomic"
	"time"
)

// cacheLine is the distance that keeps two cores from writing to the same
// line: 64 bytes, doubled because processors fetch lines in pairs.
const cacheLine = 128

// Endpoint is the live record of one address of one target. The zero value is
// ready for use. Begin, End, InFlight, Cost and Eligible may be called by any
// goroutine, the other methods by the one that sweeps the target.
//
// What attempts write has cache lines of its own; what only the sweep writes
// lies behind it.
type Endpoint struct {
	_ [cacheLine]byte

	// Written when an attempt begins and ends.
	inFlight atomic.Int64
	begun    atomic.Uint64
	_        [cacheLine - 2*8]byte

	// Written when an attempt's outcome is known. Each outcome adds to one of
	// the first five, unless it is Neutral.
	fast, slow, bad, overloaded, excused atomic.Uint64

	replied   atomic.Uint64 // bad and excused outcomes and probes that were answers
	withdrawn atomic.Uint64 // attempts that ended unanswered before that meant anything
	streak    atomic.Int64  // bad outcomes in a row
	latency   peak
	_         [cacheLine - 9*8]byte

	// Read by every pick, written by the sweep.
	handicap atomic.Uint64 // 1 ÷ slow-start weight − 1, as a float64's bits
	out      atomic.Bool   // not eligible
	_        [cacheLine - 2*8]byte

	probe    probeRecord
	swept    sweepRecord
	ejection ejection
	due      dueRecord
}

// probeRecord is what probes said. Any goroutine may write it.
type probeRecord struct {
	good, reached, bad atomic.Uint64
	streak             atomic.Int64 // good ones in a row, or minus the bad ones
	running            atomic.Bool
	began              atomic.Int64 // when the running one did
}

// sweepRecord is what the sweep remembers of an endpoint.
type sweepRecord struct {
	counts   Counts  // cumulative, at the last sweep
	traffic  traffic // likewise
	answers  answers // likewise
	reached  uint64  // likewise
	window   window
	silence  silence
	score    float64       // its part of the target's CUSUM score
	recent   float64       // attempts of about the last second
	heard    time.Duration // the sweep that saw the last answer, 0 if none
	good     time.Duration // the sweep that saw the last good answer to a call, 0 if none
	ramp     time.Duration // when the slow start began
	ramping  bool
	attached bool // belongs to a target
}

// Begin says that an attempt goes to this endpoint now.
func (e *Endpoint) Begin() {
	e.inFlight.Add(1)
	e.begun.Add(1)
}

// End says that an attempt no longer occupies the endpoint: its answer was
// read to the end, or given up. There is one End for each Begin.
func (e *Endpoint) End() { e.inFlight.Add(-1) }

// InFlight is the number of attempts between Begin and End.
func (e *Endpoint) InFlight() int { return int(e.inFlight.Load()) }

// Cost says how long one more attempt would probably take here, waiting for
// the others included: (in flight + 1) × peak EWMA of the latency ÷ slow-start
// weight. It means something only beside the cost of another endpoint of the
// same target: the smaller is the better.
func (e *Endpoint) Cost() float64 {
	return float64(e.inFlight.Load()+1) * e.latency.value() * (1 + math.Float64frombits(e.handicap.Load()))
}

// Eligible reports whether picks should choose the endpoint: it is neither
// ejected nor silent.
func (e *Endpoint) Eligible() bool { return !e.out.Load() }

// Counts are the exact totals of the last ten seconds, the current one
// included, as of the last sweep.
func (e *Endpoint) Counts() Counts { return e.swept.window.total() }

// Reason says why the endpoint isn't eligible; "" if it is.
func (e *Endpoint) Reason() string { return e.ejection.reason }

// counts reads the cumulative counters.
func (e *Endpoint) counts() Counts {
	slow := e.slow.Load()
	return Counts{
		OK:         e.fast.Load() + slow,
		Slow:       slow,
		Bad:        e.bad.Load(),
		Overloaded: e.overloaded.Load(),
		Excused:    e.excused.Load(),
		// Last, so that no attempt seems to have ended before it began.
		Begun: e.begun.Load(),
	}
}

// traffic reads what the silence test wants to know.
func (e *Endpoint) traffic() traffic {
	answers := e.fast.Load() + e.slow.Load() + e.overloaded.Load() + e.replied.Load() + e.probe.good.Load()
	withdrawn := e.withdrawn.Load()
	return traffic{begun: e.begun.Load(), withdrawn: withdrawn, answers: answers}
}

// rampUp sets the weight that the slow start of length window allows at now:
// max(10 %, elapsed ÷ window), Envoy's formula with aggression 1.
func (e *Endpoint) rampUp(now, window time.Duration) {
	if !e.swept.ramping {
		return
	}
	handicap := 0.0
	if elapsed := now - e.swept.ramp; elapsed < window {
		handicap = 1/max(0.1, float64(elapsed)/float64(window)) - 1
	} else {
		e.swept.ramping = false
	}
	e.handicap.Store(math.Float64bits(handicap))
}
