package sim

import (
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/failover"
)

// TestWayBack brings a lost cloud back for 50 clients. Each of them, and all of
// them together, give it at most 10 points of share per second.
func TestWayBack(t *testing.T) {
	forSeeds(t, 2, func(t *testing.T, seed uint64) {
		r := simulate(t, Scenario{
			Seed: seed, Duration: 60 * time.Second, Clients: 50, Rate: 1500, Clouds: twoClouds(), Tiers: threeTiers(),
			Faults:    []Fault{{Kind: Crash, Cloud: "onprem", From: 10 * time.Second, Until: 20 * time.Second}},
			KeepPlans: true,
		})
		wantNoneFailed(t, r, "critical")
		wantShare(t, r, "onprem", 11*time.Second, 20*time.Second, 0, 0.01)
		wantShare(t, r, "onprem", 55*time.Second, 60*time.Second, 0.67, 0.73)
		for tier := range r.Tiers {
			sum := make([]float64, len(shares(r.Plans[0], tier, "onprem", r.Took)))
			for id, plans := range r.Plans {
				one := shares(plans, tier, "onprem", r.Took)
				if rise := steepest(one); rise > 0.1+1e-9 {
					t.Errorf("client %d, tier %s: %.2f points in a second", id, r.Tiers[tier].Name, 100*rise)
				}
				for i := range one {
					sum[i] += one[i] / float64(len(r.Plans))
				}
			}
			if rise := steepest(sum); rise > 0.1+1e-9 || rise < 0.02 {
				t.Errorf("all clients, tier %s: %.2f points in a second, want 2 to 10", r.Tiers[tier].Name, 100*rise)
			}
		}
	})
}

// grain is the distance of the points at which shares looks at plans: that of
// the controller's steps.
const grain = 50 * time.Millisecond

// shares returns the share of a cloud at each grain from 0 to until.
func shares(plans []PlanChange, tier int, cloud string, until time.Duration) []float64 {
	var all []float64
	next, share := 0, 0.0
	for at := time.Duration(0); at < until; at += grain {
		for ; next < len(plans) && plans[next].At <= at; next++ {
			share = fraction(plans[next].Plan.Tiers[tier], cloud)
		}
		all = append(all, share)
	}
	return all
}

func fraction(p failover.TierPlan, cloud string) float64 {
	for _, s := range p.Shares {
		if s.Cloud == cloud {
			return s.Fraction
		}
	}
	return 0
}

// steepest is the largest rise within a second, after the first plans.
func steepest(shares []float64) float64 {
	const second = int(time.Second / grain)
	largest := 0.0
	for i := second; i+second < len(shares); i++ {
		largest = max(largest, shares[i+second]-shares[i])
	}
	return largest
}
