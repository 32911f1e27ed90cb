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
//     there, and what a full one has too much. It goes to the clouds that have
//     less than they should, in proportion to what they miss, so that no cloud
//     is pushed past its target (and none in re-admission past its gate).
//   - Shedding more and shedding less.
//   - The way into and out of panic, a hold or failing calls, and the first
//     plan of a tier.
//   - Where shares that are still on their way would send a cloud more than its
//     capacity: the tiers that have too much there then go as much faster as it
//     takes. For want fits, and every step towards it helps. Reserves may be in
//     use meanwhile.
//
// The way back from a cloud to which calls had spilled is a move as any other.
//
// The reasons are those of want. Neither plan is changed; the result may share
// memory with want.
func Limit(previous, want Plan, elapsed time.Duration, slope float64) Plan {
	step := max(0, elapsed.Seconds()) * max(0, slope)
	next := Plan{Tiers: make([]TierPlan, len(want.Tiers)), Clouds: want.Clouds}
	moving := false
	for i, w := range want.Tiers {
		next.Tiers[i] = w
		p := slices.IndexFunc(previous.Tiers, func(t TierPlan) bool { return t.Tier == w.Tier })
		if p >= 0 && !previous.Tiers[p].exceptional() && !w.exceptional() {
			var arrived bool
			next.Tiers[i].Shares, arrived = limitShares(previous.Tiers[p], w.Shares, step)
			moving = moving || !arrived
		}
	}
	if moving && len(want.Clouds) > 0 {
		relieve(next.Tiers, want)
		next.Clouds = underWay(next.Tiers, want.Clouds)
	}
	return next
}

// limitShares returns the shares that a tier may have now, and whether they are
// those that are wanted.
func limitShares(previous TierPlan, want []Share, step float64) (next []Share, all bool) {
	next = slices.Clone(want)
	kept, missing := 0.0, 0.0
	for i, w := range want {
		s := &next[i]
		if had := previous.fraction(w.Cloud); !w.excluded() && (w.Reason != ReasonFull || had < w.Fraction) {
			s.Fraction = had
		}
		kept += s.Fraction
		missing += max(0, w.Fraction-s.Fraction)
	}
	furthest := 0.0
	for i, w := range want {
		s := &next[i]
		if freed := 1 - kept; freed > 0 && w.Fraction > s.Fraction {
			s.Fraction += (w.Fraction - s.Fraction) * min(1, freed/missing)
		}
		furthest = max(furthest, math.Abs(w.Fraction-s.Fraction))
	}
	if furthest <= step+arrived {
		return want, true
	}
	approach(next, want, step/furthest)
	return next, false
}

// approach takes all shares the same part of the way to those that are wanted,
// so that they still sum to 1.
func approach(shares, want []Share, part float64) {
	for i, w := range want {
		shares[i].Fraction += (w.Fraction - shares[i].Fraction) * part
	}
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
