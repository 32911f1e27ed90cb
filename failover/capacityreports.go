package failover

import "time"

// What a [Capacity] makes of load reports.
const (
	targetUtilization = 0.95
	steering          = 1.2  // per second: how fast a deviation is made up for
	fairness          = 0.05 // per second: of the part
	reportAge         = time.Second
	mostForeseen      = 1.5 // times the reported utilization
	steadyIn          = 5 * time.Second
	settleIn          = 30 * time.Second
	muchUnused        = 0.1 // of what a cloud carries; all the same from twice that on
	catchUpIn         = time.Second
	leastWatched      = 20 * time.Second // what is said of the number of clients weighs as much as so long a watch
	longestWatched    = time.Minute
)

// steer follows load reports.
func (c *Capacity) steer(dt float64, s CapacitySigns) {
	s.Carries = c.believed(dt, s)
	c.watch(dt, s)
	utilization := s.Utilization
	if c.ago > 0 && c.allowance > 0 {
		utilization *= min(max(s.Load/c.ago, 1/mostForeseen), mostForeseen)
	}
	room := max(-1, 1-utilization/targetUtilization)
	switch {
	case room > -0.02:
	case c.allowance == 0:
		most := s.most()
		if c.part == 0 {
			c.part = most
		}
		c.cut(most, CapacityReported)
	case c.allowance > s.Load/inUse:
		// What isn't used up doesn't limit anything: begin with what is sent.
		c.cut(s.Load, CapacityReported)
	}
	if c.allowance == 0 {
		return
	}
	if room < 0 || c.used(s) {
		c.allowance += dt * steering * min(room, c.unclaimed(s)) * c.allowance
		c.source = CapacityReported
	}
	c.catchUp(dt, s)
	c.settle(dt, s)
	if c.used(s) || c.allowance < c.part {
		c.allowance += dt * fairness * c.part
	}
	c.rest(dt, s)
}

// believed is what the servers carry, 0 if that can't be: if by it they get less than
// two thirds of what this client alone has sent for some time, or a quarter of what
// all clients would if they sent as much. Behind one address are several servers then,
// of which each report is about one.
func (c *Capacity) believed(dt float64, s CapacitySigns) float64 {
	relax(&c.steady, s.Load, dt, steadyIn)
	c.steady = min(c.steady, s.Load)
	if s.Carries*s.Utilization < c.steady*max(2.0/3, float64(s.Clients)/4) {
		return 0
	}
	return s.Carries
}

// catchUp takes an allowance that is much less than others have towards the
// client's fair part, as long as the cloud isn't full.
func (c *Capacity) catchUp(dt float64, s CapacitySigns) {
	used := s.Utilization / targetUtilization
	if used >= 1 || !c.used(s) {
		return
	}
	// used × fair is what a client sends in the mean.
	goal := c.fair(s) * max(used/2, min((1-used)/muchUnused-1, 1))
	if c.allowance < goal {
		relax(&c.allowance, goal, dt, catchUpIn)
	}
}

// unclaimed is what would be left of the target if all clients had done since the
// reports what this one did, 0 if nothing; 1 if that can't be known.
func (c *Capacity) unclaimed(s CapacitySigns) float64 {
	if s.Clients <= 0 || s.Carries <= 0 {
		return 1
	}
	return max(0, 1-(s.Utilization+(s.Load-c.ago)/(s.Carries*c.usual))/targetUtilization)
}

// watch learns the client's usual part of all calls. At first that is one of
// Clients.
func (c *Capacity) watch(dt float64, s CapacitySigns) {
	if s.Clients != c.clients {
		c.clients, c.usual, c.watched = s.Clients, 1/float64(max(s.Clients, 1)), leastWatched.Seconds()
	}
	if calls := s.Carries * s.Utilization; calls > 0 {
		c.watched = min(c.watched+dt, longestWatched.Seconds())
		c.usual += (min(c.ago/calls, 2/float64(max(s.Clients, 1))) - c.usual) * dt / c.watched
	}
}

// fair is the client's part of what the servers carry, 0 if it is unknown: one of
// Clients, or less if there seem to be more.
func (c *Capacity) fair(s CapacitySigns) float64 {
	if s.Clients <= 0 {
		return 0
	}
	return targetUtilization * s.Carries * min(c.usual, 1/float64(s.Clients))
}

// most is what the client sends, but no more than the servers carry.
func (s *CapacitySigns) most() float64 {
	if s.Carries > 0 {
		return min(s.Load, targetUtilization*s.Carries)
	}
	return s.Load
}

// settle takes the part to what there is, if nothing is configured and the cloud is
// full. After pushback an allowance is small for other reasons.
func (c *Capacity) settle(dt float64, s CapacitySigns) {
	pushed := c.lastCut > 0 && c.stepped-c.lastCut < settleIn
	if s.Configured == 0 && !pushed && s.Utilization > targetUtilization {
		relax(&c.part, c.allowance, dt, settleIn)
	}
}
