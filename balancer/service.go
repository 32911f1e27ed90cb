package balancer

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// service is what is known of one service. It outlives tables and configs.
// Router.mu guards it, but for the fields that say otherwise.
type service struct {
	name    string
	budget  *failover.Budget // lock-free
	retries atomic.Uint64    // attempts after the first, by any goroutine

	tiers  []sla.Tier      // with the service's own figures
	clouds []*serviceCloud // sorted by name

	correlation health.Correlation
	held        string // why states aren't held against the clouds, "" if they are
	plan        failover.Plan
	limitedAt   time.Duration              // when the plan was last moved
	computedAt  time.Duration              // when the plan was last computed
	settled     bool                       // the plan is what was wanted
	counted     uint64                     // first attempts already paid into the budget
	decided     map[string][]atomic.Uint64 // while observing, by tier; each by any goroutine

	awaiting chan struct{} // closed once an address is known or there is none; nil before anybody waits
}

// serviceCloud is one service in one cloud.
type serviceCloud struct {
	name        string
	weight      uint32
	drained     bool
	held        bool // its state isn't held against it
	target      *health.Target
	readmission failover.Readmission
	schedule    health.Schedule
	sources     []*addressSource // one for each configured endpoint
	endpoints   []*endpoint      // all that the sources gave
	byRecord    map[*health.Endpoint]*endpoint
	unprotected atomic.Uint64 // answers to unprotected tiers while recovering, by any goroutine
}

// step takes the service one sweep further. It reports whether the table has
// to be built anew.
func (s *service) step(r *Router, now time.Duration, local string) (changed bool) {
	best := 0.0
	for _, c := range s.clouds {
		best = max(best, c.target.Quality())
	}
	for _, c := range s.clouds {
		changes, pickable := c.target.Sweep(now, best)
		changes = append(changes, c.wayBack(r, now, changes)...)
		changed = changed || pickable || len(changes) > 0
		for _, change := range changes {
			r.noteState(s.name, c.name, change)
			if change.To == health.Down {
				c.lookAgain()
			}
		}
	}
	if s.hold(now, local) {
		changed = true
	}
	s.refill(now)
	if changed || !s.settled || s.recovering() || now-s.computedAt >= time.Second {
		if s.replan(r, now) {
			changed = true
		}
	}
	return changed
}

// wayBack moves the cloud's re-admission on, given what the sweep changed.
func (c *serviceCloud) wayBack(r *Router, now time.Duration, changes []health.Change) []health.Change {
	for _, change := range changes {
		if change.To == health.Down {
			c.readmission.Fell(now)
		}
	}
	before := c.readmission.Stage()
	if before == failover.Open {
		return nil
	}
	good, bad := c.target.Answers()
	after := c.readmission.Step(now, failover.Signs{
		// Where no adapter probes, a canary has to find out whether a cloud
		// that went silent answers again: a connection is all one can know.
		Answered:    c.target.Answered() || !r.probed && c.target.Reached(),
		Good:        good,
		Bad:         bad,
		Unprotected: c.unprotected.Load(),
	})
	gated := func(s failover.Stage) bool { return s >= failover.Gate1 }
	switch {
	case after == failover.Open:
		return []health.Change{c.target.Readmit(now, "all gates passed")}
	case gated(after) && !gated(before):
		return []health.Change{c.target.Recover(now, c.readmission.Reason(now))}
	case gated(before) && !gated(after):
		return []health.Change{c.target.Relapse(now, c.readmission.Reason(now))}
	}
	return nil
}

// hold asks whether it is us and reports whether the answer changed.
func (s *service) hold(now time.Duration, local string) (changed bool) {
	var down []time.Duration
	for _, c := range s.clouds {
		if !c.drained {
			down = append(down, c.fell())
		}
	}
	from, why := s.correlation.Step(now, down, local)
	s.held = why
	for _, c := range s.clouds {
		was := c.held
		c.held = why != "" && !c.drained && c.fell() >= from
		changed = changed || c.held != was
	}
	return changed
}

// fell is when the cloud went down, −1 if it isn't.
func (c *serviceCloud) fell() time.Duration {
	if c.target.State() != health.Down {
		return -1
	}
	return c.target.Since()
}

// refill pays the retry budget for the first attempts since the last time.
func (s *service) refill(now time.Duration) {
	first := uint64(0)
	for _, c := range s.clouds {
		first += c.target.Begun()
	}
	first -= min(first, s.retries.Load())
	s.budget.Refill(now, first-min(first, s.counted))
	s.counted = first
}

func (s *service) recovering() bool {
	return slices.ContainsFunc(s.clouds, func(c *serviceCloud) bool { return c.readmission.Stage() != failover.Open })
}

// replan computes the plan and moves towards it as fast as may be. It reports
// whether the plan in force changed.
func (s *service) replan(r *Router, now time.Duration) bool {
	want := failover.Compute(s.input(r.config.Failover))
	limited := failover.Limit(s.plan, want, now-s.limitedAt, r.slope)
	s.computedAt, s.limitedAt = now, now
	s.settled = limited.Equal(want)
	if limited.Equal(s.plan) {
		return false
	}
	s.plan = limited
	r.notePlan(s.name, limited)
	return true
}

// input is what the plan depends on.
func (s *service) input(settings failover.Settings) failover.Input {
	in := failover.Input{Tiers: s.tiers, Panic: settings.Panic, MinClouds: settings.MinClouds}
	best := 0.0
	for _, c := range s.clouds {
		best = max(best, c.target.Quality())
	}
	for _, c := range s.clouds {
		cloud := failover.Cloud{
			Name: c.name, Weight: c.weight, State: c.target.State(), Drained: c.drained, Held: c.held,
			Healthy: c.target.Healthy(), Quality: 1,
			Gate: c.readmission.Gate(false), ProtectedGate: c.readmission.Gate(true),
		}
		if best > 0 {
			cloud.Quality = c.target.Quality() / best
		}
		if len(c.endpoints) == 0 {
			cloud.Healthy = 0
		}
		in.Clouds = append(in.Clouds, cloud)
	}
	return in
}

// table builds the service's part of a table.
func (s *service) table(r *Router) *serviceTable {
	t := &serviceTable{name: s.name, live: s, observed: -1}
	for _, c := range s.clouds {
		if c.name == r.config.Observe {
			t.observed = len(t.clouds)
		}
		t.clouds = append(t.clouds, c.table(r, t))
	}
	t.resolved = s.awaitsAddress()
	for i, tier := range s.tiers {
		tt := tierTable{Tier: tier, plan: s.plan.Tiers[i]}
		weights := make([]float64, len(tt.plan.Shares))
		for k, share := range tt.plan.Shares {
			weights[k] = share.Fraction
		}
		tt.shares = newAlias(weights)
		if t.observed >= 0 {
			tt.decided = s.decisions(tier.Name)
		}
		t.tiers = append(t.tiers, tt)
	}
	return t
}

// decisions returns the counters of a tier's decisions while observing.
func (s *service) decisions(tier string) []atomic.Uint64 {
	if s.decided == nil {
		s.decided = make(map[string][]atomic.Uint64)
	}
	if len(s.decided[tier]) != len(s.clouds) {
		s.decided[tier] = make([]atomic.Uint64, len(s.clouds))
	}
	return s.decided[tier]
}

// table builds the cloud's part of a table. Picks see the endpoints that are
// eligible, or all of them if none is.
func (c *serviceCloud) table(r *Router, s *serviceTable) cloudTable {
	t := cloudTable{name: c.name, router: r, service: s, live: c, target: c.target, weight: c.weight}
	t.status = c.status(r)
	t.down = c.drained || c.target.State() == health.Down
	for _, e := range c.endpoints {
		if e.live.Eligible() {
			t.endpoints = append(t.endpoints, e)
		}
	}
	if len(t.endpoints) == 0 {
		t.endpoints = slices.Clone(c.endpoints)
	}
	for _, e := range t.endpoints {
		t.records = append(t.records, &e.live)
	}
	return t
}

// setEndpoints takes what the sources know, keeping the records of endpoints
// that were there before. It reports whether anything changed.
func (c *serviceCloud) setEndpoints(now time.Duration) bool {
	was := make(map[Endpoint]*endpoint, len(c.endpoints))
	for _, e := range c.endpoints {
		was[e.Endpoint] = e
	}
	var is []*endpoint
	taken := make(map[Endpoint]bool)
	for _, source := range c.sources {
		for _, spec := range source.known {
			if taken[spec] {
				continue
			}
			taken[spec] = true
			if e := was[spec]; e != nil {
				is = append(is, e)
			} else {
				is = append(is, &endpoint{Endpoint: spec})
			}
		}
	}
	if slices.Equal(is, c.endpoints) {
		return false
	}
	c.endpoints = is
	records := make([]*health.Endpoint, len(is))
	c.byRecord = make(map[*health.Endpoint]*endpoint, len(is))
	for i, e := range is {
		records[i] = &e.live
		c.byRecord[&e.live] = e
	}
	c.target.SetEndpoints(now, records)
	return true
}
