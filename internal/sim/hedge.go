package sim

import (
	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
)

// The hedges of calls, by the decisions of balancer.Do: a second request is sent
// beside the first. The first good answer ends the call; one that fails leaves the
// call to the other.

// hedge sends a second request, if the router makes one.
func (d *call) hedge() {
	picked, ok := d.client.router.PickHedge(d.current.Attempt)
	if !ok {
		return
	}
	w := d.client.world
	q := w.request(d, picked)
	d.beside = q
	d.tried = append(d.tried, picked)
	server := w.byAddress[picked.Endpoint().Address]
	w.result.attempt(d, server, true)
	if limit := d.attemptTime(q); limit > 0 {
		q.timer = w.after(limit, d.onCutHedge)
	}
	server.send(q)
}

// overtaken goes on after the answer of one of two requests that are under way. It
// reports whether the call has to wait for the other one.
func (d *call) overtaken(q *request, o health.Outcome) (waits bool) {
	other := d.current
	if q == other {
		other = d.beside
	}
	d.beside, d.current = nil, q
	if failover.MayRetry(o, true) {
		d.leave(o).End()
		d.current = other
		if !other.Hedge() && len(d.tried) >= d.spec().Attempts {
			d.client.world.stop(other.timer) // there is no other attempt to make room for
		}
		return true
	}
	d.client.world.stop(other.timer)
	other.call = nil
	other.Overtaken()
	other.End()
	return false
}

// cutFirst ends the first request while the other one is under way.
func (d *call) cutFirst() {
	d.overtaken(d.current, d.current.givenUp())
}

// cutHedge ends the second request when its time is over: as any other attempt, or
// without a successor if the first is still under way.
func (d *call) cutHedge() {
	if d.beside == nil {
		d.cut()
		return
	}
	d.overtaken(d.beside, d.beside.givenUp())
}
