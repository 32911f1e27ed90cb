package balancer

import (
	"context"
	"time"

	"github.com/fairlead-go/fairlead/health"
)

// functions are what Do was given.
type functions[T any] struct {
	try     func(context.Context, Attempt) (T, health.Outcome, error)
	discard func(T)
}

// result is what came of an attempt.
type result[T any] struct {
	Attempt
	value   T
	outcome health.Outcome
	err     error
	took    time.Duration // until the outcome was known
}

// attempt runs try.
func (f *functions[T]) attempt(a Attempt) (got result[T]) {
	got.Attempt = a
	got.value, got.outcome, got.err = f.try(a.run.ctx, a)
	return got
}

// judge decides what the attempt's outcome was, and reports it. An answer that
// came just as the attempt was cut, or when another had come, is late: its context
// is gone, and nobody could read it.
func (f *functions[T]) judge(t *terms, got *result[T]) {
	run := got.run
	intime := run.answered()
	switch {
	case intime:
	case run.fate.isLost():
		if !got.outcome.Kind.Answered() {
			got.outcome = health.Outcome{Reason: reasonHedgeLost}
		}
	default:
		got.outcome = got.GivenUp(t.left(got.began))
		if run.moved != nil { // another had a part of the time
			got.outcome.Early = false
		}
		if run.once && !run.final { // or it couldn't have been cut
			got.Unsent()
		}
	}
	if got.outcome.Unsent() {
		got.Unsent()
	}
	t.settle(&got.Attempt, &got.outcome, &got.took)
	if !intime { // after it was reported: discarding takes time
		f.release(got)
		var none T
		got.value, got.err = none, errAttemptTime
		if run.fate.isLost() {
			got.err = errHedgeLost
		}
	}
}

// drop releases an attempt that isn't the call's result.
func (f *functions[T]) drop(got result[T]) {
	f.release(&got)
	got.run.leave(got.Attempt)
}

// release discards what an attempt got, if it got anything.
func (f *functions[T]) release(got *result[T]) {
	if got.err == nil && f.discard != nil {
		f.discard(got.value)
	}
}

// dispose releases an attempt that isn't the call's result, and gives back what was
// paid for one after it.
func (f *functions[T]) dispose(got result[T]) {
	if _, paid := got.run.fate.isCut(); paid {
		service, _ := got.table()
		service.live.budget.Return()
	}
	f.drop(got)
}
