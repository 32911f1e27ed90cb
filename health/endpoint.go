package health

import (
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
// All that the way of a good attempt reads and writes lies on one cache line of
// its own, and so does all that a pick compares. What bad ones, probes and the
// sweep write lies behind it.
type Endpoint struct {
	_ [cacheLine]byte

	inFlight   atomic.Int64
	begun      atomic.Uint64
	fast, slow atomic.Uint64 // good answers
	streak     atomic.Int64  // bad outcomes in a row
	latency    peak
	handicap   atomic.Uint32 // 1 − slow-start weight, of 2³²; written by the sweep
	out        atomic.Bool   // not eligible; written by the sweep
	_          [cacheLine - 7*8]byte

	// Each outcome adds to one of fast, slow and these three, unless it is
	// Neutral. An answer that broke off later adds to bad or excused as well.
	bad, overloaded, excused atomic.Uint64

	replied   atomic.Uint64 // bad and excused outcomes and probes that were answers
	withdrawn atomic.Uint64 // attempts that ended unanswered before that meant anything

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

// waits is for how long a probe has been running, 0 if none is.
func (p *probeRecord) waits(now time.Duration) time.Duration {
	if !p.running.Load() {
		return 0
	}
	return now - time.Duration(p.began.Load())
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

// Enter says that an attempt goes to this endpoint of which nobody knows when
// it should be answered, as of a stream that listens first. It occupies the
// endpoint, but its silence says nothing.
func (e *Endpoint) Enter() { e.inFlight.Add(1) }

// End says that an attempt no longer occupies the endpoint: its answer was
// read to the end, or given up. There is one End for each Begin and each
// Enter.
func (e *Endpoint) End() { e.inFlight.Add(-1) }

// InFlight is the number of attempts between Begin and End.
func (e *Endpoint) InFlight() int { return int(e.inFlight.Load()) }

// Cost says how long one more attempt would probably take here, waiting for
// the others included: (in flight + 1) × peak EWMA of the latency. It means
// something only beside the cost of another endpoint of the same target: the
// smaller is the better.
func (e *Endpoint) Cost() float32 {
	return float32(e.inFlight.Load()+1) * e.latency.short()
}

// Yields reports whether the endpoint, though it costs less, should leave an
// attempt to another because it is in slow start. random must be uniform. The
// answer is no with the probability of the slow-start weight: were the weight
// only part of the cost, an endpoint in slow start would lose each comparison and
// get nothing. It is also no if the other costs more than weight and cost
// together make up for, lest one that is new be spared while others have queues.
func (e *Endpoint) Yields(random uint32, to *Endpoint) bool {
	handicap := e.handicap.Load()
	return random < handicap && to.Cost()*(1-float32(handicap)/(1<<32)) < e.Cost()
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
	weight := max(0.1, float64(now-e.swept.ramp)/float64(window))
	e.swept.ramping = weight < 1
	e.handicap.Store(uint32(max(0, 1-weight) * (1 << 32)))
}
