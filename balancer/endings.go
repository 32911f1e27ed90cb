package balancer

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// callEnd says what became of a call, as its caller sees it.
type callEnd uint8

const (
	endGood callEnd = iota
	endSlow
	endRefused
	endFailed
	endBroken
	endTimedOut
	endOverloaded
	endCanceled
	endNoCloud
	endShed
	endOther
	callEnds = iota
)

// errorTypes are the values of error.type, in OpenTelemetry's words "" for a
// success and _OTHER for what has no name of its own.
var errorTypes = [callEnds]string{
	endSlow: "slow", endRefused: "refused", endFailed: "failed", endBroken: "broken", endTimedOut: "timed_out",
	endOverloaded: "overloaded", endCanceled: "canceled", endNoCloud: "no_cloud", endShed: "shed", endOther: "_OTHER",
}

// shedReasons are the values of reason of calls that were shed.
var shedReasons = [...]sla.ShedReason{sla.ShedCapacity, sla.ShedInFlight}

// stripes is the number of places where calls of one tier are counted, so that
// cores seldom write the same.
const stripes = 8

// endings counts the calls of one tier to a service. It outlives tables and
// configs. Any goroutine may call add and shed; which of the stripes they count in
// makes no difference.
type endings struct {
	stripes [stripes]struct {
		ends [callEnds]atomic.Uint64
		shed [len(shedReasons)]atomic.Uint64
		_    [128 - 8*(callEnds+len(shedReasons))]byte
	}
}

func (t *endings) add(stripe uint8, e callEnd) { t.stripes[stripe%stripes].ends[e].Add(1) }

// shed counts a call that was shed, beside add.
func (t *endings) shed(stripe uint8, reason sla.ShedReason) {
	t.stripes[stripe%stripes].shed[indexOf(reason)].Add(1)
}

func indexOf(reason sla.ShedReason) int { return max(0, slices.Index(shedReasons[:], reason)) }

func (t *endings) ended(e callEnd) (n uint64) {
	for i := range t.stripes {
		n += t.stripes[i].ends[e].Load()
	}
	return n
}

func (t *endings) shedFor(reason sla.ShedReason) (n uint64) {
	for i := range t.stripes {
		n += t.stripes[i].shed[indexOf(reason)].Load()
	}
	return n
}

// endOf says how a call ended whose last attempt ended with o. late says that it
// took longer than promised, over why no more could be done for it, if so.
func endOf(o health.Outcome, late bool, over func() error) callEnd {
	switch o.Kind {
	case health.OK:
		if late {
			return endSlow
		}
		return endGood
	case health.Refused:
		return endRefused
	case health.Failed:
		return endFailed
	case health.Broken:
		return endBroken
	case health.TimedOut:
		return endTimedOut
	case health.Overloaded:
		return endOverloaded
	}
	return errorEnd(over())
}

// errorEnd says how a call ended that failed for something else than the outcome
// of an attempt.
func errorEnd(err error) callEnd {
	var shed *sla.ShedError
	switch {
	case errors.As(err, &shed):
		return endShed
	case errors.Is(err, context.Canceled):
		return endCanceled
	case errors.Is(err, context.DeadlineExceeded):
		return endTimedOut
	case errors.Is(err, ErrNoCloud):
		return endNoCloud
	}
	return endOther
}

// as is the end of a call that counts as v for its promise. What doesn't count is
// its caller's doing, and what does is not: so the canceled ones are all that must
// be left out of the metric to get what was promised.
func (e callEnd) as(v sla.Verdict) callEnd {
	switch {
	case v == sla.Uncounted:
		return endCanceled
	case e == endCanceled:
		return endOther
	}
	return e
}
