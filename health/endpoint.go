package health

import (
	"sync/atomic"
	"time"
)

// cacheLine is the distance that keeps two cores from writing to the same
// line: 64 bytes, doubled because processors fetch lines in pairs.
const cacheLine = 128

const (
	// MostTiers is how many tiers a target may have.
	MostTiers = 32
	// nearTiers is of how many tiers an endpoint counts attempts on the cache
	// line that each attempt writes anyway. For further ones it takes another.
	nearTiers = 4
	// longest is where counting bad outcomes in a row ends.
	longest = 1 << 30
)

// Endpoint is the live record of one address of one target. The zero value is
// ready for use. Begin, End, InFlight, Cost and Eligible may be called by any
// goroutine, the other methods by the one that sweeps the target.
//
// All that the way of a good attempt reads and writes lies on one cache line of
// its own, and so does all that a pick compares. What bad ones, probes and the
// sweep write lies behind it.
type Endpoint struct {
	past past // which the sweep remembers: it fills the line before

	begun    [nearTiers]atomic.Uint64 // by tier
	use      use
	latency  peak
	streak   atomic.Int32  // bad outcomes in a row, as far as longest
	handicap atomic.Uint32 // 1 − slow-start weight, of 2³²; written by the sweep
	out      atomic.Bool   // not eligible; written by the sweep
	_        [cacheLine - (4+nearTiers)*8]byte

	// Each outcome adds to one of fast and these four, unless it is Neutral. An
	// answer that broke off later adds to bad or excused as well.
	slow, bad, overloaded, excused atomic.Uint64

	replied   atomic.Uint64 // bad and excused outcomes and probes that were answers
	withdrawn atomic.Uint64 // attempts that ended unanswered before that meant anything

	// For reports alone: see Totals.
	neutral, refused, failed, broken, timedOut, spoiled atomic.Uint64

	timesOut atomic.Bool // the last bad attempt timed out
	gone     atomic.Bool // removed from its target; written by the sweep

	far atomic.Pointer[farTiers] // nil unless there are more tiers

	probe    probeRecord
	swept    sweepRecord
	ejection ejection
	due      dueRecord
}

// use is how an endpoint is used. Two counters share a word, so that one write ends
// an attempt that went well: the lower bits count the attempts under way, as a signed
// number lest one that is ended twice borrow from the others; the upper ones the good
// answers that were in time, as far as a trillion.
type use struct{ word atomic.Uint64 }

const (
	inFlightBits = 24
	oneInFlight  = 1
	oneFast      = 1 << inFlightBits
)

func (u *use) inFlight() int32 {
	const unused = 32 - inFlightBits
	return int32(uint32(u.word.Load())<<unused) >> unused
}

func (u *use) fast() uint64 { return (u.word.Load() + oneFast/2) >> inFlightBits }

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

// past is what was counted so far. Before it the runtime puts eight bytes, as before
// all objects that are so large and have pointers: together they are a cacheLine.
type past struct {
	counts   Counts   // at the last sweep
	outcomes Outcomes // as far as the target has counted them
}

// sweepRecord is what else the sweep remembers of an endpoint.
type sweepRecord struct {
	begun    [nearTiers]uint64 // cumulative, as far as the target has counted them
	traffic  traffic           // cumulative, at the last sweep
	answers  answers           // likewise
	reached  uint64            // likewise
	window   window
	silence  silence
	score    float64       // its part of the target's CUSUM score
	recent   float64       // attempts of about the last second
	heard    time.Duration // the sweep that saw the last answer, 0 if none
	good     time.Duration // the sweep that saw the last good answer to a call, 0 if none
	ramp     time.Duration // when the slow start began
	ramping  bool
	attached bool          // belongs to a target, or did
	member   bool          // belongs to one
	left     time.Duration // when it ceased to, if it has
}

// Begin says that an attempt for a call of the tier goes to this endpoint now.
func (e *Endpoint) Begin(tier int) {
	e.use.word.Add(oneInFlight)
	e.begins(tier).Add(1)
}

// begins counts the attempts of a tier. One that the target of the endpoint
// doesn't have counts for some other.
func (e *Endpoint) begins(tier int) *atomic.Uint64 {
	if uint(tier) < nearTiers {
		return &e.begun[tier]
	}
	if far := e.far.Load(); far != nil && uint(tier) < MostTiers {
		return &far.begun[tier-nearTiers]
	}
	return &e.begun[nearTiers-1]
}

// begunAll is the number of attempts that have begun, of all tiers.
func (e *Endpoint) begunAll() (n uint64) {
	for i := range e.begun {
		n += e.begun[i].Load()
	}
	if far := e.far.Load(); far != nil {
		for i := range far.begun {
			n += far.begun[i].Load()
		}
	}
	return n
}

// Enter says that an attempt goes to this endpoint of which nobody knows when
// it should be answered, as of a stream that listens first. It occupies the
// endpoint, but its silence says nothing.
func (e *Endpoint) Enter() { e.use.word.Add(oneInFlight) }

// End says that an attempt no longer occupies the endpoint: its answer was
// read to the end, or given up. There is one End for each Begin and each
// Enter, but for those that [Target.Good] ends.
func (e *Endpoint) End() { e.use.word.Add(^uint64(oneInFlight - 1)) }

// InFlight is the number of attempts between Begin and End.
func (e *Endpoint) InFlight() int { return int(e.use.inFlight()) }

// Cost says how long one more attempt would probably take here, waiting for
// the others included: (in flight + 1) × peak EWMA of the latency. It means
// something only beside the cost of another endpoint of the same target: the
// smaller is the better.
func (e *Endpoint) Cost() float32 {
	return float32(e.use.inFlight()+1) * e.latency.short()
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
		OK:         e.use.fast() + slow,
		Slow:       slow,
		Bad:        e.bad.Load(),
		Overloaded: e.overloaded.Load(),
		Excused:    e.excused.Load(),
		// Last, so that no attempt seems to have ended before it began.
		Begun: e.begunAll(),
	}
}

// traffic reads what the silence test wants to know.
func (e *Endpoint) traffic() traffic {
	answers := e.use.fast() + e.slow.Load() + e.overloaded.Load() + e.replied.Load() + e.probe.good.Load()
	withdrawn := e.withdrawn.Load()
	return traffic{begun: e.begunAll(), withdrawn: withdrawn, answers: answers}
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
