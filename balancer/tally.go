package balancer

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// ending says what became of a call, as its caller sees it.
type ending uint8

const (
	endGood ending = iota
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
	endings = iota
)

// errorTypes are the values of error.type, in OpenTelemetry's words "" for a
// success and _OTHER for what has no name of its own.
var errorTypes = [endings]string{
	endSlow: "slow", endRefused: "refused", endFailed: "failed", endBroken: "broken", endTimedOut: "timed_out",
	endOverloaded: "overloaded", endCanceled: "canceled", endNoCloud: "no_cloud", endShed: "shed", endOther: "_OTHER",
}

// shedReasons are the values of reason of calls that were shed.
var shedReasons = [...]sla.ShedReason{sla.ShedCapacity, sla.ShedInFlight}

// stripes is the number of places where calls of one tier are counted, so that
// cores seldom write the same.
const stripes = 8

// tally counts the calls of one tier to a service. It outlives tables and
// configs. Any goroutine may call add and shed; which of the stripes they count in
// makes no difference.
type tally struct {
	stripes [stripes]struct {
		ends [endings]atomic.Uint64
		shed [len(shedReasons)]atomic.Uint64
		_    [128 - 8*(endings+len(shedReasons))]byte
	}
}

func (t *tally) add(stripe uint8, e ending) { t.stripes[stripe%stripes].ends[e].Add(1) }

// shed counts a call that was shed, beside add.
func (t *tally) shed(stripe uint8, reason sla.ShedReason) {
	t.stripes[stripe%stripes].shed[indexOf(reason)].Add(1)
}

func indexOf(reason sla.ShedReason) int { return max(0, slices.Index(shedReasons[:], reason)) }

func (t *tally) ended(e ending) (n uint64) {
	for i := range t.stripes {
		n += t.stripes[i].ends[e].Load()
	}
	return n
}

func (t *tally) shedFor(reason sla.ShedReason) (n uint64) {
	for i := range t.stripes {
		n += t.stripes[i].shed[indexOf(reason)].Load()
	}
	return n
}

// count counts the call that ended with o.
func (d *calling) count(o health.Outcome) {
	d.tier().tally.add(d.class.Level, d.ending(o))
}

func (d *calling) ending(o health.Outcome) ending {
	switch o.Kind {
	case health.OK:
		if limit := d.tier().Objective.Latency; limit > 0 && !d.open && d.router.now()-d.since > limit {
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
	return endingOf(d.over())
}

// endingOf is the ending of a call that failed for something else than the
// outcome of an attempt.
func endingOf(err error) ending {
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

// refused counts a call that ended before there was an attempt, and returns its
// error.
func (d *calling) refused(err error) error {
	if err != nil {
		d.tier().tally.add(d.class.Level, endingOf(err))
	}
	return err
}

// refused counts a call that has not even begun, and returns its error. One for
// a service that there isn't belongs nowhere.
func (r *Router) refused(call Call, err error) error {
	var e *CallError
	var shed *sla.ShedError
	tier, stripe := "", uint8(0)
	switch {
	case errors.As(err, &shed):
		tier, stripe = shed.Tier, uint8(shed.Level)
	case errors.As(err, &e):
		tier = e.Tier
	}
	if s := r.table.Load().find(call.Service, call.Protocol); s != nil {
		if i := s.tierIndex(tier); i >= 0 {
			s.tiers[i].tally.add(stripe, endingOf(err))
		}
	}
	return err
}
