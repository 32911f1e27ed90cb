package sim

import (
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
)

// TestLostCloud loses the larger cloud under load in each of the ways there
// are. No protected call fails, and within a second hardly any goes there.
func TestLostCloud(t *testing.T) {
	for name, kind := range map[string]FaultKind{"crash": Crash, "freeze": Freeze, "cut": Cut} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			forSeeds(t, 4, func(t *testing.T, seed uint64) {
				const lost, back = 15 * time.Second, 30 * time.Second
				r := simulate(t, Scenario{
					Seed: seed, Duration: 60 * time.Second, Rate: 600, Clouds: twoClouds(), Tiers: threeTiers(),
					Faults: []Fault{{Kind: kind, Cloud: "onprem", From: lost, Until: back}},
				})
				wantNoneFailed(t, r, "critical")
				wantAttempts(t, r)
				wantShare(t, r, "onprem", 0, lost, 0.68, 0.72)
				wantShare(t, r, "onprem", lost+time.Second, back, 0, 0.01)
				wantShare(t, r, "onprem", back, back+2*time.Second, 0, 0.02)
				wantShare(t, r, "onprem", 55*time.Second, 60*time.Second, 0.67, 0.73)
			})
		})
	}
}

// TestLeastLoad loses the cloud of a client that has 20 calls/s into it, the
// least that the promise is made for.
func TestLeastLoad(t *testing.T) {
	for name, kind := range map[string]FaultKind{"crash": Crash, "freeze": Freeze} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			forSeeds(t, 20, func(t *testing.T, seed uint64) {
				r := simulate(t, Scenario{
					Seed: seed, Duration: 30 * time.Second, Rate: 20 / 0.7, Clouds: twoClouds(),
					Faults: []Fault{{Kind: kind, Cloud: "onprem", From: 15 * time.Second}},
				})
				wantNoneFailed(t, r, "critical")
			})
		})
	}
}

// TestTwoOfThreeLost loses two clouds of three, one after the other. The third
// carries everything.
func TestTwoOfThreeLost(t *testing.T) {
	clouds := append(twoClouds(), Cloud{Name: "aws", Weight: 20})
	forSeeds(t, 4, func(t *testing.T, seed uint64) {
		r := simulate(t, Scenario{
			Seed: seed, Duration: 40 * time.Second, Rate: 500, Clouds: clouds, Tiers: threeTiers(),
			Faults: []Fault{
				{Kind: Crash, Cloud: "onprem", From: 15 * time.Second},
				{Kind: Freeze, Cloud: "gcp", From: 20 * time.Second},
			},
		})
		wantNoneFailed(t, r, "critical")
		wantShare(t, r, "aws", 21*time.Second, 40*time.Second, 0.99, 1)
	})
}

// TestAllLostAtOnce loses all clouds at the same time: it may be us. The
// shares are held for 5 s, then the config decides.
func TestAllLostAtOnce(t *testing.T) {
	const lost = 15 * time.Second
	for _, panics := range []failover.Panic{failover.PanicSpread, failover.PanicFail} {
		t.Run(string(panics), func(t *testing.T) {
			t.Parallel()
			forSeeds(t, 4, func(t *testing.T, seed uint64) {
				r := simulate(t, Scenario{
					Seed: seed, Duration: 30 * time.Second, Rate: 500, Clouds: twoClouds(), KeepPlans: true,
					Failover: failover.Settings{Panic: panics},
					Faults: []Fault{
						{Kind: Crash, Cloud: "onprem", From: lost},
						{Kind: Crash, Cloud: "gcp", From: lost},
					},
				})
				held := firstPlan(t, r, failover.ReasonHeld)
				panicked := firstPlan(t, r, failover.ReasonPanic)
				if held.At < lost || held.At > lost+500*time.Millisecond {
					t.Errorf("held at %v, want within 0.5 s of %v", held.At, lost)
				}
				if d := panicked.At - held.At; d < 4900*time.Millisecond || d > 5200*time.Millisecond {
					t.Errorf("held for %v, want 5 s", d)
				}
				wantShare(t, r, "onprem", held.At, panicked.At, 0.66, 0.74)
				if panics == failover.PanicSpread {
					wantShare(t, r, "onprem", panicked.At, 30*time.Second, 0.66, 0.74)
				} else if n := r.Cloud("onprem").First.Sum(panicked.At+SeriesStep, 30*time.Second); n > 0 {
					t.Errorf("%d attempts although calls are to fail at once", n)
				}
			})
		})
	}
}

// firstPlan returns the first plan of client 0 that has a reason.
func firstPlan(t *testing.T, r *Result, reason failover.Reason) PlanChange {
	t.Helper()
	for _, p := range r.Plans[0] {
		for _, share := range p.Plan.Tiers[0].Shares {
			if share.Reason == reason {
				return p
			}
		}
	}
	t.Fatalf("no plan has the reason %q", reason)
	return PlanChange{}
}

// TestAllBack loses all clouds at once and brings them back. Nothing keeps
// calls from succeeding then: the trigger is gone, so is the trouble.
func TestAllBack(t *testing.T) {
	for _, panics := range []failover.Panic{failover.PanicSpread, failover.PanicFail} {
		t.Run(string(panics), func(t *testing.T) {
			t.Parallel()
			forSeeds(t, 4, func(t *testing.T, seed uint64) {
				scenario := Scenario{
					Seed: seed, Duration: 60 * time.Second, Rate: 500, Clouds: twoClouds(),
					Failover: failover.Settings{Panic: panics},
				}
				for _, cloud := range scenario.Clouds {
					scenario.Faults = append(scenario.Faults, Fault{
						Kind: Freeze, Cloud: cloud.Name, From: 15 * time.Second, Until: 25 * time.Second,
					})
				}
				r := simulate(t, scenario)
				wantShare(t, r, "onprem", 55*time.Second, 60*time.Second, 0.66, 0.74)
				if s := r.Tiers[0].FailedAt.Sum(30*time.Second, 61*time.Second); s > 0 {
					t.Errorf("%d calls failed although all clouds have been back for 5 s", s)
				}
			})
		})
	}
}

// TestNothingHealthy freezes all clouds, until long after the hold that asks whether
// it is us. Then calls fail at once or are spread evenly, and 2 s after the clouds
// are back calls are served.
func TestNothingHealthy(t *testing.T) {
	const from, until = 10 * time.Second, 25 * time.Second
	for _, panics := range []failover.Panic{failover.PanicSpread, failover.PanicFail} {
		t.Run(string(panics), func(t *testing.T) {
			forSeeds(t, 3, func(t *testing.T, seed uint64) {
				s := Scenario{Seed: seed, Duration: 40 * time.Second, Rate: 500, Failover: failover.Settings{Panic: panics}}
				for _, name := range []string{"onprem", "gcp"} {
					s.Clouds = append(s.Clouds, Cloud{Name: name, Weight: 1})
					s.Faults = append(s.Faults, Fault{Kind: Freeze, Cloud: name, From: from, Until: until})
				}
				r := simulate(t, s)
				lost := r.Between(from+7*time.Second, until)
				attempts := lost.Clouds[0].Attempts() + lost.Clouds[1].Attempts()
				switch panics {
				case failover.PanicFail:
					if attempts > 0 {
						t.Errorf("%d attempts at clouds that are lost", attempts)
					}
					if lost.Tiers[0].Failed < lost.Tiers[0].Offered*99/100 {
						t.Errorf("%d of %d calls failed at once", lost.Tiers[0].Failed, lost.Tiers[0].Offered)
					}
				case failover.PanicSpread:
					if share := lost.Clouds[0].Share; share < 0.45 || share > 0.55 {
						t.Errorf("the share of onprem is %.2f", share)
					}
				}
				after := r.Between(until+2*time.Second, s.Duration).Tiers[0]
				if after.Good < after.Offered*99/100 {
					t.Errorf("from 2 s after the clouds are back %d of %d calls are good", after.Good, after.Offered)
				}
			})
		})
	}
}

// TestFlapping makes a cloud come and go each second for a minute. It is left
// alone most of the time.
func TestFlapping(t *testing.T) {
	for name, kind := range map[string]FaultKind{"crash": Crash, "freeze": Freeze} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			forSeeds(t, 6, func(t *testing.T, seed uint64) {
				const from, until = 15 * time.Second, 75 * time.Second
				r := simulate(t, Scenario{
					Seed: seed, Duration: 150 * time.Second, Rate: 500, Clouds: twoClouds(), Tiers: threeTiers(),
					Faults: Flapping(Fault{Kind: kind, Cloud: "onprem", From: from, Until: until}, time.Second, time.Second),
				})
				wantNoneFailed(t, r, "critical")
				wantAttempts(t, r)
				changes := map[string]int{}
				for _, c := range r.Changes {
					if c.At >= from && c.At < until {
						changes[c.Cloud]++
					}
				}
				if changes["onprem"] == 0 || changes["onprem"] > 6 || changes["gcp"] > 0 {
					t.Errorf("changes of state in a minute: %v, want 1 to 6 of onprem and none of gcp", changes)
				}
				last := r.Changes[len(r.Changes)-1]
				if last.Cloud != "onprem" || last.To != health.Healthy {
					t.Errorf("the cloud didn't come back for good: %v", last)
				}
			})
		})
	}
}
