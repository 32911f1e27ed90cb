package balancer

import (
	"context"
	"errors"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// Do makes a call: it chooses a cloud and an endpoint, runs try there, and
// runs it again elsewhere if the outcome, the call, its deadline and the
// service's retry budget allow.
//
// try makes one attempt at the endpoint and returns what came of it:
//   - a value and a nil error, if there was an answer. The outcome may still be
//     bad: an HTTP 503 is a value. It becomes Do's result if no further attempt
//     is made.
//   - an error otherwise. If the outcome is health.OK the error is the target's
//     answer, such as gRPC's NOT_FOUND, and Do returns it as it is. Any other
//     becomes part of a [*CallError].
//
// try must respect its context, which ends with the call's, or when the
// attempt's own time is over and another attempt is affordable. An outcome need
// not account for that: Do itself tells a silent target from a caller who left.
//
// discard gets each value that is not Do's result, so that what it holds can be
// released; it may be nil if there is nothing to release.
//
// The call's deadline is the earlier of ctx's and that of its tier's timeout.
// Any number of goroutines may call Do.
func Do[T any](ctx context.Context, r *Router, call Call,
	try func(context.Context, Attempt) (T, health.Outcome, error), discard func(T)) (T, error) {
	var none T
	drop := func(v T) {
		if discard != nil {
			discard(v)
		}
	}
	d, err := r.begin(ctx, call)
	if err != nil {
		return none, err
	}
	a, err := d.first()
	if err != nil {
		d.cancel()
		return none, err
	}
	for {
		v, outcome, err := try(a.run.ctx, a)
		outcome = d.settle(a, outcome, err)
		if err == nil && a.run.fate.isCut() {
			drop(v)
			v, err = none, errAttemptTime
		}
		next, stop := d.again(outcome)
		if stop != "" {
			err = d.verdict(outcome, err, stop) // before the call's context ends
			d.finish(a)
			return v, err
		}
		if err == nil {
			drop(v)
		}
		a.run.leave(a)
		a = next
	}
}

// calling is the state of one call of Do. Only its goroutine uses it, but for
// the timer of a run.
type calling struct {
	router  *Router
	call    Call
	ctx     context.Context
	cancel  context.CancelFunc
	service *serviceTable // of the table that the last pick used
	class   sla.Class     // in that table
	tried   []Attempt
	report  []AttemptReport // of those that didn't end well
	room    [2]Attempt      // where tried usually finds place
}

// begin classifies the call and sets its deadline.
func (r *Router) begin(ctx context.Context, call Call) (*calling, error) {
	s, class, _, err := r.classify(ctx, call.Service, call.Method)
	if err != nil {
		return nil, err
	}
	d := &calling{router: r, call: call, ctx: ctx, cancel: func() {}, service: s, class: class}
	d.tried = d.room[:0]
	if t := d.tier(); t.Timeout > 0 {
		d.ctx, d.cancel = context.WithTimeoutCause(ctx, t.Timeout, &tierTimeoutError{tier: t.Name, timeout: t.Timeout})
	}
	return d, nil
}

// first makes the first attempt.
func (d *calling) first() (Attempt, error) {
	var a Attempt
	if err := d.router.first(&a, d.service, d.class, d.router.random()); err != nil {
		return a, err
	}
	d.enter(&a)
	return a, nil
}

// again decides whether there is another attempt after one that ended with o,
// and starts it. If there is none it says why.
func (d *calling) again(o health.Outcome) (next Attempt, stop string) {
	last := d.tried[len(d.tried)-1].run
	paid := last.fate.isCut() // then the timer paid
	defer func() {
		if paid && stop != "" {
			d.service.live.budget.Return()
		}
	}()
	switch {
	case o.Kind == health.OK || o.Kind == health.Neutral:
		return next, stopEnded
	case last.final:
		return next, stopSent
	case !failover.MayRetry(o, d.call.Idempotent):
		return next, stopUnsafe
	case len(d.tried) >= d.tier().Attempts:
		return next, stopAttempts
	case d.ctx.Err() != nil:
		return next, stopTime
	}
	d.refresh()
	if !paid && !d.service.live.budget.Withdraw(d.tier().Protected) {
		return next, stopBudget
	}
	paid = true
	if !d.pause(o) {
		return next, stopTime
	}
	if d.router.again(&next, d.service, d.class, d.router.random(), d.tried) != nil {
		return next, stopNobody
	}
	d.enter(&next)
	return next, ""
}

// Why a call made no further attempt.
const (
	stopEnded    = "the call has ended"
	stopSent     = "what the call sends can't be sent again"
	stopUnsafe   = "the call isn't idempotent"
	stopAttempts = "the tier allows no more"
	stopTime     = "the time is over"
	stopBudget   = "the retry budget is spent"
	stopNobody   = "there is nobody left to ask"
)

// refresh goes over to the newest table, so that a retry knows what has become
// known since. If the service or the tier is gone from it, the call ends by the
// rules it began with.
func (d *calling) refresh() {
	s := d.router.table.Load().find(d.call.Service)
	if s == nil {
		return
	}
	if i := s.tierIndex(d.tier().Name); i >= 0 {
		d.service, d.class.Tier = s, i
	}
}

// pause waits before an attempt that can only repeat an earlier one: there is
// no endpoint left that wasn't tried. It reports false if the call's time
// doesn't allow for the wait.
func (d *calling) pause(o health.Outcome) bool {
	if d.service.hasUntried(d.tier(), d.tried) {
		return true
	}
	wait := failover.RetryDelay(o, len(d.tried), d.router.fraction())
	if deadline, ok := d.ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-d.ctx.Done():
		return false
	}
}

// enter gives an attempt its context. An attempt that could be followed by
// another gets a time of its own, so that a silent cloud cannot eat the
// deadline: when it is over and the retry budget allows another attempt, this
// one is cut short. Without budget it may go on to the deadline.
func (d *calling) enter(a *Attempt) {
	a.run = &run{ctx: d.ctx}
	d.tried = append(d.tried, *a)
	limit := d.attemptTime(*a)
	if limit == 0 {
		return
	}
	run, budget, protected := a.run, d.service.live.budget, d.tier().Protected
	run.ctx, run.cancel = context.WithCancelCause(d.ctx)
	run.timer = time.AfterFunc(limit, func() {
		if !budget.Withdraw(protected) {
			return
		}
		if !run.fate.cut() {
			budget.Return()
			return
		}
		run.cancel(errAttemptTime)
	})
}

// attemptTime returns how long the attempt may take, 0 for as long as the call.
func (d *calling) attemptTime(a Attempt) time.Duration {
	if !d.call.Idempotent || len(d.tried) >= d.tier().Attempts || !d.service.hasUntried(d.tier(), d.tried) {
		return 0
	}
	left := time.Duration(0)
	if deadline, ok := d.ctx.Deadline(); ok {
		left = max(time.Until(deadline), 1)
	}
	return a.Time(left)
}

// settle decides what the attempt's outcome was, and reports it. The adapter
// knows what the target said; Do knows why a context ended.
func (d *calling) settle(a Attempt, o health.Outcome, err error) health.Outcome {
	waited := d.router.now() - a.began
	switch {
	case !a.run.fate.answered():
		// The timer has cut the attempt. If its answer came at the same moment
		// it is late: its context is gone, and nobody could read it.
		o = health.Outcome{Kind: health.TimedOut, Reason: "attempt time"}
	case o.Kind.Answered() || d.ctx.Err() == nil:
		// The target's answer, or a failure that no deadline caused.
	case errors.Is(d.ctx.Err(), context.Canceled):
		o = health.Outcome{Reason: "canceled"}
	case waited >= d.patience(a):
		o = health.Outcome{Kind: health.TimedOut, Reason: "deadline"}
	default:
		o = health.Outcome{Reason: "deadline too short to tell"}
	}
	a.Answered(o)
	if o.Kind != health.OK {
		d.report = append(d.report, AttemptReport{
			Cloud: a.Cloud(), Endpoint: a.Endpoint().String(), Outcome: o, Took: waited, Err: err,
		})
	}
	return o
}

// patience is how long a target may be silent until that speaks against it.
func (d *calling) patience(a Attempt) time.Duration {
	if usual := a.Time(0); usual > 0 {
		return usual
	}
	return time.Second
}

// finish ends the last attempt and with it the call, unless the attempt is
// kept: then both end when it is released.
func (d *calling) finish(a Attempt) {
	if a.run.kept && !a.run.released {
		a.run.last = d.cancel
		return
	}
	a.run.leave(a)
	d.cancel()
}

// verdict returns the error of the call, given what try returned last.
func (d *calling) verdict(o health.Outcome, err error, stop string) error {
	if err == nil || o.Kind == health.OK {
		return err
	}
	e := d.router.refusal(d.service, d.class, err)
	e.Attempts, e.Stop = d.report, stop
	e.Ambiguous = o.Kind.Bad() && !o.Kind.Unsent() && !d.call.Idempotent
	if d.ctx.Err() != nil {
		e.Cause = context.Cause(d.ctx)
	}
	return e
}

func (d *calling) tier() *tierTable { return &d.service.tiers[d.class.Tier] }
