package balancer

import (
	"math"
	"slices"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/sla"
)

// offer is what callers ask for in one tier of a service. It outlives tables and
// configs.
type offer struct {
	levels sla.Levels // each call, by any goroutine

	// Router.mu guards the rest.
	recent sla.LevelHistogram
	faded  time.Duration // when recent last was
	rate   failover.Rate
	minute failover.Minute
}

const (
	// forgetting is the time in which a third of the levels that were seen count
	// no more.
	forgetting = 25 * time.Second
	// retryShed is when a call that was shed may be tried again, at the soonest.
	retryShed = time.Second
	// sure is how many standard deviations less of a demand must still be too much
	// before a tier is shed or a change given up, surer those before a protected tier
	// is shed. The fewer calls a client has the less it knows, and servers refuse
	// protected tiers last.
	sure, surer = 3, 5
	// misplaced is the difference between the fraction that is to be shed and the one
	// of the levels seen lately from which on the threshold is found anew.
	misplaced = 0.01
)

// admit counts a call that begins, and decides whether its tier and level have to
// wait: see [sla.Threshold]. While observing nobody does.
func (r *Router) admit(s *serviceTable, class sla.Class, draw uint64) error {
	t := &s.tiers[class.Tier]
	t.offer.levels.Add(class.Level, draw)
	if s.sheds(class, draw) {
		return r.shed(s, class, sla.ShedCapacity)
	}
	return nil
}

// sheds reports whether a call has to wait for lack of capacity.
func (s *serviceTable) sheds(class sla.Class, draw uint64) bool {
	t := &s.tiers[class.Tier]
	return t.sheds != 0 && t.sheds.Sheds(class.Level, draw) && s.observed < 0
}

// shed counts a call that has to wait, and makes its error.
func (r *Router) shed(s *serviceTable, class sla.Class, reason sla.ShedReason) error {
	s.tiers[class.Tier].endings.shed(class.Level, reason)
	return r.shedError(s, class, reason)
}

// shedError is the error of a call that has to wait. Those who were refused
// together must not come back together: they are spread over a second or, if there
// is too little capacity and some grows, over the time that this takes.
func (r *Router) shedError(s *serviceTable, class sla.Class, reason sla.ShedReason) error {
	spread := retryShed
	if reason == sla.ShedCapacity {
		spread = max(spread, s.ready)
	}
	return &sla.ShedError{
		Service: s.name, Tier: s.tiers[class.Tier].Name, Level: int(class.Level), Reason: reason,
		RetryAfter: retryShed + time.Duration(r.fraction()*float64(spread)),
	}
}

// offered keeps the offers of tiers that stay, by name, and makes those of new
// ones.
func (s *service) offered(was []sla.Tier, offers []*offer) {
	s.offers = make([]*offer, len(s.tiers))
	for i, t := range s.tiers {
		if k := slices.IndexFunc(was, func(old sla.Tier) bool { return old.Name == t.Name }); k >= 0 {
			s.offers[i] = offers[k]
		} else {
			s.offers[i] = new(offer)
		}
	}
}

// measure takes in what was offered since the last step.
func (o *offer) measure(now time.Duration) {
	made := o.recent.Observe(&o.levels)
	o.rate.Observe(now, made)
	o.minute.Observe(now, made)
	if passed := now - o.faded; passed >= time.Second {
		o.recent.Fade(fading(passed, forgetting))
		o.faded = now
	}
}

// demand returns the calls per second that are offered of each tier, and the
// standard deviations of these estimates.
func (s *service) demand() (mean, deviation []float64) {
	for _, o := range s.offers {
		m, d := o.rate.Mean()
		mean, deviation = append(mean, m), append(deviation, d)
	}
	return mean, deviation
}

// demandMoved reports whether the demand of a tier is another than the plan was
// made for, by more than chance or 2 %.
func (s *service) demandMoved() bool {
	for i, o := range s.offers {
		m, deviation := o.rate.Mean()
		if i >= len(s.plannedFor) {
			return true
		}
		if d := m - s.plannedFor[i]; max(d, -d) > max(2*deviation, 0.02*m) {
			return true
		}
	}
	return false
}

// sureOnly takes back what the plan sheds of tiers that perhaps need not be shed:
// with few calls per second their number is never the mean, and a client must not
// refuse calls each time it is a little more. The tier is shed if it would be
// even with the least that the demand may be.
func (s *service) sureOnly(plan *failover.Plan, in failover.Input, deviation []float64) {
	s.sureOf(plan, in, deviation, false, sure)
	s.sureOf(plan, in, deviation, true, surer)
}

// sureOf is sureOnly for the tiers that are protected, or for those that aren't.
func (s *service) sureOf(plan *failover.Plan, in failover.Input, deviation []float64, protected bool, deviations float64) {
	var doubtful []int
	for i := range plan.Tiers {
		if plan.Tiers[i].Shed > 0 && s.tiers[i].Protected == protected {
			doubtful = append(doubtful, i)
		}
	}
	if len(doubtful) == 0 {
		return
	}
	least := make([]float64, len(in.Demand))
	for k, mean := range in.Demand {
		least[k] = max(0, mean-deviations*deviation[k])
	}
	in.Demand = least
	certain := failover.Compute(in)
	for _, i := range doubtful {
		if certain.Tiers[i].Shed == 0 {
			plan.Tiers[i].Shed = 0
		}
	}
}

// shedsOthers reports whether the thresholds in force shed another part of the calls
// than the plan says: others call than did when they were found.
func (s *service) shedsOthers() bool {
	if s.built == nil {
		return false
	}
	for i, t := range s.built.tiers {
		if shed := s.plan.Tiers[i].Shed; shed > 0 && math.Abs(s.offers[i].recent.Fraction(t.sheds)-shed) > misplaced {
			return true
		}
	}
	return false
}
