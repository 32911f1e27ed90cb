package balancer

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// This file is about the call as its caller sees it: the promise. What an attempt
// says about its cloud is another matter, which settle reports to package health.

// tally says where a call counts.
type tally struct {
	tier     *sla.Meter
	contract *sla.Meter // nil if there is none for the call
	random   uint64     // of the call
}

func (t *tally) count(v sla.Verdict) {
	if v == sla.Uncounted {
		return
	}
	t.tier.Count(v, t.random)
	if t.contract != nil {
		t.contract.Count(v, t.random)
	}
}

// tally returns where calls of a class count that was found in this very table: in
// another the contracts may be others.
func (s *serviceTable) tally(class sla.Class, random uint64) tally {
	t := tally{tier: s.tiers[class.Tier].meter, random: random}
	if class.Contract > 0 {
		t.contract = s.contracts[class.Contract-1]
	}
	return t
}

// tally returns where the call counts: in its tier as the newest table has it, in
// the contract that it began with.
func (d *calling) tally() tally {
	return tally{tier: d.tier().meter, contract: d.contract, random: d.draw}
}

// judge says what a call was to its caller that ended with o. late says that it
// took longer than promised, hurried that it ended with its caller's own deadline.
func judge(o health.Outcome, late, hurried bool) sla.Verdict {
	switch {
	case o.Kind == health.OK && !late:
		return sla.Good
	case o.Kind == health.Neutral && !(late && hurried):
		// The caller left, asked for what nobody can do, or had less time than
		// the answer was promised in.
		return sla.Uncounted
	}
	return sla.Bad
}

// refused says what a call was to its caller that was refused without an attempt.
func refused(ctx context.Context, err error) sla.Verdict {
	var shed *sla.ShedError
	var unknown *UnknownServiceError
	switch {
	case errors.As(err, &shed):
		return sla.Shed
	case errors.Is(ctx.Err(), context.Canceled), errors.Is(err, ErrClosed), errors.As(err, &unknown):
		return sla.Uncounted
	}
	return sla.Bad
}

// late reports whether a call that took so long took longer than promised. What
// may be silent as long as it likes is never late.
func (t *tierTable) late(took time.Duration, open bool) bool {
	return t.Objective.Latency > 0 && took > t.Objective.Latency && !open
}

// end counts the call, whose last attempt ended with o when it had taken that
// long, and whose error is err. If the attempt was kept, it counts when that is
// released.
func (d *calling) end(last Attempt, o health.Outcome, took time.Duration, err error) {
	gone, late := d.ctx.Err(), d.tier().late(last.began+took-d.began, d.open)
	v := judge(o, late, gone == nil || errors.Is(gone, context.DeadlineExceeded))
	if err != nil && o.Kind != health.OK && errors.Is(gone, context.Canceled) {
		v = sla.Uncounted // Do has told a caller who left so
	}
	if err != nil && last.run.drained() != nil {
		v = sla.Bad // nobody's fault but ours
	}
	d.tier().endings.add(d.class.Level, endOf(o, late, d.over).as(v))
	t := d.tally()
	if last.run.kept {
		last.run.ending.told(t, v)
	} else {
		t.count(v)
	}
}

// refused counts a call that ended without an attempt, and returns its error.
func (d *calling) refused(err error) error {
	t, v := d.tally(), refused(d.ctx, err)
	d.tier().endings.add(d.class.Level, errorEnd(err).as(v))
	t.count(v)
	return err
}

// lose counts a call that ended without a result, because what it ran panicked or
// left its goroutine: to its caller that is a failure.
func (d *calling) lose() {
	d.tier().endings.add(d.class.Level, endOther)
	t := d.tally()
	t.count(sla.Bad)
}

// ending is how a call ends whose last attempt was kept: with what Do said of it
// and what became of the rest of the answer. Either may come first; the second one
// counts the call.
type ending struct {
	state   atomic.Uint32
	tally   tally
	verdict sla.Verdict
}

const (
	endingTold     = iota + 1 // Do has said what there is to say
	endingReleased            // the answer has ended, and nothing more is to be said of it
	endingSpoiled             // it broke off
)

// told is Do's part.
func (e *ending) told(t tally, v sla.Verdict) {
	e.tally, e.verdict = t, v
	if !e.state.CompareAndSwap(0, endingTold) {
		e.count(e.state.Load() == endingSpoiled)
	}
}

// released is the adapter's part.
func (e *ending) released(spoiled bool) {
	state := uint32(endingReleased)
	if spoiled {
		state = endingSpoiled
	}
	if !e.state.CompareAndSwap(0, state) {
		e.count(spoiled)
	}
}

func (e *ending) count(spoiled bool) {
	v := e.verdict
	if spoiled {
		v = sla.Bad
	}
	e.tally.count(v)
}

// Count counts a call that was made of picks, when it has ended: in its tier and
// its contract, for [Router.Report] and the metric fairlead.calls. Only its adapter
// knows that it has. It took that long, and ended with o; or with err, the one that
// [Router.Pick] returned for its first attempt. Calls of [Do] are counted already.
//
// Any number of goroutines may call Count. It takes no more locks than Pick does,
// and allocates nothing.
func (r *Router) Count(ctx context.Context, call Call, took time.Duration, o health.Outcome, err error) {
	t := r.table.Load()
	s := t.find(call.Service, call.Protocol)
	if s == nil {
		return
	}
	draw := r.random()
	class := t.classifier.Classify(ctx, call.Method, r.today(), draw)
	tally, tier := s.tally(class, draw), &s.tiers[class.Tier]
	if err != nil {
		v := refused(ctx, err)
		tier.endings.add(class.Level, errorEnd(err).as(v))
		tally.count(v)
		return
	}
	late := tier.late(took, call.open(ctx))
	v := judge(o, late, errors.Is(ctx.Err(), context.DeadlineExceeded))
	tier.endings.add(class.Level, endOf(o, late, ctx.Err).as(v))
	tally.count(v)
}
