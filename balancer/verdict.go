package balancer

import (
	"context"
	"errors"
	"time"

	"github.com/fairlead-go/fairlead/health"
)

// settle decides what the attempt's outcome was, and reports it. The adapter
// knows what the target said; Do knows why a context ended.
func (d *calling) settle(a Attempt, o health.Outcome, err error) health.Outcome {
	now := d.router.now()
	waited := now - a.began
	if cut, _ := a.run.fate.isCut(); !cut && !o.Kind.Answered() {
		switch over := d.over(); {
		case over == nil:
			// A failure that no deadline caused.
		case errors.Is(over, context.Canceled):
			o = health.Outcome{Reason: "canceled"}
		case waited >= d.patience(a):
			o = health.Outcome{Kind: health.TimedOut, Reason: "deadline"}
		default:
			o = health.Outcome{Reason: "deadline too short to tell"}
		}
	}
	a.answered(now, o)
	if o.Kind != health.OK {
		d.report = append(d.report, AttemptReport{
			Cloud: a.Cloud(), Endpoint: a.Endpoint().String(), Outcome: o, Took: waited, Err: err,
		})
	}
	return o
}

// patience is how long a target may be silent until that speaks against it. A
// tier's own timeout is reason enough: it says what is expected.
func (d *calling) patience(a Attempt) time.Duration {
	if d.timeout != nil {
		return min(a.Time(0), d.tier().Timeout/2)
	}
	return a.Time(0)
}

// verdict returns the error of the call, given what try returned last.
func (d *calling) verdict(o health.Outcome, err error, stop string) error {
	if err == nil || o.Kind == health.OK {
		return err
	}
	e := d.router.refusal(d.service, d.class, err)
	e.Attempts, e.Stop = d.report, stop
	e.Ambiguous = !d.idempotent && !d.tried[len(d.tried)-1].run.unsent
	over := d.over()
	switch {
	case d.ctx.Err() != nil:
		e.Cause, e.also = context.Cause(d.ctx), []error{over, err}
	case over != nil && d.timeout != nil:
		e.Cause, e.also = d.timeout, []error{err}
	case over != nil: // the caller's own timer is about to say so
		e.Cause, e.also = over, []error{err}
	}
	return e
}
