package balancer

import (
	"slices"

	"github.com/fairlead-go/fairlead/sla"
)

// again makes a the attempt that follows those tried. The order of preference:
//
//  1. another endpoint of the same cloud, if the endpoint tried last turned
//     out to be sick while its cloud is well, and if this isn't the last attempt:
//     a cloud that falls looks the same at first;
//  2. a cloud that wasn't tried, by the plan's shares, or by weight if it gives
//     them none, as to a standby;
//  3. an endpoint that wasn't tried;
//  4. any endpoint.
//
// Clouds and endpoints that have as much to do as they can are left out, and for
// tiers that may not use all of the retry budget also clouds whose capacity is
// used up.
//
// Of the clouds that are down, only those count that the plan gives calls to, in
// panic. The same goes for clouds on their way back, and they come last: the
// retries of all calls would be many times what their gate lets through.
func (r *Router) again(a *Attempt, s *serviceTable, class sla.Class, draw uint64, tried []Attempt, open bool) error {
	c, e := s.next(class.Tier, draw, tried)
	if e == nil {
		return r.refusal(s, class, ErrNoCloud)
	}
	*a = Attempt{tier: uint8(class.Tier), level: class.Level, number: uint16(len(tried) + 1), open: open}
	a.begin(c, e)
	s.live.retries.Add(1)
	return nil
}

// paidAgain is again, paid from the service's retry budget.
func (r *Router) paidAgain(a *Attempt, s *serviceTable, class sla.Class, draw uint64, tried []Attempt, open bool) error {
	if s.tiers[class.Tier].shed() {
		return r.refusal(s, class, r.shedError(s, class, sla.ShedCapacity)) // the call itself was admitted
	}
	if !s.live.budget.Withdraw(s.tiers[class.Tier].spends) {
		return r.refusal(s, class, ErrBudget)
	}
	err := r.again(a, s, class, draw, tried, open)
	if err != nil {
		s.live.budget.Return()
	}
	return err
}

// next chooses for again. It returns nil if there is nobody left to ask.
func (s *serviceTable) next(class int, draw uint64, tried []Attempt) (*cloudTable, *endpoint) {
	tier, bits := &s.tiers[class], uint32(draw)
	last := tried[len(tried)-1]
	more := len(tried)+1 < tier.Attempts
	if i := s.find(last.cloud.name); i >= 0 && more && s.serves(tier, i) && !last.endpoint.live.Eligible() {
		c := &s.clouds[i]
		if e := c.untried(bits, tried); e != nil {
			return c, e
		}
	}
	room := func(c *cloudTable) bool { return (tier.spends || !c.busy) && c.choose(bits, class) >= 0 }
	fresh := func(c *cloudTable) bool { return !triedCloud(tried, c.name) && room(c) }
	unused := func(c *cloudTable) bool { return c.untried(0, tried) != nil && room(c) }
	for _, recovering := range []bool{false, true} {
		if c := s.drawCloud(tier, draw, recovering, fresh); c != nil {
			return c, c.chosen(bits, class)
		}
		if c := s.drawCloud(tier, draw, recovering, unused); c != nil {
			return c, c.untried(bits, tried)
		}
	}
	if c := s.drawCloud(tier, draw, true, room); c != nil {
		return c, c.chosen(bits, class)
	}
	return nil, nil
}

// drawCloud draws one of the clouds that may serve a retry and suit, those on
// their way back only if recovering is set. It returns nil if there is none.
func (s *serviceTable) drawCloud(tier *tierTable, draw uint64, recovering bool, suits func(*cloudTable) bool) *cloudTable {
	shares, weights := 0.0, 0.0
	candidate := func(i int) bool {
		c := &s.clouds[i]
		return s.serves(tier, i) && (recovering || !c.recovering) && suits(c)
	}
	for i := range s.clouds {
		if candidate(i) {
			shares += tier.plan.Shares[i].Fraction
			weights += float64(s.clouds[i].weight)
		}
	}
	portion := func(i int) float64 {
		if shares > 0 {
			return tier.plan.Shares[i].Fraction / shares
		}
		return float64(s.clouds[i].weight) / weights
	}
	point := float64(draw>>32) / (1 << 32)
	var found *cloudTable
	for i := range s.clouds {
		if !candidate(i) || portion(i) == 0 {
			continue
		}
		found = &s.clouds[i]
		if point -= portion(i); point < 0 {
			break
		}
	}
	return found
}

// serves reports whether a retry of the tier may go to a cloud: to one that the
// plan gives calls to, be it in panic, and to a standby that is well. Residency
// is hard, and while observing there is only one cloud.
func (s *serviceTable) serves(tier *tierTable, i int) bool {
	c := &s.clouds[i]
	switch {
	case len(c.endpoints) == 0:
		return false
	case s.observed >= 0:
		return i == s.observed
	}
	well := !c.down && !c.recovering
	return tier.plan.Shares[i].Fraction > 0 || well && tier.Clouds.Allow(c.name)
}

// untried returns the better of two endpoints that no attempt has used, the
// only one there is, or nil.
func (c *cloudTable) untried(bits uint32, tried []Attempt) *endpoint {
	return c.pick(bits, func(e *endpoint) bool { return !triedEndpoint(tried, e) })
}

func triedCloud(tried []Attempt, name string) bool {
	for i := range tried {
		if tried[i].cloud.name == name {
			return true
		}
	}
	return false
}

func triedEndpoint(tried []Attempt, e *endpoint) bool {
	for i := range tried {
		if tried[i].endpoint == e {
			return true
		}
	}
	return false
}

// hasUntried reports whether a retry can go to an endpoint that no attempt has
// used.
func (s *serviceTable) hasUntried(tier *tierTable, tried []Attempt) bool {
	for i := range s.clouds {
		if s.serves(tier, i) && s.clouds[i].untried(0, tried) != nil {
			return true
		}
	}
	return false
}

// Alternative reports whether a retry can go to an endpoint that none of the
// attempts tried has used; a is the last of them. If not, a retry can only
// repeat one, and comes after a wait: see [failover.RetryDelay]. Any goroutine may
// call it.
func (a Attempt) Alternative(tried []Attempt) bool {
	s, class := a.latest()
	return s.hasUntried(&s.tiers[class.Tier], tried)
}

// find returns the index of a cloud, or -1.
func (s *serviceTable) find(cloud string) int {
	return slices.IndexFunc(s.clouds, func(c cloudTable) bool { return c.name == cloud })
}
