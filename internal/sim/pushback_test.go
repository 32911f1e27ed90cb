package sim

import (
	"testing"
	"time"
)

// TestPushbackOfEverything lets the larger cloud push all calls back for 40 s, at
// configured capacities and at unknown ones. The other can carry everything, so that
// calls hardly fail once that is known, and the larger gets its share back.
func TestPushbackOfEverything(t *testing.T) {
	unraced(t)
	const from, until, last = 10 * time.Second, 50 * time.Second, 80 * time.Second
	for name, capacity := range map[string]float64{"unknown": 0, "configured": 2000} {
		t.Run("capacity "+name, func(t *testing.T) {
			forSeeds(t, 1, func(t *testing.T, seed uint64) {
				s := Scenario{
					Seed: seed, Duration: last, Clients: 5, Rate: 1000, Clouds: twoClouds(), Tiers: mixedTiers(),
					Faults: []Fault{{Kind: Pushback, Cloud: "onprem", Rate: 1, From: from, Until: until}},
				}
				if capacity > 0 {
					s.Instances = 5
				}
				for i := range s.Clouds {
					s.Clouds[i].Capacity = capacity
					s.Clouds[i].Server.RetryAfter = time.Second
				}
				r := simulate(t, s)
				logSamples(t, r)
				cut := r.Between(from+3*time.Second, until)
				for i, tier := range cut.Tiers {
					if tier.Failed+tier.Shed > tier.Offered/1000 {
						t.Errorf("%d of %d %s calls failed and %d were shed, 3 s after the pushback began",
							tier.Failed, tier.Offered, r.Tiers[i].Name, tier.Shed)
					}
				}
				wantShare(t, r, "onprem", from+3*time.Second, until, 0, 0.08)
				wantShare(t, r, "onprem", until+20*time.Second, last, 0.67, 0.73)
				wantAttempts(t, r)
			})
		})
	}
}
