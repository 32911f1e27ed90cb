package failover

import (
	"cmp"
	"slices"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// Compute returns the plan that follows from the input alone. It doesn't know
// the plan in force: see [Limit] for how fast one may turn into the other.
//
// For each tier, it first finds who may serve: the clouds that the tier allows
// and that are neither drained nor down. They share the calls by weight or by
// the tier's preference, as the package documentation says. If fewer than
// MinClouds are left although others are allowed and undrained, Panic decides.
// If all the allowed clouds are drained, calls fail: an operator's drain is
// never overruled.
//
// Then, where demand is known, it finds what fits: the tiers take what they
// need of each cloud's capacity in their order, what a cloud lacks the room for
// spills to others, and what fits nowhere is shed. A tier never changes what
// those before it get.
//
// The order of the clouds doesn't matter. The input isn't changed.
func Compute(in Input) Plan {
	clouds := slices.Clone(in.Clouds)
	slices.SortFunc(clouds, func(a, b Cloud) int { return cmp.Compare(a.Name, b.Name) })
	plan := Plan{Tiers: make([]TierPlan, len(in.Tiers))}
	shares := make([]Share, len(in.Tiers)*len(clouds))
	d, f := newDivider(clouds), newFitting(&in, clouds)
	for i := range in.Tiers {
		tier, p := &in.Tiers[i], &plan.Tiers[i]
		p.Tier = tier.Name
		p.Shares, shares = shares[:len(clouds):len(clouds)], shares[len(clouds):]
		takers := d.divide(&in, tier, p)
		if f != nil {
			f.fit(i, takers, p)
		}
	}
	if f != nil {
		plan.Clouds = f.cloudPlans()
	}
	return plan
}

// divider divides the calls of one tier after the other over the same clouds.
type divider struct {
	clouds             []Cloud
	candidates         []candidate // one for each cloud
	undrained, serving []*candidate
}

func newDivider(clouds []Cloud) *divider {
	n := len(clouds)
	both := make([]*candidate, 2*n)
	return &divider{clouds: clouds, candidates: make([]candidate, n), undrained: both[:0:n], serving: both[n : n : 2*n]}
}

// divide sets the shares of a tier as if every cloud had the capacity. It
// returns the clouds that its calls may go to, until the next tier is divided:
// none if they fail.
func (d *divider) divide(in *Input, tier *sla.Tier, plan *TierPlan) []*candidate {
	undrained := d.undrained[:0] // allowed, there and not drained
	serving := d.serving[:0]     // of those, the ones that aren't down
	for i := range d.clouds {
		c := &d.clouds[i]
		why := barred(c, tier)
		plan.Shares[i] = Share{Cloud: c.Name, Reason: why}
		if why == ReasonResidency || why == ReasonDrained || why == ReasonAbsent {
			continue
		}
		d.candidates[i] = newCandidate(i, c, tier)
		undrained = append(undrained, &d.candidates[i])
		if why != ReasonDown {
			serving = append(serving, &d.candidates[i])
		}
	}
	switch {
	case len(undrained) == 0:
		plan.Fail = true
		return nil
	case len(serving) >= max(1, in.MinClouds), len(serving) == len(undrained):
		divide(serving, tier.Clouds.Prefer)
		for _, c := range serving {
			plan.Shares[c.share].Fraction = c.fraction
			plan.Shares[c.share].Reason = c.reason(len(tier.Clouds.Prefer) > 0)
		}
		return serving
	}
	plan.Fail = in.Panic == PanicFail
	for _, c := range undrained {
		c.endpoints, c.capability, c.gate = 1, 1, 1 // whatever its health
	}
	divideInProportion(undrained, (*candidate).plainWeight)
	for _, c := range undrained {
		plan.Shares[c.share].Reason = ReasonPanic
		if !plan.Fail {
			plan.Shares[c.share].Fraction = c.fraction
		}
	}
	if plan.Fail {
		return nil
	}
	return undrained
}

// barred returns why a cloud may not serve a tier, or "" if it may.
func barred(c *Cloud, tier *sla.Tier) Reason {
	switch {
	case !tier.Clouds.Allow(c.Name):
		return ReasonResidency
	case c.Drained:
		return ReasonDrained
	case c.Absent:
		return ReasonAbsent
	case c.Held:
		return ""
	case c.State == health.Down, !(c.Healthy > 0): // also true for NaN
		return ReasonDown
	}
	return ""
}

func (c *candidate) reason(prefer bool) Reason {
	switch {
	case c.held:
		return ReasonHeld
	case c.leaving:
		return ReasonDraining
	case c.gate < 1:
		return ReasonRecovering
	case c.standby && c.capability > trickle: // else it would get no more without the preference
		return ReasonStandby
	case c.capability < 1:
		return ReasonDegraded
	case prefer:
		return ReasonPrefer
	}
	return ReasonWeights
}
