package health

import (
	"time"

	"github.com/fairlead-go/fairlead/internal/histogram"
)

// Waited counts the time that was spent on an attempt for a call of the tier
// when its answer was no longer needed, because that of another attempt at the
// same call had come. The answer would have taken longer. Without these times
// the quantiles would only know of the quick answers, and fall from second to
// second as whoever acts on them cuts off what is slow. The same goes for attempts
// that were given up while nothing was known. It counts as nothing
// else: there is a Record with a neutral outcome beside it. Any goroutine may
// call it.
func (t *Target) Waited(tier int, began, now time.Duration) {
	if l := t.tier(tier); l != nil && !t.excuses(began) {
		l.ring.Record(now - began)
	}
}

// QuantileOf is the quantile q in [0, 1] of the time good answers to the tier
// took in the last five to ten seconds, over all of the targets together, and
// the number of answers it rests on. It is 0 if there were none. It reads whole
// histograms and is meant to be called now and then. Any goroutine may call it.
func QuantileOf(targets []*Target, tier int, q float64) (time.Duration, uint64) {
	var all histogram.Snapshot
	for _, t := range targets {
		if l := t.tier(tier); l != nil {
			seen := l.ring.Snapshot()
			all.Merge(&seen)
		}
	}
	return all.Quantile(q), all.Count()
}
