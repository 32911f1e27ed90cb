package balancer

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// terms are what doesn't change any more when the first attempt of a call begins.
type terms struct {
	router     *Router
	ctx        context.Context // the caller's
	deadline   time.Duration   // the earlier of the caller's and the tier's, in router time; 0: none
	timeout    error           // what the tier's deadline means; nil if it is the caller's, or none
	draw       uint64          // the first attempt's
	span       trace.Span      // the caller's; nil unless it records
	idempotent bool
	announces  bool // the adapter says when it begins to send
	open       bool // a target may be silent as long as it likes
}

// equip gives an attempt its context and its time, which it returns. tried are the
// attempts of the call, this one included, of which there may be most.
func (t *terms) equip(a *Attempt, tried []Attempt, most int) time.Duration {
	limit := t.attemptTime(*a, tried, most)
	lasts := t.deadline == 0 || t.deadline-a.began > lastingTime
	a.run.ctx = t.ctx
	if t.timeout != nil {
		a.run.ctx, a.run.cancel = context.WithDeadlineCause(t.ctx, t.router.wall(t.deadline), t.timeout)
	}
	if lasts || t.timeout == nil && limit > 0 {
		a.run.ctx, a.run.end = context.WithCancelCause(a.run.ctx)
	}
	if lasts {
		a.cloud.live.lasting.add(a.run, t.draw)
	}
	if limit > 0 {
		service, tier := a.table()
		budget := service.live.budget
		if tier.shed() {
			budget = nil
		}
		a.run.clock = t.router.startClock(*a, a.began+limit, t.deadline, t.idempotent, budget, tier.spends)
	}
	t.router.startSpan(a.run)
	return limit
}

// attemptTime returns how long the attempt may take, 0 for as long as the call.
// Of a call that isn't idempotent that concerns what isn't sent yet.
func (t *terms) attemptTime(a Attempt, tried []Attempt, most int) time.Duration {
	service, tier := a.table()
	if !t.idempotent && !t.announces || t.open || len(tried) >= most || !service.hasUntried(tier, tried) {
		return 0
	}
	return a.Time(t.left(a.began))
}

// left is how much time the call had left at a time, 0 if it has no deadline.
func (t *terms) left(at time.Duration) time.Duration {
	if t.deadline == 0 {
		return 0
	}
	return max(t.deadline-at, 1)
}

// over says why no more may be done: the caller left or the time is over. It
// returns nil while it isn't.
func (t *terms) over() error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	if t.deadline > 0 && t.router.now() >= t.deadline {
		return context.DeadlineExceeded
	}
	return nil
}
