package cloudhttp

import (
	"context"
	"net/http"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// wireHeaders are those that an attempt tells its server something by.
var wireHeaders = [...]string{tierHeader, levelHeader, http.CanonicalHeaderKey(sla.AttemptHeader), timeoutHeader}

// The way back of an answer takes one part in so many of what is left of a call's
// time, and no more than mostWayBack.
const (
	wayBack     = 20
	mostWayBack = 5 * time.Millisecond
)

// reasonTooShort is that of a server that failed because a caller's own deadline
// was over.
const reasonTooShort = "deadline too short to tell"

// told is what an attempt has told its server, in the headers of package sla.
type told struct {
	values   [len(wireHeaders)]string // each list of values is a part of it
	left     time.Duration            // until the deadline; 0: there is none
	deadline time.Time                // with the way back taken off
}

// tell puts into the attempt's header what its server is to know: how much time is
// left and, as [balancer.Attempt.Told] has it, class and number. It takes the place of what the
// caller's header says: that may be a stranger's claim, which a proxy forwards. A
// connection that switches protocols has no deadline. tell fails if there isn't the
// time for an answer any more.
func (x *exchange) tell(ctx context.Context) error {
	deadline, timed := ctx.Deadline()
	timed = timed && !switchesProtocols(&x.request)
	tier, classed := x.attempt.Told(ctx)
	if !timed && !classed && !claims(x.request.Header) {
		return nil
	}
	x.ownHeader()
	for _, name := range wireHeaders {
		delete(x.request.Header, name)
	}
	x.told = new(told)
	if timed {
		left := time.Until(deadline)
		back := min(left/wayBack, mostWayBack)
		if left -= back; left < time.Millisecond { // the least that can be said
			return context.DeadlineExceeded
		}
		x.told.left, x.told.deadline = left, deadline.Add(-back)
		x.say(3, sla.FormatTimeout(left))
	}
	if classed {
		x.say(0, tier)
		x.say(1, sla.FormatLevel(uint8(x.attempt.Level())))
		x.say(2, sla.FormatAttempt(x.attempt.Number()))
	}
	return nil
}

// say sets the i-th of the headers.
func (x *exchange) say(i int, value string) {
	x.told.values[i] = value
	x.request.Header[wireHeaders[i]] = x.told.values[i : i+1 : i+1]
}

// claims reports whether a header has any of those that tell reserves for itself.
func claims(h http.Header) bool {
	for _, name := range wireHeaders {
		if _, ok := h[name]; ok {
			return true
		}
	}
	return false
}

// inTime corrects the outcome of an answer that came when the server's time was
// over: it was right to fail then. That speaks against it if it had longer than
// answers take, or if the tier set the time, which says what is expected. A caller
// may set any.
func (x *exchange) inTime(o health.Outcome) health.Outcome {
	if o.Kind != health.Failed || x.told == nil || x.told.left == 0 || time.Now().Before(x.told.deadline) || x.told.left >= x.attempt.Time(0) {
		return o
	}
	if callers, ok := x.req.Context().Deadline(); !ok || callers.After(x.told.deadline.Add(mostWayBack)) {
		return o // the tier's is earlier
	}
	return health.Outcome{Reason: reasonTooShort}
}
