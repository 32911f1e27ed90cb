package failover

import (
	"slices"

	"github.com/fairlead-go/fairlead/health"
)

// survived is the largest fraction of a tier's calls that may be missing for an
// error of rounding.
const survived = 1e-9

// Loss is what would follow from the loss of a cloud.
type Loss struct {
	Cloud string
	// Plan is the plan with the cloud down.
	Plan Plan
	// Survives says that every protected tier would be served whole; every tier
	// if none is protected.
	Survives bool
	// Short names the tiers whose calls would not all be served, in the order of
	// the input.
	Short []string
	// Missing is how many calls per second would be shed, fail, or go to clouds
	// that are down because panic sends them there. MissingProtected is how many
	// of them are those of protected tiers.
	Missing, MissingProtected float64
}

// Lose tells what would follow if a cloud were lost now: from the demand and
// the capacities of this moment, before anything grows. N equal clouds that are
// used to u survive it iff u ≤ (N−1)/N, and a protected part s of the calls iff
// s·u·N ≤ N−1.
//
// A tier without demand survives if it would have somewhere to go. Of a cloud
// that isn't in the input, or is down or drained already, nothing more is lost.
func Lose(in Input, cloud string) Loss {
	in.Clouds = slices.Clone(in.Clouds)
	for i := range in.Clouds {
		if c := &in.Clouds[i]; c.Name == cloud {
			c.State, c.Held = health.Down, false
		}
	}
	loss := Loss{Cloud: cloud, Plan: Compute(in), Survives: true}
	protection := false
	for i := range in.Tiers {
		protection = protection || in.Tiers[i].Protected
	}
	for i, t := range loss.Plan.Tiers {
		missing := t.missing(&in)
		if missing <= survived {
			continue
		}
		loss.Short = append(loss.Short, t.Tier)
		loss.Missing += missing * t.Demand
		if in.Tiers[i].Protected {
			loss.MissingProtected += missing * t.Demand
		}
		if in.Tiers[i].Protected || !protection {
			loss.Survives = false
		}
	}
	return loss
}

// missing is the fraction of a tier's calls that nobody serves.
func (t TierPlan) missing(in *Input) float64 {
	if t.Fail {
		return 1
	}
	wasted := 0.0
	for _, c := range in.Clouds {
		if !c.Held && (c.State == health.Down || !(c.Healthy > 0)) {
			wasted += t.fraction(c.Name)
		}
	}
	return t.Shed + (1-t.Shed)*wasted
}
