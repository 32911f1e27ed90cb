package sim

import (
	"context"
	"errors"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// call is one idempotent call. It makes the decisions of balancer.Do, with
// Router.Pick and the functions that Do itself uses, but where Do waits it sets
// events. It is used again once it has ended.
type call struct {
	client   *client
	tier     int
	customer int
	ctx      context.Context
	began    time.Duration
	deadline timer
	tried    []balancer.Attempt
	pushed   int              // attempts that were pushed back and don't count
	current  *request         // nil while the call waits before a retry
	beside   *request         // its hedge; nil: none is under way
	left     balancer.Attempt // the one that the call waited for last
	hedging  timer

	onTimeout, onCut, onCutHedge, onRetry, onHedge func() // made once
}

// mostPushed is that of balancer.Do.
const mostPushed = 2

// begin starts a call.
func begin(c *client, tier, customer int) *call {
	w := c.world
	d := w.call()
	d.client, d.tier, d.customer, d.began = c, tier, customer, w.now
	d.ctx, d.deadline, d.tried, d.current = w.load.contexts[tier][customer], timer{}, d.tried[:0], nil
	d.beside, d.hedging = nil, timer{}
	w.open++
	c.open++
	w.result.begun(d)
	if timeout := d.spec().Timeout; timeout > 0 {
		d.deadline = w.after(timeout, d.onTimeout)
	}
	if a, err := d.pick(); err != nil {
		d.refused(err)
	} else {
		d.enter(a)
	}
	return d
}

// call returns one to begin.
func (w *world) call() *call {
	if n := len(w.calls); n > 0 {
		d := w.calls[n-1]
		w.calls = w.calls[:n-1]
		return d
	}
	d := new(call)
	d.onTimeout, d.onCut, d.onRetry = d.timeout, d.cut, d.retry
	d.onHedge, d.onCutHedge = d.hedge, d.cutHedge
	return d
}

func (d *call) spec() *Tier { return &d.client.world.Tiers[d.tier] }

// pick asks the router for the next attempt.
func (d *call) pick() (balancer.Attempt, error) {
	if len(d.tried) > 0 { // the call keeps the level that it was given
		d.ctx = sla.WithLevel(d.ctx, uint8(d.tried[0].Level()))
	}
	return d.client.router.Pick(d.ctx, balancer.Call{Service: service, Idempotent: true}, d.tried)
}

// enter sends an attempt on its way.
func (d *call) enter(picked balancer.Attempt) {
	w := d.client.world
	q := w.request(d, picked)
	d.current = q
	d.tried = append(d.tried, picked)
	server := w.byAddress[picked.Endpoint().Address]
	w.result.attempt(d, server, false)
	if limit := d.attemptTime(q); limit > 0 {
		q.timer = w.after(limit, d.onCut)
		if after := picked.HedgeAfter(); after > 0 && after < limit {
			d.hedging = w.after(after, d.onHedge)
		}
	}
	server.send(q)
}

// attemptTime returns how long the attempt may take, 0 for as long as the call.
func (d *call) attemptTime(q *request) time.Duration {
	if len(d.tried) >= d.spec().Attempts+d.pushed || !q.Alternative(d.tried) {
		return 0
	}
	return q.Time(d.timeLeft())
}

// timeLeft is what is left of the call's time, 0 if there is no limit.
func (d *call) timeLeft() time.Duration {
	if d.spec().Timeout == 0 {
		return 0
	}
	return max(d.began+d.spec().Timeout-d.client.world.now, 1)
}

// answered goes on after an attempt that ended with o.
func (d *call) answered(q *request, o health.Outcome) {
	if d.beside != nil && d.overtaken(q, o) {
		return
	}
	d.leave(o)
	if o.Kind == health.Overloaded && d.pushed < mostPushed && d.last().Alternative(d.tried) {
		d.pushed++
	}
	if !failover.MayRetry(o, true) || len(d.tried) >= d.spec().Attempts+d.pushed {
		d.last().End()
		d.end(o.Kind == health.OK)
		return
	}
	if d.last().Alternative(d.tried) {
		d.retry()
		return
	}
	wait := failover.RetryDelay(o, len(d.tried), d.client.rand.Float64())
	if left := d.timeLeft(); left > 0 && left <= wait {
		d.last().End()
		d.end(false)
		return
	}
	d.client.world.after(wait, d.onRetry)
}

// retry makes the next attempt if the budget pays for it and there is somebody
// to ask, and ends the call otherwise.
func (d *call) retry() {
	next, err := d.pick()
	d.last().End()
	if err != nil {
		d.refused(err)
		return
	}
	d.enter(next)
}

// cut ends an attempt whose time is over, if another is affordable. Otherwise
// it may go on until there is more in the budget, or its tier is shed no longer.
func (d *call) cut() {
	if d.beside != nil {
		d.cutFirst() // the hedge is the other attempt
		return
	}
	if !d.current.Overdue(d.client.world.now-d.current.began, d.timeLeft()) {
		d.cutLater()
		return
	}
	next, err := d.pick()
	var shed *sla.ShedError
	if errors.Is(err, balancer.ErrBudget) || errors.As(err, &shed) {
		d.cutLater()
		return
	}
	d.leave(d.current.givenUp()).End()
	if err != nil {
		d.refused(err)
		return
	}
	d.enter(next)
}

// cutLater asks again in a while.
func (d *call) cutLater() {
	d.current.timer = d.client.world.after(d.client.machine.StepEvery, d.onCut)
}

// timeout ends a call whose time is over.
func (d *call) timeout() {
	if d.current == nil {
		return // it waits before a retry, for less than what was left
	}
	now := d.client.world.now
	d.leave(d.current.Silent(now-d.current.began, true)).End()
	if d.current, d.beside = d.beside, nil; d.current != nil {
		d.leave(d.current.Silent(now-d.current.began, true)).End()
	}
	d.end(false)
}

// last is the attempt that ended last.
func (d *call) last() *balancer.Attempt { return &d.left }

// leave reports the outcome of the current attempt, which is not waited for
// any longer.
func (d *call) leave(o health.Outcome) *balancer.Attempt {
	q := d.current
	d.current, q.call, d.left = nil, nil, q.Attempt
	d.client.world.stop(q.timer)
	d.client.world.stop(d.hedging)
	q.Answered(o)
	return d.last()
}

// refused ends a call for which the router had no attempt. One that was shed
// didn't fail: it is told when to come again.
func (d *call) refused(err error) {
	var shed *sla.ShedError
	if errors.As(err, &shed) {
		d.client.world.result.shed(d)
		d.count(health.Outcome{}, err)
		d.leaveWorld()
		return
	}
	d.end(false)
}

// end ends the call.
func (d *call) end(ok bool) {
	d.client.world.result.ended(d, ok)
	outcome := health.Outcome{Kind: health.Failed}
	if ok {
		outcome.Kind = health.OK
	}
	d.count(outcome, nil)
	d.leaveWorld()
}

// count tells the router what became of the call, for the promise and for changes.
func (d *call) count(o health.Outcome, refusal error) {
	d.client.router.Count(d.ctx, balancer.Call{Service: service, Idempotent: true}, d.client.world.now-d.began, o, refusal)
}

func (d *call) leaveWorld() {
	w := d.client.world
	w.stop(d.deadline)
	w.open--
	d.client.open--
	w.calls = append(w.calls, d)
}
