package failover

import (
	"math"
	"slices"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// negligible is the part of an amount that is taken for an error of rounding.
const negligible = 1e-12

// largest bounds what is believed of a number of calls per second.
const largest = 1e9

// fitting finds out how much of the tiers' calls the clouds can carry, and what
// they should be able to.
type fitting struct {
	in     *Input
	clouds []Cloud
	demand []float64 // of each cloud, all tiers
	now    space     // with the capacities as they are
	grown  space     // with each cloud at its ceiling
	calm   space     // the same, and all clouds well
	wells  *divider  // divides as if all clouds were well; nil if they are
	unused TierPlan  // what it says
}

// newFitting returns nil if nothing is known of demand.
func newFitting(in *Input, clouds []Cloud) *fitting {
	if !slices.ContainsFunc(in.Demand, func(d float64) bool { return d > 0 }) {
		return nil
	}
	n := len(clouds)
	f := &fitting{in: in, clouds: clouds}
	numbers := make([]float64, n+3*spaceSize(n, len(in.Tiers)))
	f.demand, numbers = numbers[:n], numbers[n:]
	for _, s := range []*space{&f.now, &f.grown, &f.calm} {
		numbers = s.init(numbers, n, len(in.Tiers))
	}
	for i := range clouds {
		c := &clouds[i]
		f.now.limit[i] = c.capacity()
		f.grown.limit[i] = max(c.capacity(), amount(c.Ceiling))
		f.calm.limit[i] = f.grown.limit[i]
	}
	if slices.ContainsFunc(clouds, func(c Cloud) bool { return c != c.well() }) {
		well := make([]Cloud, n)
		for i := range clouds {
			well[i] = clouds[i].well()
		}
		f.wells = newDivider(well)
		f.unused.Shares = make([]Share, n)
	}
	return f
}

// fit changes the shares of the next tier to what fits.
func (f *fitting) fit(i int, takers []*candidate, plan *TierPlan) {
	tier := &f.in.Tiers[i]
	if i < len(f.in.Demand) {
		plan.Demand = amount(f.in.Demand[i])
	}
	for _, c := range takers {
		f.demand[c.share] += plan.Demand * c.fraction
	}
	shed := f.now.place(i, tier, plan.Demand, takers)
	plan.accept(takers, shed)
	f.grown.place(i, tier, plan.Demand, takers)
	if f.wells != nil {
		f.unused.Fail = false
		f.calm.place(i, tier, plan.Demand, f.wells.divide(f.in, tier, &f.unused))
	}
	for c := range f.clouds {
		if r := reserve(tier, &f.clouds[c]); r > 0 {
			f.now.keep(c, r)
			f.grown.keep(c, r)
			f.calm.keep(c, r)
		}
	}
}

// cloudPlans sums up what has been fitted, cloud by cloud.
func (f *fitting) cloudPlans() []CloudPlan {
	plans := make([]CloudPlan, len(f.clouds))
	for c := range plans {
		p := &plans[c]
		*p = CloudPlan{Cloud: f.clouds[c].Name, Demand: f.demand[c], Load: f.now.used[c]}
		if limit := f.now.limit[c]; !math.IsInf(limit, 1) {
			p.Capacity, p.Utilization = limit, p.Load/limit
			need := max(p.Load, f.grown.need(c, f.in, f.clouds), f.calm.need(c, f.in, f.clouds))
			p.Desired = min(need, f.grown.limit[c])
		}
	}
	return plans
}

// accept takes over what fits of a tier's calls, and the rest that doesn't.
func (p *TierPlan) accept(takers []*candidate, shed float64) {
	if !slices.ContainsFunc(takers, func(c *candidate) bool { return c.full }) {
		return // to the digit what it would be if nothing were known of capacity
	}
	admitted := 0.0
	for _, c := range takers {
		admitted += c.load
	}
	p.Shed = unit(shed / p.Demand)
	for _, c := range takers {
		s := &p.Shares[c.share]
		if admitted > 0 { // else they stay as they would be
			s.Fraction = c.load / admitted
		}
		switch {
		case s.Reason == ReasonPanic, s.Reason == ReasonHeld: // says more
		case c.full:
			s.Reason = ReasonFull
		case c.spill:
			s.Reason = ReasonSpill
		}
	}
}

// space is what the clouds can carry and what the tiers so far use of it, in
// calls per second.
type space struct {
	limit []float64 // of each cloud; infinite if unknown
	used  []float64 // of each cloud
	kept  []float64 // of each cloud, what of the reserves so far isn't used by those they are for
	loads []float64 // tier by tier, of each cloud
}

func spaceSize(clouds, tiers int) int { return (3 + tiers) * clouds }

// init takes what it needs of numbers and returns the rest.
func (s *space) init(numbers []float64, clouds, tiers int) []float64 {
	s.limit, numbers = numbers[:clouds], numbers[clouds:]
	s.used, numbers = numbers[:clouds], numbers[clouds:]
	s.kept, numbers = numbers[:clouds], numbers[clouds:]
	s.loads, numbers = numbers[:clouds*tiers], numbers[clouds*tiers:]
	return numbers
}

// room is what the next tier may use of a cloud.
func (s *space) room(cloud int) float64 {
	room := s.limit[cloud] - s.used[cloud] - s.kept[cloud]
	if room > negligible*s.limit[cloud] || math.IsInf(room, 1) {
		return room
	}
	return 0
}

// place gives the tier of number i its part of the space: its fractions as far
// as they fit, and of the rest, unless it may not spill, whatever fits
// elsewhere, in proportion to weight. It returns what fits nowhere.
//
// A cloud in re-admission gets nothing of the rest, even if that is shed then:
// its gate is there to keep a stampede away. The calls of a protected tier may
// go there when all others are full. Where all clouds have gates, they have
// yielded already.
func (s *space) place(i int, tier *sla.Tier, demand float64, takers []*candidate) (rest float64) {
	gates := false
	for _, c := range takers {
		want := demand * c.fraction
		c.room = s.room(c.share)
		c.load = min(want, c.room)
		c.full, c.spill = want > c.room, false
		c.room -= c.load
		rest += want - c.load
		gates = gates || c.gate >= 1
	}
	if rest > 0 && tier.Spill != sla.SpillNever {
		rest = spill(rest, takers, func(c *candidate) bool { return c.gate >= 1 || !gates })
		if tier.Protected {
			rest = spill(rest, takers, func(*candidate) bool { return true })
		}
	}
	if rest <= negligible*demand {
		rest = 0
	}
	loads := s.loads[i*len(s.limit):]
	for _, c := range takers {
		loads[c.share] = c.load
		s.used[c.share] = min(s.used[c.share]+c.load, s.limit[c.share]) // to the digit
	}
	return rest
}

// keep keeps what is left of a tier's reserve from those that come after it.
func (s *space) keep(cloud int, reserve float64) {
	if limit := s.limit[cloud]; !math.IsInf(limit, 1) {
		s.kept[cloud] = max(s.kept[cloud], reserve*limit-s.used[cloud])
	}
}

// need is the least capacity of a cloud with which the loads placed there would
// fit and the reserves stay free.
func (s *space) need(cloud int, in *Input, clouds []Cloud) float64 {
	need, below := 0.0, 0.0 // below is what less critical tiers use
	for i := len(in.Tiers) - 1; i >= 0; i-- {
		if r := reserve(&in.Tiers[i], &clouds[cloud]); below > 0 {
			need = max(need, below/(1-r))
		}
		below += s.loads[i*len(s.limit)+cloud]
	}
	return max(need, below)
}

// reserve is the part of a cloud's capacity that a tier keeps from the less
// critical ones: none where it may not go itself.
func reserve(tier *sla.Tier, cloud *Cloud) float64 {
	if !(tier.Reserve > 0) || !tier.Clouds.Allow(cloud.Name) {
		return 0
	}
	return min(tier.Reserve, 1)
}

// spill divides an amount over the clouds that may take it, in proportion to
// their effective weights, each up to its room, and returns what is left. Those
// without an effective weight come after all others.
func spill(amount float64, takers []*candidate, may func(*candidate) bool) float64 {
	for _, by := range [...]func(*candidate) float64{
		(*candidate).effectiveWeight, (*candidate).sizedWeight, func(*candidate) float64 { return 1 },
	} {
		weight := func(c *candidate) float64 {
			if c.room > 0 && may(c) {
				return by(c)
			}
			return 0
		}
		// Each round but the last fills a cloud, so there are few.
		for sum := total(takers, weight); amount > 0 && sum > 0; sum = total(takers, weight) {
			amount = pour(amount, sum, takers, weight)
		}
	}
	return max(0, amount)
}

// pour gives each cloud its part by weight. If that is more than some have room
// for, it fills only those, and returns what is left for the others.
func pour(amount, sum float64, takers []*candidate, weight func(*candidate) float64) float64 {
	rest, filled := amount, false
	for _, c := range takers {
		if w := weight(c); w > 0 && c.room <= amount*(w/sum) {
			rest -= c.room
			c.take(c.room)
			filled = true
		}
	}
	if filled {
		return rest
	}
	for _, c := range takers {
		c.take(amount * (weight(c) / sum))
	}
	return 0
}

func (c *candidate) take(load float64) {
	c.load += load
	c.room -= load
	c.spill = c.spill || load > 0
}

// well returns the cloud as it would be if all were well.
func (c Cloud) well() Cloud {
	if c.State != health.Unknown {
		c.State = health.Healthy
	}
	c.Healthy, c.Absent, c.Drained, c.Held = 1, false, false, false
	return c
}

// capacity is infinite if it is unknown.
func (c *Cloud) capacity() float64 {
	if known := amount(c.Capacity); known > 0 {
		return known
	}
	return math.Inf(1)
}

// amount returns x as a number of calls per second, and 0 if it isn't one.
func amount(x float64) float64 {
	if !(x > 0) { // also true for NaN
		return 0
	}
	return min(x, largest)
}
