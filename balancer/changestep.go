package balancer

import (
	"maps"
	"slices"
	"time"

	"github.com/fairlead-go/fairlead/failover"
)

// clock is the time of day, by the clock that people set. Changes begin and end by
// it, and nothing else does.
func (r *Router) clock() time.Time {
	switch {
	case r.machine == nil:
		return time.Now().Round(0) // without the monotonic clock
	case r.machine.Wall != nil:
		return r.machine.Wall()
	}
	return r.wall(r.now())
}

// operated is what operators did to a service in a cloud. Router.mu guards it, but
// for the field that says otherwise.
type operated struct {
	drained      bool    // out of use
	leaving      float64 // how much of its share a drain has taken, 0…1
	drainedBy    string  // the change that drains it; empty: none
	drainedSince time.Duration
	grace        time.Duration // of attempts under way when it is drained
	endsAt       time.Duration // when that is over; 0: it is, or there is none
	lasting      lasting       // attempts that may last, by any goroutine
}

// stepChanges takes the changes further. It reports whether a plan has changed.
func (r *Router) stepChanges(now time.Duration) bool {
	news := r.agenda.Step(now, r.clock(), r.look)
	r.tellChanges(news)
	return r.moveChanges(now)
}

// moveChanges puts the drains and weights that the changes ask for in force. It
// reports whether a plan or the status of a cloud has changed.
func (r *Router) moveChanges(now time.Duration) (changed bool) {
	for _, s := range r.order {
		if s.move(r, now) {
			s.built, changed = nil, true
			s.replan(r, now)
		}
	}
	return changed
}

// move gives the service's clouds what the changes ask for. It reports whether
// anything is different.
func (s *service) move(r *Router, now time.Duration) (changed bool) {
	weights := r.agenda.Weights(s.name, r.weights)
	for _, c := range s.clouds {
		part, by := r.agenda.Drained(s.name, c.name)
		drained, leaving, id := by != nil && part >= 1, 0.0, ""
		if by != nil {
			leaving, id = part, by.ID
		}
		if c.drained == drained && c.leaving == leaving && c.drainedBy == id && c.weight == weights[c.name] {
			continue
		}
		changed = true
		if c.drainedBy == "" || id == "" {
			c.drainedSince = now
		}
		returns := c.drained && !drained
		if drained && !c.drained {
			c.grace, c.endsAt = by.Grace, now+by.Grace
		}
		c.drained, c.leaving, c.drainedBy, c.weight = drained, leaving, id, weights[c.name]
		if returns {
			c.comeBack(r, s, now)
		}
	}
	return changed
}

// comeBack begins the way back of a cloud that got no calls: it goes through the
// gates of re-admission, as after an outage.
func (c *serviceCloud) comeBack(r *Router, s *service, now time.Duration) {
	const reason = "back from a drain"
	change := c.target.Return(now, reason)
	if change.To == change.From {
		return // it is down, or on its way back already
	}
	c.readmission.Returned(now, c.signs(r.probers[s.protocol] != nil))
	r.noteState(s, c.name, change)
}

// look returns what a change has to know of the services that it concerns.
func (r *Router) look(change *failover.Change) []failover.ServiceSigns {
	var all []failover.ServiceSigns
	for _, s := range r.order {
		if change.Concerns(s.name) {
			all = append(all, s.look(r))
		}
	}
	return all
}

func (s *service) look(r *Router) failover.ServiceSigns {
	signs := failover.ServiceSigns{Service: s.name, Input: s.input(r.config.Failover), Weights: r.weights, Plan: s.plan}
	if r.services[serviceKey{s.name, 1 - s.protocol}] != nil {
		signs.Protocol = s.protocol.String()
	}
	signs.Input.Demand, signs.Least = s.steadyDemand()
	for _, tier := range s.tiers {
		calls := r.ledger.tiers[promiseKey{s.name, tier.Name}].Totals()
		signs.Calls = append(signs.Calls, failover.CallCounts{Good: calls.Good, Bad: calls.Bad - calls.Shed, Shed: calls.Shed})
	}
	for _, c := range s.clouds {
		n := c.target.Totals()
		cloud := failover.CloudCounts{Good: n.OK, Bad: n.Refused + n.Failed + n.Broken + n.TimedOut + n.Spoiled + n.Overloaded}
		for i := range s.tiers {
			cloud.P99 = max(cloud.P99, c.target.P99(i))
		}
		signs.Clouds = append(signs.Clouds, cloud)
	}
	return signs
}

// steadyDemand returns the calls per second of each tier that a change is judged by,
// and how many that is at least, as far as chance allows to say: those of the last
// minute, unless the last seconds contradict it. Else a drill would be given up at
// each client with few calls, when there are some more of them.
func (s *service) steadyDemand() (mean, least []float64) {
	for _, o := range s.offers {
		now, chance := o.rate.Mean()
		m, deviation := o.minute.Mean()
		m = min(max(m, now-sure*chance), now+sure*chance)
		mean, least = append(mean, m), append(least, max(0, m-sure*deviation))
	}
	return mean, least
}

// weightsOf returns the weights of a config's clouds.
func weightsOf(cfg *Config) map[string]uint32 {
	weights := make(map[string]uint32, len(cfg.Clouds))
	for name, cloud := range cfg.Clouds {
		weights[name] = cloud.Weight
	}
	return weights
}

func cloneChanges(changes []failover.Change) []failover.Change {
	all := slices.Clone(changes)
	for i, c := range all {
		c.Weights, c.From = maps.Clone(c.Weights), maps.Clone(c.From)
		c.Services = append([]string(nil), c.Services...)
		c.Allowed, c.Blocked = cloneWindows(c.Allowed), cloneWindows(c.Blocked)
		all[i] = c
	}
	return all
}

func cloneWindows(windows []failover.Window) []failover.Window {
	var all []failover.Window
	for _, w := range windows {
		w.Days = append([]string(nil), w.Days...)
		all = append(all, w)
	}
	return all
}
