package sim

import (
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
)

// TestWayBack brings a lost cloud back for 25 clients. Each of them, and all of
// them together, give it at most 10 points of share per second.
func TestWayBack(t *testing.T) {
	forSeeds(t, 2, func(t *testing.T, seed uint64) {
		r := simulate(t, Scenario{
			Seed: seed, Duration: 60 * time.Second, Clients: 25, Rate: 750, Clouds: twoClouds(), Tiers: threeTiers(),
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

// TestUnprotectedTiersGoFirst brings a cloud back so slowly that the gate of
// 1 % lasts longer than protected tiers wait for others where there are none.
// As long as unprotected calls come, that gate lets through theirs only, and
// protected tiers stay behind them to the end.
func TestUnprotectedTiersGoFirst(t *testing.T) {
	const back = 15 * time.Second
	run := func(t *testing.T, seed uint64, tiers []Tier) (gate time.Duration, protected, other []float64) {
		clouds := twoClouds()
		clouds[0].Endpoints = 1 // little is probed, so that calls have to open the gate
		r := simulate(t, Scenario{
			Seed: seed, Duration: 40 * time.Second, Rate: 600 * float64(len(tiers)), Clouds: clouds, Tiers: tiers, KeepPlans: true,
			Health: health.Settings{Probe: health.Probe{Interval: 10 * time.Second}},
			Faults: []Fault{{Kind: Crash, Cloud: "onprem", From: 10 * time.Second, Until: back}},
		})
		wantNoneFailed(t, r, "critical")
		protected, other = shares(r.Plans[0], 0, "onprem", r.Took), shares(r.Plans[0], len(tiers)-1, "onprem", r.Took)
		for _, share := range other[back/grain:] {
			if share > 0 && share < 0.0071 { // 1 % of 70 %
				gate += grain
			}
		}
		return gate, protected[back/grain:], other[back/grain:]
	}
	forSeeds(t, 4, func(t *testing.T, seed uint64) {
		gate, protected, other := run(t, seed, threeTiers()[:2])
		if gate < 2200*time.Millisecond {
			t.Errorf("the gate of 1 %% lasted %v, want more than 2 s: nothing was tested", gate)
		}
		for i := range other {
			if other[i] < 0.0071 && protected[i] > 0 {
				t.Fatalf("%v after the return protected tiers have %.2f %% of the cloud, others %.2f %%",
					time.Duration(i)*grain, 100*protected[i], 100*other[i])
			}
			if protected[i] > other[i] {
				t.Fatalf("%v after the return protected tiers are before the others: %.2f %% and %.2f %%",
					time.Duration(i)*grain, 100*protected[i], 100*other[i])
			}
		}
		if last := len(protected) - 1; protected[last] < 0.65 {
			t.Errorf("protected tiers have %.2f of the cloud at the end, want 0.7", protected[last])
		}
		alone, _, _ := run(t, seed, threeTiers()[:1])
		if alone == 0 {
			t.Error("without unprotected tiers the gate of 1 % lets nobody through")
		}
		t.Logf("gate of 1 %%: %v with unprotected tiers, %v without", gate, alone)
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
