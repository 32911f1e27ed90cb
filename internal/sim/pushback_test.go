package sim

import (
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/sla"
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

// TestSlowForOtherReasons lets a fifth of all answers take longer than promised, as
// after a release that is slower, and pushes most of the calls back for a second. What
// is shed for it is shed for a while, not for ever: load is not what makes answers slow.
func TestSlowForOtherReasons(t *testing.T) {
	unraced(t)
	const until, last = 12 * time.Second, 100 * time.Second
	for name, capacity := range map[string]float64{"unknown": 0, "configured": 1200} {
		t.Run("capacity "+name, func(t *testing.T) {
			s := Scenario{
				Seed: 1, Duration: last, Rate: 1000, Clouds: []Cloud{{Name: "onprem", Weight: 1, Capacity: capacity}},
				Tiers:  []Tier{{Tier: sla.Tier{Name: "standard", Timeout: time.Second, Objective: sla.Objective{Latency: 15 * time.Millisecond}}}},
				Faults: []Fault{{Kind: Pushback, Cloud: "onprem", Rate: 0.9, From: until - time.Second, Until: until}},
			}
			if capacity > 0 {
				s.Instances = 1
			}
			r := simulate(t, s)
			logSamples(t, r)
			if x := r.Between(5*time.Second, until-2*time.Second).Tiers[0]; x.Late < x.Offered/7 {
				t.Errorf("%d of %d calls are late, want a fifth: nothing was tested", x.Late, x.Offered)
			}
			if x := r.Between(until+2*time.Second, until+20*time.Second).Tiers[0]; x.Shed == 0 {
				t.Error("none were shed after the pushback: nothing was tested")
			}
			if x := r.Between(last-20*time.Second, last).Tiers[0]; x.Shed > 0 {
				t.Errorf("%d of %d calls are still shed, a minute after a second of pushback", x.Shed, x.Offered)
			}
		})
	}
}
