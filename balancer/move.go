package balancer

import (
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// Move takes an attempt of which nothing was sent to another endpoint, one that
// is usable: of the same cloud if it has one, else of another that may serve.
// An adapter calls it that keeps connections and finds that the endpoint has
// none. It reports false, and the attempt stays where it is, if there is no such
// endpoint.
//
// left is what speaks against the endpoint that is left: health.Refused if it
// can't be connected to, or nothing. If nothing does, because it is only not
// connected yet, a retry rather waits for it than go back to an endpoint that was
// tried. tried are the attempts of the call before this one, as for
// [Router.Pick]; within [Do] they are known. Moving is no retry and costs nothing.
// usable must be quick.
func (a Attempt) Move(left health.Outcome, tried []Attempt, usable func(*Endpoint) bool) (Attempt, bool) {
	r := a.cloud.router
	s, class := a.latest()
	if a.run != nil {
		tried = a.run.before
	}
	c, e := s.instead(&s.tiers[class.Tier], s.find(a.cloud.name), r.random(), tried, left.Kind.Bad(), usable)
	if e == nil {
		return a, false
	}
	a.answered(r.now(), left)
	a.endpoint.live.End()
	to := a
	to.tier = uint8(class.Tier)
	if a.run != nil {
		a.run.moved = &to
	}
	to.begin(c, e)
	s.live.moves.Add(1)
	if a.run != nil {
		a.run.moveTo(&c.live.lasting, r.random())
		if a.run.clock != nil {
			a.run.clock.turn(&to)
		}
	}
	return to, true
}

// latest returns the attempt's service and class in the newest table.
func (a Attempt) latest() (*serviceTable, sla.Class) {
	s, tier := a.cloud.router.newest(a.cloud.service, int(a.tier))
	return s, sla.Class{Tier: tier, Level: a.level}
}

// instead returns a usable endpoint of the i-th cloud (none if that is −1), else
// of another that may serve, first one where no attempt was made and, only if back
// is set, one where some was. It returns nil if there is none.
func (s *serviceTable) instead(tier *tierTable, i int, draw uint64, tried []Attempt, back bool, usable func(*Endpoint) bool) (*cloudTable, *endpoint) {
	bits := uint32(draw)
	for _, fresh := range []bool{true, false} {
		suits := func(e *endpoint) bool { return usable(&e.Endpoint) && (!fresh || !triedEndpoint(tried, e)) }
		if i >= 0 && s.serves(tier, i) {
			if e := s.clouds[i].pick(bits, suits); e != nil {
				return &s.clouds[i], e
			}
		}
		has := func(c *cloudTable) bool { return (!fresh || !triedCloud(tried, c.name)) && c.pick(bits, suits) != nil }
		for _, recovering := range []bool{false, true} {
			if c := s.drawCloud(tier, draw, recovering, has); c != nil {
				return c, c.pick(bits, suits)
			}
		}
		if len(tried) == 0 || !back {
			break
		}
	}
	return nil, nil
}

// pick returns the better of the first two endpoints that suit from a random
// one on, the only one there is, or nil.
func (c *cloudTable) pick(bits uint32, suits func(*endpoint) bool) *endpoint {
	n := len(c.endpoints)
	start := int(uint64(bits) * uint64(n) >> 32)
	best := -1
	for k, seen := 0, 0; k < n && seen < 2; k++ {
		i := (start + k) % n
		if !suits(c.endpoints[i]) {
			continue
		}
		seen++
		if best < 0 || c.endpoints[i].live.Cost() < c.endpoints[best].live.Cost() {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	return c.endpoints[best]
}
