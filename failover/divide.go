package failover

import (
	"slices"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

const (
	// overprovisioning is how much more than its part a cloud is assumed to be
	// able to carry: with 1/1.4 = 71 % of its endpoints it still gets its full
	// weight. Envoy's default.
	overprovisioning = 1.4
	// trickle is the share that the clouds which a preference leaves without
	// calls get together. A cloud that nobody calls has no health.
	trickle = 0.01
)

// candidate is a cloud that may get calls of one tier.
type candidate struct {
	share      int // its place among the tier's shares
	name       string
	weight     float64
	endpoints  float64 // what its healthy endpoints can carry of its normal part, above 0…1
	capability float64 // the same with the quality of its answers in it, 0…1
	gate       float64 // what re-admission lets through, and a drain under way leaves, of its normal share, 0…1
	fraction   float64 // the result, 0…1
	standby    bool    // the fraction is a trickle
	held       bool    // taken for healthy
	leaving    bool    // a drain is under way

	// What became of it when its calls were fitted, in calls per second.
	load, room float64
	full       bool // it gets less than its fraction
	spill      bool // it gets more
}

func newCandidate(share int, cloud *Cloud, tier *sla.Tier) candidate {
	c := candidate{
		share: share, name: cloud.Name, weight: float64(cloud.Weight),
		endpoints: 1, capability: 1, gate: 1 - unit(cloud.Leaving), held: cloud.Held, leaving: cloud.Leaving > 0,
	}
	if c.held {
		return c
	}
	c.endpoints = unit(overprovisioning * cloud.Healthy)
	c.capability = c.endpoints
	switch cloud.State {
	case health.Degraded:
		c.capability *= unit(cloud.Quality)
	case health.Recovering:
		gate := unit(cloud.Gate)
		if tier.Protected {
			gate = unit(cloud.ProtectedGate)
		}
		c.gate *= gate
	}
	return c
}

func (c *candidate) plainWeight() float64     { return c.weight }
func (c *candidate) sizedWeight() float64     { return c.weight * c.endpoints }
func (c *candidate) effectiveWeight() float64 { return c.weight * c.capability }

// divide sets the fractions so that they sum to 1 and no cloud in re-admission
// gets more than its gate's part of what it would get with the gate open. What
// it may not have goes to the clouds without a gate. If there are none, the
// gates yield: somebody must serve.
func divide(cs []*candidate, prefer []string) {
	divideOpen(cs, prefer)
	open := make([]*candidate, 0, len(cs))
	gated := 0.0
	for _, c := range cs {
		if c.gate < 1 {
			c.fraction *= c.gate
			gated += c.fraction
		} else {
			open = append(open, c)
		}
	}
	switch {
	case len(open) == len(cs):
	case len(open) == 0 && gated == 0:
		divideOpen(cs, prefer)
	case len(open) == 0:
		for _, c := range cs {
			c.fraction /= gated
		}
	default:
		divideOpen(open, prefer)
		for _, c := range open {
			c.fraction *= 1 - gated
		}
	}
}

// divideOpen sets the fractions as if all gates were open.
func divideOpen(cs []*candidate, prefer []string) {
	if len(prefer) == 0 {
		divideByWeight(cs)
	} else {
		divideByPreference(levels(cs, prefer))
		keepTrickle(cs)
	}
}

// divideByWeight follows the effective weights: Envoy's locality weights. If
// no cloud has any, because all answers of all clouds are bad, the quality of
// answers decides nothing and the healthy endpoints do.
func divideByWeight(cs []*candidate) {
	by := (*candidate).effectiveWeight
	if total(cs, by) == 0 {
		by = (*candidate).sizedWeight
	}
	divideInProportion(cs, by)
}

// divideInProportion makes the fractions proportional to what by returns, or
// equal if that is 0 for all.
func divideInProportion(cs []*candidate, by func(*candidate) float64) {
	sum := total(cs, by)
	for _, c := range cs {
		if sum > 0 {
			c.fraction = by(c) / sum
		} else {
			c.fraction = 1 / float64(len(cs))
		}
	}
}

// divideByPreference fills the levels in order, each up to what it can carry:
// Envoy's priority load. If all of them together can't carry everything, they
// are overloaded alike.
func divideByPreference(levels [][]*candidate) {
	score := func(level []*candidate) float64 {
		return mean(level, func(c *candidate) float64 { return c.capability })
	}
	sum := 0.0
	for _, level := range levels {
		sum += score(level)
	}
	if sum == 0 { // all answers of all clouds are bad
		score = func(level []*candidate) float64 {
			return mean(level, func(c *candidate) float64 { return c.endpoints })
		}
		for _, level := range levels {
			sum += score(level)
		}
	}
	rest := 1.0
	for i, level := range levels {
		load := min(rest, score(level)/min(1, sum))
		if i == len(levels)-1 {
			load = rest // the same but for rounding
		}
		rest -= load
		divideByWeight(level)
		for _, c := range level {
			c.fraction *= load
		}
	}
}

// levels puts each preferred cloud on a level of its own and all others
// together on the last.
func levels(cs []*candidate, prefer []string) [][]*candidate {
	all := make([][]*candidate, 0, len(cs))
	others := slices.Clone(cs)
	for _, name := range prefer {
		i := slices.IndexFunc(others, func(c *candidate) bool { return c.name == name })
		if i >= 0 {
			all = append(all, []*candidate{others[i]})
			others = slices.Delete(others, i, i+1)
		}
	}
	if len(others) > 0 {
		all = append(all, others)
	}
	return all
}

// keepTrickle raises the fractions that a preference left at nothing, or
// almost, at the cost of the others.
func keepTrickle(cs []*candidate) {
	least := trickle / float64(max(1, len(cs)-1))
	raised, rest := 0, 0.0
	for _, c := range cs {
		c.standby = c.fraction < least
		if c.standby {
			raised++
		} else {
			rest += c.fraction
		}
	}
	for _, c := range cs {
		if c.standby {
			c.fraction = least
		} else {
			c.fraction *= (1 - float64(raised)*least) / rest
		}
	}
}

func total(cs []*candidate, of func(*candidate) float64) float64 {
	sum := 0.0
	for _, c := range cs {
		sum += of(c)
	}
	return sum
}

// mean returns the mean by weight, or the plain one if there are no weights.
func mean(cs []*candidate, of func(*candidate) float64) float64 {
	if sum := total(cs, (*candidate).plainWeight); sum > 0 {
		return total(cs, func(c *candidate) float64 { return c.weight * of(c) }) / sum
	}
	return total(cs, of) / float64(len(cs))
}

// unit returns x within 0…1, and 0 if it isn't a number.
func unit(x float64) float64 {
	if !(x > 0) {
		return 0
	}
	return min(1, x)
}
