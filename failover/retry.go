package failover

import (
	"math"
	"time"

	"github.com/fairlead-go/fairlead/health"
)

// MayRetry reports whether a call may be tried again after an attempt that
// ended with o. One that the target certainly did not run always may. One that
// it may have run may only if the call is idempotent: else its fate is unknown
// and must be told to the caller. One that was answered or given up never may,
// nor one whose target forbids it.
func MayRetry(o health.Outcome, idempotent bool) bool {
	switch {
	case o.NoRetry:
		return false
	case o.Unsent():
		return true
	}
	switch o.Kind {
	case health.Failed, health.Broken, health.TimedOut:
		return idempotent
	}
	return false
}

// leastAttempt is the shortest time worth waiting for an answer, if there is
// as much left.
const leastAttempt = 50 * time.Millisecond

// AttemptTime returns how long an attempt may take when another could follow
// it: 4 × p99, but at least 50 ms, and at most half of what is left of the
// call's time, so that a silent cloud cannot eat it all.
//
// p99 is the 99th percentile of the target's recent latencies, 0 if unknown.
// left is 0 for a call without a deadline; negative means that its time is
// over. The result is 0 (no limit) if both are 0, and else above 0.
func AttemptTime(p99, left time.Duration) time.Duration {
	usual := time.Duration(math.MaxInt64)
	if p99 > 0 && p99 < usual/4 {
		usual = max(4*p99, leastAttempt)
	}
	switch {
	case left != 0:
		return min(usual, max(left/2, 1))
	case p99 > 0:
		return usual
	}
	return 0
}

// longestEarly is how long an attempt that is given up may have taken at most to be
// early: where a deadline is distant, or there is none, not all can wait for it.
const longestEarly = time.Second

// GivenUp is the outcome of an attempt that was given up for another one when it had
// taken so long. left is what was left of the call's time when it began, 0 for a call
// without a deadline. It was early if it took less than half of that, and than 1 s:
// then it was given up because answers usually take less.
func GivenUp(took, left time.Duration) health.Outcome {
	longest := longestEarly
	if left != 0 {
		longest = min(longest, left/2)
	}
	return health.Outcome{Kind: health.TimedOut, Reason: "attempt time", Early: took < longest}
}

const (
	firstDelay = 25 * time.Millisecond
	mostDelay  = time.Second
)

// RetryDelay returns how long to wait before the n-th retry (from 1) where all
// endpoints have been tried, so that it must repeat one. A retry at another
// endpoint or cloud needs no delay.
//
// If the outcome o of the last attempt says how long the target wants to be left
// alone, that is obeyed exactly. Else the delay is 25 ms, doubling up to 1 s,
// × 0.8…1.2 as random goes from 0 to 1 (gRFC A6).
func RetryDelay(o health.Outcome, n int, random float64) time.Duration {
	if o.RetryAfter > 0 {
		return o.RetryAfter
	}
	delay := min(float64(firstDelay)*math.Exp2(float64(max(n, 1)-1)), float64(mostDelay))
	return time.Duration(delay * (0.8 + 0.4*random))
}
