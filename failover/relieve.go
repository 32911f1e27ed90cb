package failover

import "slices"

// crowded is how far above its capacity a cloud may be for an error of rounding.
const crowded = 1e-9

// relieve takes tiers that are on their way to want further on it, until no
// cloud has more than its capacity. The loads that want makes are within all
// capacities, and each is a linear function of how far the tiers have come. So
// the way that relieves a cloud is known exactly once all tiers that have too
// much there are on it.
//
// A cloud that gets what another loses may then have too much itself. But for
// the same tiers each round relieves a cloud for good, and a tier that has
// joined never leaves: the rounds are few, and bounded.
func relieve(tiers []TierPlan, want Plan) {
	urgent := make([]bool, len(tiers))
	for range (len(tiers) + 1) * (len(want.Clouds) + 1) {
		over := overloaded(tiers, want.Clouds)
		if len(over) == 0 {
			return
		}
		for i, t := range tiers {
			urgent[i] = urgent[i] || slices.ContainsFunc(over, func(c CloudPlan) bool {
				return t.fraction(c.Cloud) > want.Tiers[i].fraction(c.Cloud)
			})
		}
		part := 0.0
		for _, c := range over {
			relief := 0.0 // of the whole way
			for i, t := range tiers {
				if urgent[i] {
					relief += t.admitted() * (t.fraction(c.Cloud) - want.Tiers[i].fraction(c.Cloud))
				}
			}
			if excess := c.Load - c.Capacity; excess < relief {
				part = max(part, excess/relief)
			} else {
				part = 1
			}
		}
		for i := range tiers {
			if urgent[i] {
				approach(tiers[i].Shares, want.Tiers[i].Shares, part)
			}
		}
	}
	copy(tiers, want.Tiers)
}

// overloaded returns the clouds that get more than their capacity, with what
// they get.
func overloaded(tiers []TierPlan, clouds []CloudPlan) (over []CloudPlan) {
	for _, c := range clouds {
		c.Load = load(tiers, c.Cloud)
		if c.Capacity > 0 && c.Load > c.Capacity*(1+crowded) {
			over = append(over, c)
		}
	}
	return over
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
