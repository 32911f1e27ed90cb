package failover

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// arrived is the difference of shares below which a move is over.
const arrived = 1e-9

// Limit returns the plan that may be in force now if previous has been so for
// the time elapsed and want is where to go: no share moves by more than slope
// in a second. Slope is a fraction of all calls: 0.1 is 10 points of share.
// Clients that follow the same signs should not move in step: give each a
// slope of its own a little below the limit.
//
// Some things cannot wait, and happen at once whatever the slope:
//
//   - What a cloud had that is down, drained, no longer allowed or no longer
//     there. It goes to the clouds that have less than they should, in
//     proportion to what they miss, so that no cloud is pushed past its target
//     (and none in re-admission past its gate).
//   - The way into and out of panic, a hold or failing calls, and the first
//     plan of a tier.
//
// The reasons are those of want. Neither plan is changed; the result may share
// memory with want.
func Limit(previous, want Plan, elapsed time.Duration, slope float64) Plan {
	step := max(0, elapsed.Seconds()) * max(0, slope)
	next := Plan{Tiers: make([]TierPlan, len(want.Tiers))}
	for i, w := range want.Tiers {
		p := slices.IndexFunc(previous.Tiers, func(t TierPlan) bool { return t.Tier == w.Tier })
		if p < 0 || previous.Tiers[p].exceptional() || w.exceptional() {
			next.Tiers[i] = w
		} else {
			next.Tiers[i] = limitTier(previous.Tiers[p], w, step)
		}
	}
	return next
}

func limitTier(previous, want TierPlan, step float64) TierPlan {
	next := TierPlan{Tier: want.Tier, Shares: slices.Clone(want.Shares)}
	kept, missing := 0.0, 0.0
	for i, w := range want.Shares {
		s := &next.Shares[i]
		if !w.excluded() {
			s.Fraction = previous.fraction(w.Cloud)
		}
		kept += s.Fraction
		missing += max(0, w.Fraction-s.Fraction)
	}
	furthest := 0.0
	for i, w := range want.Shares {
		s := &next.Shares[i]
		if freed := 1 - kept; freed > 0 && w.Fraction > s.Fraction {
			s.Fraction += (w.Fraction - s.Fraction) * min(1, freed/missing)
		}
		furthest = max(furthest, math.Abs(w.Fraction-s.Fraction))
	}
	if furthest <= step+arrived {
		return want
	}
	// All shares go the same part of their way, so that they still sum to 1.
	for i, w := range want.Shares {
		s := &next.Shares[i]
		s.Fraction += (w.Fraction - s.Fraction) * step / furthest
	}
	return next
}

// exceptional reports whether the shares follow from something else than the
// health of each cloud. Between such a plan and another there is no gradual
// way.
func (t TierPlan) exceptional() bool {
	return t.Fail || slices.ContainsFunc(t.Shares, func(s Share) bool {
		return s.Reason == ReasonPanic || s.Reason == ReasonHeld
	})
}

func (t TierPlan) fraction(cloud string) float64 {
	i, found := slices.BinarySearchFunc(t.Shares, cloud, func(s Share, name string) int {
		return cmp.Compare(s.Cloud, name)
	})
	if !found {
		return 0
	}
	return t.Shares[i].Fraction
}

// excluded reports whether the cloud must get nothing.
func (s Share) excluded() bool {
	return s.Reason == ReasonDown || s.Reason == ReasonDrained || s.Reason == ReasonAbsent || s.Reason == ReasonResidency
}
