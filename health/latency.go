package health

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/fairlead-go/fairlead/internal/histogram"
)

const (
	// Latencies of the last five to ten seconds.
	latencyWindows = 2
	latencySpan    = 5 * time.Second
	// latencySamples is how many make a quantile worth knowing.
	latencySamples = 20
	// From latencyPlenty on one of latencyThin is enough: the quantiles rest on
	// thousands just the same. The others are spared a counter that all cores
	// write.
	latencyPlenty = 1 << 16
	latencyThin   = 8
	// measureInterval is the time between two looks at the quantiles.
	measureInterval = time.Second
	// longestHalfLife is the time in which the longest answer that is remembered
	// fades to a half.
	longestHalfLife = time.Hour

	// The time in which the baseline follows what is measured while the target
	// is healthy, and while it isn't. The first outlasts an incident's onset.
	// The second makes a lasting change the new normal after a while.
	baselineTau      = time.Minute
	baselineTauWorse = 10 * time.Minute
	// An answer is slow if it takes slowFactor times the baseline, and at least
	// slowMargin longer: for the fastest services a pause of the collector
	// would be ten times the usual.
	slowFactor = 4
	slowMargin = 25 * time.Millisecond
)

// fadedLongest is what is left of the longest answer after measureInterval.
var fadedLongest = math.Exp2(-measureInterval.Seconds() / longestHalfLife.Seconds())

// Objective is what one tier was promised. The name must be unique among the
// tiers of a target.
type Objective struct {
	Tier    string
	Latency time.Duration // an answer that takes longer is slow; 0: no objective
}

// tierLatency is how long the target's good answers to one tier take.
type tierLatency struct {
	tier      string
	ring      *histogram.Ring
	slowAfter atomic.Int64 // ns; 0: nothing is slow
	p99       atomic.Int64 // ns; 0: unknown
	usual     atomic.Int64 // ns, the median or, where p99 is unknown, longest
	plenty    atomic.Bool  // there are so many answers that a part of them will do

	objective time.Duration
	baseline  float64 // 90th percentile of healthy times in ns; 0: unknown
	learnt    float64 // measurements of healthy times the baseline rests on
	longest   float64 // of few answers, in ns, fading, or the median of many; 0: there was none
}

func newTierLatency(o Objective) *tierLatency {
	l := &tierLatency{tier: o.Tier, ring: histogram.NewRing(latencyWindows, latencySpan)}
	l.promise(o.Latency)
	return l
}

// promise sets the objective.
func (l *tierLatency) promise(objective time.Duration) {
	l.objective = objective
	l.slowAfter.Store(int64(slowLimit(objective, time.Duration(l.baseline))))
}

// learn counts the time that an answer took, one for several if there are plenty.
// Which ones is left to the last bits of the times, hashed as Knuth does.
func (l *tierLatency) learn(now, took time.Duration) {
	if !l.plenty.Load() {
		l.ring.Record(took)
	} else if uint64(now+took<<8)*0x9e3779b97f4a7c15>>32%latencyThin == 0 {
		l.ring.RecordN(took, latencyThin)
	}
}

// slow reports whether an answer took too long.
func (l *tierLatency) slow(took time.Duration) bool {
	limit := time.Duration(l.slowAfter.Load())
	return limit > 0 && took > limit
}

// measure takes the quantiles of the recent past over into what attempts read,
// and returns what it saw. The baseline follows it, quickly if these were
// healthy times.
//
// The baseline is a 90th percentile and not a median: where four answers of ten
// come from a cache and the others take a hundred times as long, the slow ones
// are nothing unusual.
func (l *tierLatency) measure(now time.Duration, healthy bool) histogram.Snapshot {
	l.ring.Advance(now)
	seen := l.ring.Snapshot()
	l.plenty.Store(seen.Count() >= latencyPlenty)
	if seen.Count() < latencySamples {
		l.longest = max(l.longest*fadedLongest, float64(seen.Quantile(1)))
		l.p99.Store(0)
		l.usual.Store(int64(l.longest))
		return seen
	}
	l.longest = float64(seen.Quantile(0.5))
	l.p99.Store(int64(seen.Quantile(0.99)))
	l.usual.Store(int64(l.longest))
	weight := float64(measureInterval) / float64(baselineTauWorse)
	if healthy || l.learnt == 0 {
		// At first the plain mean of all measurements, so that the baseline
		// doesn't hang on the first second.
		l.learnt++
		weight = max(1/l.learnt, float64(measureInterval)/float64(baselineTau))
	}
	l.baseline += weight * (float64(seen.Quantile(0.9)) - l.baseline)
	l.promise(l.objective)
	return seen
}

// slowLimit is the time beyond which an answer is slow: the objective, or what
// is unusual for this target if that is less. Zero stands for unknown and for
// no limit. A cloud that is simply farther away isn't slow by its own
// standards.
func slowLimit(objective, baseline time.Duration) time.Duration {
	if baseline == 0 {
		return objective
	}
	unusual := max(slowFactor*baseline, baseline+slowMargin)
	if objective == 0 {
		return unusual
	}
	return min(objective, unusual)
}
