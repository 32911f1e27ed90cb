package balancer

import (
	"context"
	"errors"
	"slices"
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
// A call that is idempotent and whose tier is hedged may run try twice at the same
// time: see hedge.go, and [Call.OneByOne]. The second time it is in a goroutine of
// its own, which may go on, with discard, when Do has returned: what try and
// discard use must allow for that. If that try panics, Do does; if Do has
// returned, the panic is logged.
//
// The call's deadline is the earlier of ctx's and that of its tier's timeout.
// Any number of goroutines may call Do.
func Do[T any](ctx context.Context, r *Router, call Call,
	try func(context.Context, Attempt) (T, health.Outcome, error), discard func(T)) (T, error) {
	d := doing[T]{functions: functions[T]{try, discard}} // it stays on the stack
	var none T
	if err := r.begin(ctx, call, &d.calling); err != nil {
		return none, err
	}
	a, err := d.start(call.Wait)
	if err != nil {
		return none, d.refused(err)
	}
	if d.hedgeAfter > 0 {
		d.beside = &beside[T]{terms: d.terms, functions: d.functions}
		a.run.clock.arm(a.began, a.began+d.hedgeAfter, d.beside)
	}
	returned := false
	defer func() {
		if !d.ended { // try panicked, a hook or discard
			d.abandon(a, returned)
			if d.beside == nil {
				return
			}
			if h := d.beside.close(); h != nil {
				d.beside.forsake(h)
			}
		}
	}()
	for {
		returned = false
		got := d.attempt(a)
		returned = true
		got.Attempt = d.current()
		d.judge(&d.terms, &got)
		d.blame(got.Attempt, got.outcome, got.err, got.took)
		if d.beside != nil {
			d.race(&got)
		}
		next, stop := d.follow(got.run, got.outcome)
		if stop != "" {
			err := d.verdict(got.outcome, got.err, stop)
			d.end(got.Attempt, got.outcome, got.took, err)
			got.run.leave(got.Attempt)
			d.ended = true
			return got.value, err
		}
		d.drop(got)
		a = next
	}
}

// doing is a call of Do, with what it runs.
type doing[T any] struct {
	calling
	functions[T]
	beside *beside[T] // nil unless the attempt under way is the first, and is to be hedged
}

// calling is the state of one call of Do. It belongs to its goroutine: a hedge has a
// copy of the terms, the clock of an attempt has its run and, if it is the first, its
// place in tried, which isn't written again.
type calling struct {
	terms
	repeats    bool          // it may be hedged, if its tier is
	ended      bool          // nothing of it is in flight any more
	hedgeAfter time.Duration // how long its first attempt is waited for until it is hedged; 0: for good
	service    *serviceTable // of the table that the last pick used
	class      sla.Class     // in that table
	contract   *sla.Meter    // of the call's contract, nil if it has none
	began      time.Duration // when the call began, to wait or be tried; below 0 until it has
	pushed     int           // attempts that were pushed back and don't count
	tried      []Attempt
	report     []AttemptReport // of those that didn't end well
}

// firstRun is the run of a call's first attempt, with room for the attempts of a
// call that has only that one.
type firstRun struct {
	run
	tried [1]Attempt
}

// begin classifies the call and sets its deadline.
func (r *Router) begin(ctx context.Context, call Call, d *calling) error {
	s, class, draw, waiting, err := r.classify(ctx, &call)
	if err != nil {
		if s != nil {
			t, v := s.tally(class, draw), refused(ctx, err)
			s.tiers[class.Tier].endings.add(class.Level, errorEnd(err).as(v))
			t.count(v)
		}
		return err
	}
	d.router, d.idempotent, d.announces, d.open, d.ctx = r, call.Idempotent, call.Announces, call.open(ctx), ctx
	d.repeats = call.Idempotent && !call.OneByOne && call.Stream == NoStream
	d.service, d.class, d.draw, d.began = s, class, draw, waiting
	d.contract = s.tally(class, draw).contract
	d.span = recording(ctx)
	if err := r.admit(s, class, draw); err != nil {
		return d.refused(err)
	}
	began := waiting // for DNS, which counts
	if began < 0 {
		began = r.now()
	}
	d.setDeadline(call, began)
	return nil
}

// farthest is how far away a deadline may be. time.Until of one in the year 9999 is
// the longest duration there is, to which nothing can be added.
const farthest = 100 * 365 * 24 * time.Hour

// setDeadline sets the end of a call that began at a time.
func (d *calling) setDeadline(call Call, began time.Duration) {
	if deadline, ok := d.ctx.Deadline(); ok {
		d.deadline = max(d.router.now()+min(time.Until(deadline), farthest), 1)
	}
	if t := d.tier(); t.Timeout > 0 && call.Stream == NoStream {
		if end := began + t.Timeout; d.deadline == 0 || end < d.deadline {
			d.deadline, d.timeout = end, t.expired
		}
	}
}

// start makes the first attempt. If it is to wait for a cloud, it asks again with
// each step of the controller.
func (d *calling) start(wait bool) (Attempt, error) {
	var a Attempt
	for {
		err := d.router.first(&a, d.service, d.class, d.draw, d.open)
		switch {
		case err == nil:
			d.enter(&a)
			if d.began < 0 {
				d.began = a.began
			}
			return a, nil
		case !wait || !errors.Is(err, ErrNoCloud):
			return a, err
		}
		if d.began < 0 {
			d.began = d.router.now()
		}
		if !d.rest(stepEvery) {
			return a, d.gaveUp()
		}
		if err := d.renew(); err != nil {
			return a, err
		}
	}
}

// renew is refresh for a call that has not been tried: without its service there
// is nothing to wait for.
func (d *calling) renew() error {
	d.refresh()
	_, err := d.router.table.Load().service(d.service.name, d.service.protocol)
	return err
}

// gaveUp is the error of a call that waited for a cloud in vain.
func (d *calling) gaveUp() error {
	over := d.over()
	if over == nil {
		return ErrClosed
	}
	e := d.router.refusal(d.service, d.class, over)
	e.also = []error{over, ErrNoCloud}
	if d.ctx.Err() == nil && d.timeout != nil {
		e.Cause = d.timeout
	}
	return e
}

// rest waits, but no longer than the call may. It reports whether the call may
// go on.
func (d *calling) rest(wait time.Duration) bool {
	if d.deadline > 0 {
		wait = min(wait, max(d.deadline-d.router.now(), 0))
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return d.over() == nil
	case <-d.ctx.Done():
		return false
	case <-d.router.closing:
		return false
	}
}

// follow decides whether there is another attempt after one, the last, that ended
// with o, and starts it. If there is none it says why.
func (d *calling) follow(last *run, o health.Outcome) (next Attempt, stop string) {
	cut, paid := last.fate.isCut()
	drained := last.drained()
	budget := d.service.live.budget
	defer func() {
		if paid && stop != "" {
			budget.Return()
		}
	}()
	switch {
	case o.Kind == health.OK || o.Kind == health.Neutral && drained == nil:
		return next, stopEnded
	case last.final:
		return next, stopSent
	case o.NoRetry:
		return next, stopForbids
	case drained != nil && d.idempotent: // free: there are no more of them than were under way
		cut = true
	}
	switch {
	case !cut && !failover.MayRetry(o, d.idempotent):
		return next, stopUnsafe
	case len(d.tried) >= d.attempts(o):
		return next, stopAttempts
	case d.over() != nil:
		return next, stopTime
	}
	d.refresh()
	if d.tier().shed() {
		return next, stopShed
	}
	if !cut {
		budget = d.service.live.budget
		if paid = budget.Withdraw(d.tier().spends); !paid {
			return next, stopBudget
		}
	}
	if !d.pause(o) {
		return next, stopPause
	}
	d.refresh() // it may have taken its time
	if d.router.again(&next, d.service, d.class, d.router.random(), d.tried, d.open) != nil {
		return next, stopNobody
	}
	d.enter(&next)
	return next, ""
}

// Why a call made no further attempt.
const (
	stopEnded    = "the call has ended"
	stopSent     = "what the call sends can't be sent again"
	stopForbids  = "the target forbids it"
	stopUnsafe   = "the call isn't idempotent"
	stopAttempts = "the tier allows no more"
	stopTime     = "the time is over"
	stopPause    = "there is no time to wait for the target"
	stopBudget   = "the retry budget is spent"
	stopShed     = "calls of the tier are being shed"
	stopNobody   = "there is nobody left to ask"
)

// current is the attempt under way. The adapter may have moved it, or made
// attempts before it.
func (d *calling) current() Attempt {
	last := d.tried[len(d.tried)-1]
	if run := last.run; run.moved != nil {
		last = *run.moved
		d.tried = append(slices.Clip(run.before), last)
		d.report = append(d.report, run.reports...)
		run.reports = nil
	}
	return last
}

// refresh goes over to the newest table, so that a retry knows what has become
// known since. If the service or the tier is gone from it, the call ends by the
// rules it began with.
func (d *calling) refresh() {
	d.service, d.class.Tier = d.router.newest(d.service, d.class.Tier)
}

// mostPause is how long a call waits for a target that asked to be left alone.
// Beyond that the caller should decide, with the target's answer in hand.
const mostPause = time.Second

// pause waits before an attempt that can only repeat an earlier one: there is
// no endpoint left that wasn't tried. It reports false if the wait is too long
// for the call.
func (d *calling) pause(o health.Outcome) bool {
	if d.service.hasUntried(d.tier(), d.tried) {
		return true
	}
	wait := failover.RetryDelay(o, len(d.tried), d.router.fraction())
	if wait > mostPause || d.deadline > 0 && d.deadline-d.router.now() <= wait {
		return false
	}
	return d.rest(wait)
}

// enter gives an attempt its context, which ends with the call's time. An
// attempt that could be followed by another gets a time of its own, so that a
// silent cloud cannot eat the deadline: when it is over and the retry budget
// allows another attempt, this one is cut short. Without budget it may go on
// until there is some.
func (d *calling) enter(a *Attempt) {
	if a.number > 1 {
		a.run = new(run)
	} else {
		first := new(firstRun)
		a.run, d.tried = &first.run, first.tried[:0]
	}
	a.run.once, a.run.before = !d.idempotent, d.tried
	d.tried = append(d.tried, *a)
	limit := d.equip(a, d.tried, d.tier().Attempts+d.pushed)
	if limit == 0 || !d.repeats {
		return
	}
	if after := a.HedgeAfter(); after < limit {
		d.hedgeAfter = after
	}
}

// mostPushed is how many attempts that were pushed back don't count.
const mostPushed = 2

// attempts returns how many attempts the call may have after one that ended with
// o. One that was pushed back has cost its target nothing, and must not take the
// place of one that would be carried out elsewhere: when a cloud is lost the others
// push back at first.
func (d *calling) attempts(o health.Outcome) int {
	if o.Kind == health.Overloaded && d.pushed < mostPushed && d.service.hasUntried(d.tier(), d.tried) {
		d.pushed++
	}
	return d.tier().Attempts + d.pushed
}

func (d *calling) tier() *tierTable { return &d.service.tiers[d.class.Tier] }
