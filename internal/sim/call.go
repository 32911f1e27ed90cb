package sim

import (
	"errors"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
)

// call is one idempotent call. It makes the decisions of balancer.Do, with
// Router.Pick and the functions that Do itself uses, but where Do waits it sets
// events.
type call struct {
	client   *client
	tier     int
	began    time.Duration
	deadline timer
	tried    []balancer.Attempt
	current  *attempt // nil while the call waits before a retry
	room     [2]balancer.Attempt
}

// attempt is the one that the call waits for.
type attempt struct {
	balancer.Attempt
	began time.Duration
	timer timer // of its own time
}

// begin starts a call.
func begin(c *client, tier int) *call {
	w := c.world
	w.open++
	w.result.Tiers[tier].Calls++
	d := &call{client: c, tier: tier, began: w.now}
	d.tried = d.room[:0]
	if timeout := d.spec().Timeout; timeout > 0 {
		d.deadline = w.after(timeout, d.timeout)
	}
	if a, err := d.pick(); err != nil {
		d.end(false)
	} else {
		d.enter(a)
	}
	return d
}

func (d *call) spec() *Tier { return &d.client.world.Tiers[d.tier] }

// pick asks the router for the next attempt.
func (d *call) pick() (balancer.Attempt, error) {
	return d.client.router.Pick(d.client.contexts[d.tier], balancer.Call{Service: service, Idempotent: true}, d.tried)
}

// enter sends an attempt on its way.
func (d *call) enter(picked balancer.Attempt) {
	w := d.client.world
	a := &attempt{Attempt: picked, began: w.now}
	d.current = a
	d.tried = append(d.tried, picked)
	server := w.servers[picked.Endpoint().Address]
	w.result.attempt(w.now, picked.Cloud(), server.place, len(d.tried) == 1)
	if limit := d.attemptTime(); limit > 0 {
		a.timer = w.after(limit, d.cut)
	}
	server.send(&request{done: func(o health.Outcome) {
		if d.current == a {
			d.answered(o)
		}
	}})
}

// attemptTime returns how long the attempt may take, 0 for as long as the call.
func (d *call) attemptTime() time.Duration {
	if len(d.tried) >= d.spec().Attempts || !d.current.Alternative(d.tried) {
		return 0
	}
	return d.current.Time(d.left())
}

// left is what is left of the call's time, 0 if there is no limit.
func (d *call) left() time.Duration {
	if d.spec().Timeout == 0 {
		return 0
	}
	return max(d.began+d.spec().Timeout-d.client.world.now, 1)
}

// answered goes on after an attempt that ended with o.
func (d *call) answered(o health.Outcome) {
	a := d.leave(o)
	if !failover.MayRetry(o, true) || len(d.tried) >= d.spec().Attempts {
		a.End()
		d.end(o.Kind == health.OK)
		return
	}
	if a.Alternative(d.tried) {
		d.retry(a)
		return
	}
	wait := failover.RetryDelay(o, len(d.tried), d.client.rand.Float64())
	if left := d.left(); left > 0 && left <= wait {
		a.End()
		d.end(false)
		return
	}
	d.client.world.after(wait, func() { d.retry(a) })
}

// retry makes the next attempt if the budget pays for it and there is somebody
// to ask, and ends the call otherwise.
func (d *call) retry(last *attempt) {
	next, err := d.pick()
	last.End()
	if err != nil {
		d.end(false)
		return
	}
	d.enter(next)
}

// cut ends an attempt whose time is over, if another is affordable. Otherwise
// it may go on until there is more in the budget.
func (d *call) cut() {
	next, err := d.pick()
	if errors.Is(err, balancer.ErrBudget) {
		d.current.timer = d.client.world.after(d.client.machine.StepEvery, d.cut)
		return
	}
	d.leave(health.Outcome{Kind: health.TimedOut, Reason: "attempt time"}).End()
	if err != nil {
		d.end(false)
		return
	}
	d.enter(next)
}

// timeout ends a call whose time is over.
func (d *call) timeout() {
	if d.current == nil {
		return // it waits before a retry, for less than what was left
	}
	d.leave(d.current.Silent(d.client.world.now-d.current.began, true)).End()
	d.end(false)
}

// leave reports the outcome of the current attempt, which is not waited for
// any longer.
func (d *call) leave(o health.Outcome) *attempt {
	a := d.current
	d.current = nil
	d.client.world.stop(a.timer)
	a.Answered(o)
	return a
}

// end ends the call.
func (d *call) end(ok bool) {
	w := d.client.world
	w.stop(d.deadline)
	w.open--
	w.result.call(d.tier, d.began, w.now, ok)
}
