package failover

import "slices"

// crowded is how far above its capacity a cloud may be for an error of rounding.
const crowded = 1e-9

// patience is how many times relieve tries to make tiers hurry no more than
// they must.
const patience = 16

// relieve takes tiers that are on their way to want further on it, until no
// cloud has more than its capacity. Those that have too much at an overloaded
// cloud go the same part of their way: just so far that it isn't overloaded any
// more. The cloud that takes their calls may be overloaded then, because other
// tiers have too much there. They are next.
//
// All rounds lead towards want, whose loads are within all capacities. Should
// tiers chase each other nevertheless, those that have too much go all their
// way, one after the other.
func relieve(tiers []TierPlan, want Plan) {
	parts := make([]float64, len(tiers))
	for round := range patience + len(tiers) {
		clear(parts)
		for _, c := range want.Clouds {
			c.Load = load(tiers, c.Cloud)
			if c.Capacity == 0 || c.Load <= c.Capacity*(1+crowded) {
				continue
			}
			surplus := func(i int) float64 {
				return tiers[i].admitted() * max(0, tiers[i].fraction(c.Cloud)-want.Tiers[i].fraction(c.Cloud))
			}
			sum := 0.0
			for i := range tiers {
				sum += surplus(i)
			}
			part := min(1, (c.Load-c.Capacity)/sum)
			if round >= patience {
				part = 1
			}
			for i := range tiers {
				if surplus(i) > 0 {
					parts[i] = max(parts[i], part)
				}
			}
		}
		if !slices.ContainsFunc(parts, func(part float64) bool { return part > 0 }) {
			return
		}
		for i, part := range parts {
			if part > 0 {
				approach(tiers[i].Shares, want.Tiers[i].Shares, part)
			}
		}
	}
}

// underWay returns what shares on their way to a plan mean for its clouds.
func underWay(tiers []TierPlan, clouds []CloudPlan) []CloudPlan {
	clouds = slices.Clone(clouds)
	for i := range clouds {
		c := &clouds[i]
		c.Load = load(tiers, c.Cloud)
		if c.Capacity > 0 {
			c.Utilization = c.Load / c.Capacity
			c.Desired = max(c.Desired, min(c.Load, c.Capacity)) // what carries load must not be taken away
		}
	}
	return clouds
}

// load is how many calls per second of all tiers go to a cloud.
func load(tiers []TierPlan, cloud string) (sum float64) {
	for _, t := range tiers {
		sum += t.admitted() * t.fraction(cloud)
	}
	return sum
}

// admitted is how many calls per second of the tier are not shed.
func (t TierPlan) admitted() float64 { return t.Demand * (1 - t.Shed) }
