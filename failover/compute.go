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
// The order of the clouds doesn't matter. The input isn't changed.
func Compute(in Input) Plan {
	clouds := slices.Clone(in.Clouds)
	slices.SortFunc(clouds, func(a, b Cloud) int { return cmp.Compare(a.Name, b.Name) })
	plan := Plan{Tiers: make([]TierPlan, len(in.Tiers))}
	for i := range in.Tiers {
		plan.Tiers[i] = computeTier(&in, clouds, &in.Tiers[i])
	}
	return plan
}

func computeTier(in *Input, clouds []Cloud, tier *sla.Tier) TierPlan {
	plan := TierPlan{Tier: tier.Name, Shares: make([]Share, len(clouds))}
	undrained := make([]*candidate, 0, len(clouds)) // allowed, there and not drained
	serving := make([]*candidate, 0, len(clouds))   // of those, the ones that aren't down
	for i := range clouds {
		c := &clouds[i]
		why := barred(c, tier)
		plan.Shares[i] = Share{Cloud: c.Name, Reason: why}
		if why == ReasonResidency || why == ReasonDrained || why == ReasonAbsent {
			continue
		}
		undrained = append(undrained, newCandidate(i, c, tier))
		if why != ReasonDown {
			serving = append(serving, undrained[len(undrained)-1])
		}
	}
	switch {
	case len(undrained) == 0:
		plan.Fail = true
	case len(serving) >= max(1, in.MinClouds), len(serving) == len(undrained):
		divide(serving, tier.Clouds.Prefer)
		for _, c := range serving {
			plan.Shares[c.share].Fraction = c.fraction
			plan.Shares[c.share].Reason = c.reason(len(tier.Clouds.Prefer) > 0)
		}
	default:
		plan.Fail = in.Panic == PanicFail
		divideInProportion(undrained, (*candidate).plainWeight)
		for _, c := range undrained {
			plan.Shares[c.share].Reason = ReasonPanic
			if !plan.Fail {
				plan.Shares[c.share].Fraction = c.fraction
			}
		}
	}
	return plan
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
