package health

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/fairlead-go/fairlead/internal/histogram"
)

const (
	// firstGuess is how long an endpoint's answers are taken to last before
	// there was any, from any endpoint.
	firstGuess = 10 * time.Millisecond
	// dearest is how many times the usual latency a failure may count for.
	dearest = 10
)

// Target is one service in one cloud: its endpoints, what they answered, and
// what follows from it.
//
// Good, Record, RecordOpen, Spoiled, Waited, Probed, State, Reason, Since, P99, P90 and
// Quantile may be called by any goroutine. All other methods belong to one goroutine at a time.
type Target struct {
	tiers       atomic.Pointer[[]*tierLatency]
	last        atomic.Pointer[Change]
	blame       atomic.Pointer[Outcome] // a recent bad outcome
	p90         atomic.Int64            // ns, of all tiers; 0: unknown
	silentAfter atomic.Int64            // ns
	dear        atomic.Int64            // ns, the most a quick failure counts for
	// judgedFrom is when the target was last given a fresh start. An attempt
	// that began before can't speak against it: it may have failed for what
	// was counted already, or because this process stood still.
	judgedFrom atomic.Int64
	timedOut   atomic.Uint64 // attempts at its endpoints, ever, but for those that were given up early
	early      atomic.Uint64 // those

	// The sweeping goroutine's.
	settings  Settings
	endpoints []*Endpoint
	ejected   int  // how many of the endpoints are
	pickable  bool // eligibility of one changed since the last sweep
	created   time.Duration
	swept     time.Duration
	measured  time.Duration
	compared  time.Duration // success rates of endpoints, with each other
	excused   bool          // the next sweep holds nothing against the target

	outcomes Outcomes          // of all attempts, as far as they are counted
	began    map[string]uint64 // attempts by the tier's name, likewise
	leaving  []*Endpoint       // endpoints that were removed and may still be in use
	window   window            // for reports
	fresh    window            // for judging: since the fresh start
	begun    uint64
	load     Load
	good     time.Duration // the sweep that saw the last good answer to a call
	cusum    cusum
	traffic  traffic
	silence  silence
	quality  Counts

	answers    answers
	answered   bool
	reached    bool
	fellSilent bool
}

// NewTarget returns a target without endpoints. The objectives are those of
// all tiers, in the order of the indices that Record, P99 and Quantile take.
func NewTarget(s Settings, tiers []Objective, now time.Duration) *Target {
	t := &Target{began: make(map[string]uint64), created: now, swept: now, measured: now, compared: now}
	t.last.Store(&Change{At: now, Reason: "nothing heard yet"})
	t.silentAfter.Store(int64(unknownSilence))
	t.dear.Store(int64(dearest * firstGuess))
	t.Configure(s, tiers)
	return t
}

// Configure replaces settings and objectives. What is known of a tier stays
// with its name, whatever its index becomes; a tier with a new name begins with
// nothing. An attempt under way counts for the tier that has its index when it
// ends.
func (t *Target) Configure(s Settings, tiers []Objective) {
	if t.tiers.Load() != nil {
		t.count() // by the old names
	}
	t.settings = s.WithDefaults()
	var old []*tierLatency
	if p := t.tiers.Load(); p != nil {
		old = *p
	}
	latencies := make([]*tierLatency, len(tiers))
	for i, o := range tiers {
		known := slices.IndexFunc(old, func(l *tierLatency) bool { return l.tier == o.Tier })
		if known >= 0 {
			latencies[i] = old[known]
			latencies[i].promise(o.Latency)
		} else {
			latencies[i] = newTierLatency(o)
		}
	}
	t.tiers.Store(&latencies)
	t.nameTiers()
}

// SetEndpoints replaces the endpoints. Those that were there before keep what
// is known of them. New ones get little at first if others carried traffic
// before them. Where too many of those that stay are ejected, some aren't any more. An
// endpoint belongs to one target; outcomes of one that was
// removed are not counted any more.
func (t *Target) SetEndpoints(now time.Duration, endpoints []*Endpoint) {
	t.retire(now, endpoints)
	t.ejected = 0
	for _, e := range endpoints {
		t.makeRoom(e)
		if !e.swept.attached {
			e.swept.attached = true
			e.latency.guess(now, float64(t.dear.Load())/dearest)
			e.swept.ramp, e.swept.ramping = now, t.begun > 0 && t.settings.SlowStart > 0
			e.rampUp(now, t.settings.SlowStart)
		}
		if e.ejection.cause != notEjected {
			t.ejected++
		}
	}
	t.endpoints = slices.Clone(endpoints)
	// Attempts at endpoints that left will never seem to be answered.
	t.traffic = traffic{}
	for _, e := range t.endpoints {
		t.traffic = t.traffic.plus(e.swept.traffic)
	}
	t.silence.restart(t.traffic)
	t.keepSome(now)
}

// State is the target's condition.
func (t *Target) State() State { return t.last.Load().To }

// Reason is why it is in that state, for a person.
func (t *Target) Reason() string { return t.last.Load().Reason }

// Since is when it came into that state.
func (t *Target) Since() time.Duration { return t.last.Load().At }

// Quality is the part of the recent outcomes that were good and not slow, in
// [0, 1]; 1 if there were fewer than 20 in the last ten seconds, and 0 while the
// target is down. It rests on the last one to two seconds if they had 100
// outcomes, else on as many more as that takes.
func (t *Target) Quality() float64 {
	if t.State() == Down {
		return 0
	}
	return quality(t.quality)
}

// Healthy is the fraction of the endpoints that are eligible; 0 without
// endpoints.
func (t *Target) Healthy() float64 {
	if len(t.endpoints) == 0 {
		return 0
	}
	return 1 - float64(t.ejected)/float64(len(t.endpoints))
}

// P99 is the 99th percentile of the time good answers to the tier took in the
// last ten seconds, renewed once a second; 0 if it is unknown because there
// were fewer than 20.
func (t *Target) P99(tier int) time.Duration {
	if l := t.tier(tier); l != nil {
		return time.Duration(l.p99.Load())
	}
	return 0
}

// Usual is how long an answer to the tier usually takes: the median of the same
// times or, where those are too few for P99, the longest that is remembered, which
// fades to a half in an hour. It is 0 if nothing is known.
func (t *Target) Usual(tier int) time.Duration {
	if l := t.tier(tier); l != nil {
		return time.Duration(l.usual.Load())
	}
	return 0
}

// P90 is the 90th percentile over all tiers, as P99.
func (t *Target) P90() time.Duration { return time.Duration(t.p90.Load()) }

// Quantile is any quantile q in [0, 1] of the same times, 0 if there were none.
// It reads the whole histogram and is meant for reports.
func (t *Target) Quantile(tier int, q float64) time.Duration {
	if l := t.tier(tier); l != nil {
		return l.ring.Quantile(q)
	}
	return 0
}

// Counts are the exact totals of the last ten seconds, the current one
// included, as of the last sweep. An attempt counts in the second in which a
// sweep saw it.
func (t *Target) Counts() Counts { return t.window.total() }

// Begun is the number of attempts that ever began, as of the last sweep.
func (t *Target) Begun() uint64 { return t.begun }

// tier returns nil for a tier that the configuration no longer has.
func (t *Target) tier(i int) *tierLatency {
	if tiers := *t.tiers.Load(); uint(i) < uint(len(tiers)) {
		return tiers[i]
	}
	return nil
}

// measure renews what attempts read of latencies, once a second.
func (t *Target) measure(now time.Duration) {
	if now-t.measured < measureInterval {
		return
	}
	t.measured = now
	state := t.State()
	healthy := (state == Healthy || state == Unknown) && quality(t.quality) >= restoredAbove
	var all histogram.Snapshot
	for _, l := range *t.tiers.Load() {
		seen := l.measure(now, healthy)
		all.Merge(&seen)
	}
	p90 := time.Duration(0)
	if all.Count() >= latencySamples {
		p90 = all.Quantile(0.9)
	}
	t.p90.Store(int64(p90))
	if p90 > 0 {
		// Without calls the limit stays: a probe has to show that the answers
		// are what they were.
		t.silentAfter.Store(int64(silenceLimit(p90)))
	}
}
