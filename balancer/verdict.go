package balancer

import (
	"context"
	"errors"
	"time"

	"github.com/fairlead-go/fairlead/health"
)

// settle decides what the attempt's outcome was and how long it took, and reports
// it. It changes nothing of the call. The adapter knows what the target said; Do knows
// why a context ended.
func (t *terms) settle(a *Attempt, o *health.Outcome, took *time.Duration) {
	now := t.router.now()
	*took = now - a.began
	cut, _ := a.run.fate.isCut()
	switch lost := a.run.fate.isLost(); {
	case lost && !o.Kind.Answered():
		a.overtaken(now)
	case !lost && !cut && !o.Kind.Answered():
		switch over := t.over(); {
		case over == nil && a.run.drained() != nil:
			*o = health.Outcome{Reason: "drained"}
		case over == nil:
			// A failure that no deadline caused.
		case errors.Is(over, context.Canceled):
			*o = health.Outcome{Reason: "canceled"}
		default:
			_, tier := a.table()
			*o = a.silent(*took, t.timeout != nil, tier.Timeout)
		}
	}
	a.answered(now, *o)
	t.tellAttempt(*a, *o)
}

// blame keeps what became of an attempt that didn't end well, for the error of the
// call.
func (d *calling) blame(a Attempt, o health.Outcome, err error, took time.Duration) {
	if o.Kind != health.OK {
		d.report = append(d.report, AttemptReport{
			Cloud: a.Cloud(), Endpoint: a.Endpoint().String(), Outcome: o, Took: took, Err: err,
		})
	}
}

// Silent returns the outcome of an attempt that Pick made and that had no answer
// for as long as waited, when the call's deadline was over. It speaks against the
// target if that was silent for longer than it may be, which is Time(0), and than
// answers usually take. A tier's own timeout says what is expected: if that, and not
// the caller's deadline, ended the call, half of it is reason enough, unless another
// attempt was given the other half and nothing is known of how long answers take. Any
// goroutine may call it.
func (a Attempt) Silent(waited time.Duration, byTier bool) health.Outcome {
	return a.silent(waited, byTier, a.cloud.service.tiers[a.tier].Timeout)
}

func (a *Attempt) silent(waited time.Duration, byTier bool, timeout time.Duration) health.Outcome {
	usual := a.usual()
	patience := max(a.Time(0), usual)
	if byTier && (a.number == 1 || !guessed(waited, usual)) {
		patience = min(patience, timeout/2)
	}
	if waited < patience {
		return health.Outcome{Reason: "deadline too short to tell"}
	}
	return health.Outcome{Kind: health.TimedOut, Reason: "deadline"}
}

// verdict returns the error of the call, given what try returned last.
func (d *calling) verdict(o health.Outcome, err error, stop string) error {
	d.tell(o, stop)
	if err == nil || o.Kind == health.OK {
		return err
	}
	e := d.router.refusal(d.service, d.class, err)
	e.Attempts, e.Stop = d.report, stop
	if drained := d.tried[len(d.tried)-1].run.drained(); drained != nil {
		e.Cause, e.also = drained, []error{err}
	}
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
