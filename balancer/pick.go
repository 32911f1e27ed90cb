package balancer

import (
	"context"
	"slices"

	"github.com/fairlead-go/fairlead/sla"
)

// Call says what is to be called.
type Call struct {
	// Service is the name of a configured service.
	Service string
	// Method is what assignment rules match, such as "GET /v1/route". It may
	// be empty.
	Method string
	// Idempotent says that the call may be run twice: it is tried again even
	// when an attempt may have reached its target.
	Idempotent bool
}

// Pick chooses a cloud and an endpoint for one attempt of a call. It is what
// adapters of protocols with retries of their own stand on; others use [Do].
//
// The caller must end the attempt with [Attempt.Done], or with
// [Attempt.Answered] and [Attempt.End], and must do so exactly once.
//
// tried are the attempts of the same call that came before, oldest first. A
// pick with any is paid from the service's retry budget; it fails with
// [ErrBudget] if there is nothing left. It prefers a cloud that wasn't tried,
// then an endpoint that wasn't.
//
// Pick blocks only while no address of the service has ever been known, and
// then until the first DNS answer or until ctx ends. It takes no lock and, with
// no attempts tried, allocates nothing. Any number of goroutines may call it.
//
// The error is a [*CallError] unless the service is unknown or the router is
// closed.
func (r *Router) Pick(ctx context.Context, call Call, tried []Attempt) (a Attempt, err error) {
	s, class, draw, err := r.classify(ctx, call.Service, call.Method)
	if err != nil {
		return a, err
	}
	if len(tried) == 0 {
		err = r.first(&a, s, class, draw)
		return a, err
	}
	if !s.live.budget.Withdraw(s.tiers[class.Tier].Protected) {
		return a, r.refusal(s, class, ErrBudget)
	}
	if err = r.again(&a, s, class, draw, tried); err != nil {
		s.live.budget.Return()
	}
	return a, err
}

// classify finds the service and the call's class in the newest table, and
// draws the random number that serves the call's level and its first pick.
func (r *Router) classify(ctx context.Context, service, method string) (*serviceTable, sla.Class, uint64, error) {
	for {
		t := r.table.Load()
		s, err := t.service(service)
		if err != nil {
			return nil, sla.Class{}, 0, err
		}
		draw := r.random()
		class := t.classifier.Classify(ctx, method, r.today(), draw)
		if s.resolved == nil {
			return s, class, draw, nil
		}
		if err := r.awaitAddress(ctx, s, class); err != nil {
			return nil, sla.Class{}, 0, err
		}
	}
}

// awaitAddress waits until a first address of the service is known, or that
// there is none.
func (r *Router) awaitAddress(ctx context.Context, s *serviceTable, class sla.Class) error {
	select {
	case <-s.resolved:
		return nil
	case <-ctx.Done():
		return r.refusal(s, class, context.Cause(ctx))
	case <-r.closing:
		return ErrClosed
	}
}

// first makes a the first attempt of a call. Its cloud is drawn by the shares
// of the plan, which hold the decision and its reason, its endpoint by power of
// two choices. One draw serves both: the cloud takes the high half, the
// endpoints the low.
func (r *Router) first(a *Attempt, s *serviceTable, class sla.Class, draw uint64) error {
	tier := &s.tiers[class.Tier]
	if tier.shares == nil {
		return r.refusal(s, class, ErrNoCloud)
	}
	k := tier.shares.draw(uint32(draw >> 32))
	if s.observed >= 0 {
		tier.decided[k].Add(1)
		k = s.observed
	}
	c := &s.clouds[k]
	if len(c.endpoints) == 0 {
		return r.refusal(s, class, ErrNoCloud)
	}
	*a = Attempt{tier: uint8(class.Tier), level: class.Level, number: 1}
	a.begin(c, c.endpoints[c.twoChoices(uint32(draw))])
	return nil
}

// twoChoices draws two endpoints and returns the index of the one with the
// smaller cost, or of the other if that one is in slow start and yields.
// Compared with one random choice this shortens queues exponentially
// (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing").
func (c *cloudTable) twoChoices(bits uint32) int {
	n := uint64(len(c.records))
	product := uint64(bits) * n
	i := int(product >> 32)
	if n == 1 {
		return i
	}
	j := int((product & (1<<32 - 1)) * (n - 1) >> 32)
	if j >= i {
		j++
	}
	if c.records[j].Cost() < c.records[i].Cost() {
		i, j = j, i
	}
	if c.records[i].Yields(bits * 0x9e3779b1) { // a third draw from the same bits
		return j
	}
	return i
}

// again makes a the attempt that follows those tried. The order of preference:
//
//  1. another endpoint of the same cloud, if the endpoint tried last turned
//     out to be sick while its cloud is well;
//  2. a cloud that wasn't tried and isn't down, by the plan's shares, or by
//     weight if it gives them none, as to a standby;
//  3. an endpoint that wasn't tried in any cloud that isn't down;
//  4. any endpoint of a cloud that isn't down.
func (r *Router) again(a *Attempt, s *serviceTable, class sla.Class, draw uint64, tried []Attempt) error {
	c, e := s.next(&s.tiers[class.Tier], draw, tried)
	if e == nil {
		return r.refusal(s, class, ErrNoCloud)
	}
	*a = Attempt{tier: uint8(class.Tier), level: class.Level, number: uint16(len(tried) + 1)}
	a.begin(c, e)
	s.live.retries.Add(1)
	return nil
}

// next chooses for again. It returns nil if there is nobody left to ask.
func (s *serviceTable) next(tier *tierTable, draw uint64, tried []Attempt) (*cloudTable, *endpoint) {
	bits := uint32(draw)
	last := tried[len(tried)-1]
	if i := s.find(last.cloud.name); i >= 0 && s.serves(tier, i) && !last.endpoint.live.Eligible() {
		c := &s.clouds[i]
		if e := c.untried(bits, tried); e != nil {
			return c, e
		}
	}
	if c := s.drawCloud(tier, draw, func(c *cloudTable) bool { return !triedCloud(tried, c.name) }); c != nil {
		return c, c.endpoints[c.twoChoices(bits)]
	}
	if c := s.drawCloud(tier, draw, func(c *cloudTable) bool { return c.untried(0, tried) != nil }); c != nil {
		return c, c.untried(bits, tried)
	}
	if c := s.drawCloud(tier, draw, func(*cloudTable) bool { return true }); c != nil {
		return c, c.endpoints[c.twoChoices(bits)]
	}
	return nil, nil
}

// drawCloud draws one of the clouds that the tier may use, that aren't down
// and that suit. It returns nil if there is none.
func (s *serviceTable) drawCloud(tier *tierTable, draw uint64, suits func(*cloudTable) bool) *cloudTable {
	shares, weights := 0.0, 0.0
	candidate := func(i int) bool { return s.serves(tier, i) && suits(&s.clouds[i]) }
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
// plan gives calls to, be it in panic, and to a standby. Residency is hard, and
// while observing there is only one cloud.
func (s *serviceTable) serves(tier *tierTable, i int) bool {
	c := &s.clouds[i]
	switch {
	case len(c.endpoints) == 0:
		return false
	case s.observed >= 0:
		return i == s.observed
	}
	return tier.plan.Shares[i].Fraction > 0 || !c.down && tier.Clouds.Allow(c.name)
}

// untried returns the better of two endpoints that no attempt has used, the
// only one there is, or nil.
func (c *cloudTable) untried(bits uint32, tried []Attempt) *endpoint {
	n := len(c.endpoints)
	if n == 0 {
		return nil
	}
	start := int(uint64(bits) * uint64(n) >> 32)
	best := -1
	for k, seen := 0, 0; k < n && seen < 2; k++ {
		i := (start + k) % n
		if triedEndpoint(tried, c.endpoints[i]) {
			continue
		}
		seen++
		if best < 0 || c.records[i].Cost() < c.records[best].Cost() {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	return c.endpoints[best]
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

// find returns the index of a cloud, or -1.
func (s *serviceTable) find(cloud string) int {
	return slices.IndexFunc(s.clouds, func(c cloudTable) bool { return c.name == cloud })
}
