package balancer

import (
	"sync/atomic"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

const (
	// leastHedgeDelay is the shortest time after which a call is hedged: timers
	// and schedulers are not more exact.
	leastHedgeDelay = time.Millisecond
	// leastHedgeAnswers is the number of answers that a delay rests on at least.
	leastHedgeAnswers = 20
	// hedgeBank is the time in which what may be saved up is earned.
	hedgeBank = 5 * time.Second
	// leastHedgeBank is the number of hedges that may be saved up however few
	// calls there are.
	leastHedgeBank = 2
	// hedgeQuantum is the number of parts of one hedge.
	hedgeQuantum = 1 << 20
	hedgeShards  = 16

	// hedgeQuality is the quality of a cloud below which no hedge goes there: that
	// below which a cloud is degraded beside one in which all is well.
	hedgeQuality = 0.9
)

// hedging is what is known of the hedges of one tier of a service. It outlives
// tables.
//
// There are two bounds, because one of them can be out of date. The delay is the
// (1 − hedge) quantile of what answers took in the last seconds. If all of them
// come to take longer from one moment to the next, then until that is measured
// every call would be hedged. So each call also earns the tier the part hedge of a
// hedge, and one that isn't earned isn't made.
//
// Within these bounds hedges end by themselves where they buy nothing. None goes
// to a cloud that is slow by its own standards, see [health.Target.Quality]: it
// would be answered late, and be one more for a cloud that has enough to do. That
// is known within a second or two; what lasts for minutes becomes the standard.
type hedging struct {
	delay  atomic.Int64 // ns; 0: unknown, nothing is hedged
	tokens atomic.Int64 // hedges that may be made, in quanta
	calls  [hedgeShards]struct {
		n atomic.Uint64 // those that might have been hedged
		_ [56]byte      // a cache line each
	}

	// The controller's.
	counted  uint64 // calls that have earned
	second   uint64 // calls that had at the last measurement
	bank     int64  // the most that tokens may be
	measured time.Duration
}

// count notes a call. Calls to one endpoint meet at its record already, so they
// may as well meet here.
func (h *hedging) count(slot int) { h.calls[slot%hedgeShards].n.Add(1) }

// take takes what one hedge costs, or reports that it isn't there.
func (h *hedging) take() bool {
	for {
		tokens := h.tokens.Load()
		if tokens < hedgeQuantum {
			return false
		}
		if h.tokens.CompareAndSwap(tokens, tokens-hedgeQuantum) {
			return true
		}
	}
}

// giveBack returns what a hedge would have cost that wasn't made.
func (h *hedging) giveBack() { h.tokens.Add(hedgeQuantum) }

// earn credits the calls since it was last asked, of each the given part.
func (h *hedging) earn(part float64) {
	calls := uint64(0)
	for i := range h.calls {
		calls += h.calls[i].n.Load()
	}
	earned := int64(float64(calls-h.counted) * part * hedgeQuantum)
	h.counted = calls
	if over := h.tokens.Add(earned) - max(h.bank, leastHedgeBank*hedgeQuantum); over > 0 {
		h.tokens.Add(-over)
	}
}

// measure renews the delay, once a second.
func (h *hedging) measure(now time.Duration, part float64, targets []*health.Target, tier int) {
	passed := now - h.measured
	if passed < time.Second {
		return
	}
	h.bank = int64(float64(h.counted-h.second) / passed.Seconds() * hedgeBank.Seconds() * part * hedgeQuantum)
	h.measured, h.second = now, h.counted
	delay, n := health.QuantileOf(targets, tier, 1-part)
	if n < leastHedgeAnswers || float64(n)*part < 1 {
		h.delay.Store(0)
		return
	}
	// The quantile is the middle of a bucket that is 1/32 wide: answers that take
	// all the same time are not to be hedged because half of the bucket is more.
	h.delay.Store(int64(max(delay+delay/32, leastHedgeDelay)))
}

// hedge looks after the hedges of all tiers: it is part of each step.
func (s *service) hedge(now time.Duration) {
	var targets []*health.Target
	for i, t := range s.tiers {
		h := s.hedging[t.Name]
		if h == nil {
			continue
		}
		if targets == nil {
			for _, c := range s.clouds {
				targets = append(targets, c.target)
				c.slow.Store(c.target.Quality() < hedgeQuality)
			}
		}
		h.earn(t.Hedge)
		h.measure(now, t.Hedge, targets, i)
	}
}

// noteRoom keeps which clouds have no room left, as the plan has it: its shares
// may stay as they are meanwhile.
func (s *service) noteRoom(p failover.Plan) {
	for _, c := range s.clouds {
		c.noRoom.Store(cloudPlan(p, c.name).Utilization >= busyFrom)
	}
}

// configureHedging keeps a record for each tier that hedges.
func (s *service) configureHedging() {
	was := s.hedging
	s.hedging = nil
	for _, t := range s.tiers {
		if t.Hedge == 0 {
			continue
		}
		if s.hedging == nil {
			s.hedging = make(map[string]*hedging)
		}
		if s.hedging[t.Name] = was[t.Name]; was[t.Name] == nil {
			s.hedging[t.Name] = new(hedging)
		}
	}
}

// hedges reports whether calls of a tier may be hedged now: not while it is shed
// or its burn forbids it, and not while observing.
func (s *serviceTable) hedges(t *tierTable) bool {
	return t.hedging != nil && t.mayHedge && t.Attempts > 1 && !t.shed() && s.observed < 0
}

// Hedge reports whether the attempt was begun while another one of the same call
// was under way: see [sla.Tier.Hedge].
func (a Attempt) Hedge() bool { return a.hedge }

// HedgeAfter returns how long the first attempt of an idempotent call should be
// waited for until [Router.PickHedge] makes another beside it, 0 if none should be
// made. It is the (1 − hedge) quantile of what good answers to the tier took at
// the service in the last seconds, at least 1 ms. Call it once for each call: it
// counts. Within [Do] it is not needed.
func (a Attempt) HedgeAfter() time.Duration {
	s := a.cloud.service
	t := &s.tiers[a.tier]
	if t.hedging == nil || a.number > 1 || a.open {
		return 0
	}
	t.hedging.count(a.endpoint.Slot)
	if !s.hedges(t) {
		return 0
	}
	return time.Duration(t.hedging.delay.Load())
}

// PickHedge makes a second attempt at a call while the first is under way: in
// another cloud, else at another endpoint. It reports false if there is to be
// none: if no cloud that is well has room and answers as quickly as usual, if the
// tier hedges enough calls already or is being shed, or if the retry budget is
// spent. The caller ends the attempt as one that [Router.Pick] made. Any number of goroutines may call it.
func (r *Router) PickHedge(first Attempt) (hedge Attempt, ok bool) {
	p, ok := r.planHedge(first)
	if ok {
		hedge = p.attempt(r)
		p.begin(&hedge)
	}
	return hedge, ok
}

// plannedHedge is a hedge that is paid and not yet begun.
type plannedHedge struct {
	service  *serviceTable
	tier     *tierTable
	class    sla.Class
	cloud    *cloudTable
	endpoint *endpoint
}

// planHedge chooses a hedge's place and pays for it.
func (r *Router) planHedge(first Attempt) (p plannedHedge, ok bool) {
	p.service, p.class = first.latest()
	p.tier = &p.service.tiers[p.class.Tier]
	if !p.service.hedges(p.tier) {
		return p, false
	}
	if p.cloud, p.endpoint = p.service.beside(p.class.Tier, r.random(), first); p.endpoint == nil {
		return p, false
	}
	if !p.tier.hedging.take() {
		return p, false
	}
	if !p.budget().Withdraw(p.tier.spends) {
		p.tier.hedging.giveBack()
		return p, false
	}
	return p, true
}

func (p *plannedHedge) budget() *failover.Budget { return p.service.live.budget }

// giveBack returns what a hedge has cost that isn't made.
func (p *plannedHedge) giveBack() {
	p.tier.hedging.giveBack()
	p.budget().Return()
}

// attempt is the one to be begun.
func (p *plannedHedge) attempt(r *Router) Attempt {
	return Attempt{
		cloud: p.cloud, endpoint: p.endpoint, began: r.now(),
		tier: uint8(p.class.Tier), level: p.class.Level, number: 2, hedge: true,
	}
}

// begin starts it.
func (p *plannedHedge) begin(a *Attempt) {
	p.service.live.retries.Add(1)
	a.begin(p.cloud, p.endpoint)
}

// beside chooses the place of a hedge: in another cloud than the first attempt's,
// by the plan's shares, else at another endpoint. Only clouds that are well, answer
// as quickly as usual and have room are asked for what isn't needed. It returns nil
// if there is none.
func (s *serviceTable) beside(class int, draw uint64, first Attempt) (*cloudTable, *endpoint) {
	tier, bits, tried := &s.tiers[class], uint32(draw), []Attempt{first}
	room := func(c *cloudTable) bool { return c.takesHedge(bits, class) }
	if c := s.drawCloud(tier, draw, false, func(c *cloudTable) bool { return room(c) && c.name != first.cloud.name }); c != nil {
		return c, c.chosen(bits, class)
	}
	unused := func(c *cloudTable) bool { return room(c) && c.untried(0, tried) != nil }
	if c := s.drawCloud(tier, draw, false, unused); c != nil {
		return c, c.untried(bits, tried)
	}
	return nil, nil
}

// takesHedges reports whether any cloud takes a hedge now.
func (s *serviceTable) takesHedges(bits uint32, class int) bool {
	for i := range s.clouds {
		if s.clouds[i].takesHedge(bits, class) {
			return true
		}
	}
	return false
}

// takesHedge reports whether the cloud is asked for what isn't needed.
func (c *cloudTable) takesHedge(bits uint32, class int) bool {
	return len(c.endpoints) > 0 && !c.down && !c.live.noRoom.Load() && !c.live.slow.Load() && c.choose(bits, class) >= 0
}

// reasonHedgeLost is that of an attempt whose answer wasn't needed any more.
const reasonHedgeLost = "hedge lost"

// Overtaken ends the wait for an attempt that [Router.Pick] or [Router.PickHedge]
// made and that isn't needed any more, because another attempt at the same call
// was answered first. It speaks for nobody and against nobody. [Attempt.End] is to
// be called beside it. Within [Do] it is not needed.
func (a Attempt) Overtaken() {
	now := a.cloud.router.now()
	a.overtaken(now)
	a.answered(now, health.Outcome{Reason: reasonHedgeLost})
}

// overtaken keeps how long the first attempt was waited for: see
// [health.Target.Waited]. The wait for a hedge says nothing, it may just have
// begun.
func (a *Attempt) overtaken(now time.Duration) {
	if !a.hedge {
		a.cloud.target.Waited(int(a.tier), a.began, now)
	}
}
