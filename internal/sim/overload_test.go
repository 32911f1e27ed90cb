package sim

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/sla"
)

// TestLostAtPeak loses the larger cloud while the other has half of what is
// needed and grows 20 s later.
func TestLostAtPeak(t *testing.T) {
	unraced(t)
	const lost, ready = 10 * time.Second, 31 * time.Second
	forSeeds(t, 1, func(t *testing.T, seed uint64) {
		r := simulate(t, Scenario{
			Seed: seed, Duration: 45 * time.Second, Clients: 20, Instances: 20, Rate: 4000, Tiers: mixedTiers(),
			Clouds: []Cloud{
				{Name: "onprem", Weight: 70, Carries: 4000, Capacity: 4000, Server: tieredServer()},
				{
					Name: "gcp", Weight: 30, Carries: 2000, Capacity: 2000, Ceiling: 8000, Server: tieredServer(),
					Autoscaler: &Autoscaler{Lag: 20 * time.Second},
				},
			},
			Faults: []Fault{{Kind: Freeze, Cloud: "onprem", From: lost}},
		})
		logSamples(t, r)
		if c := r.Tier("critical"); c.Good != c.Calls {
			t.Errorf("%d of %d critical calls weren't good: %d failed, %d shed", c.Calls-c.Good, c.Calls, c.Failed, c.Shed)
		}
		wantShare(t, r, "onprem", lost+time.Second, r.Took, 0, 0.01)
		for tier, name := range []string{"critical", "standard", "batch"} {
			if s := r.Between(ready+5*time.Second, r.Took).Tiers[tier].Shed; s > 0 {
				t.Errorf("%d calls of tier %s were shed although there has been capacity for 5 s", s, name)
			}
		}
		waiting := r.Between(lost+2*time.Second, ready-time.Second)
		if standard, batch := waiting.Tiers[1], waiting.Tiers[2]; batch.Shed < batch.Offered*9/10 || standard.Shed > standard.Offered*6/10 {
			t.Errorf("until there is capacity, %d of %d standard and %d of %d batch calls were shed: want half of the former and the latter first",
				standard.Shed, standard.Offered, batch.Shed, batch.Offered)
		}
		standard, batch := lastShed(r, 1), lastShed(r, 2)
		if standard > batch {
			t.Errorf("standard was last shed at %v, batch at %v: want standard back first", standard, batch)
		}
		wantAttempts(t, r)
	})
}

// lastShed is the end of the last sample in which more than 1 % of a tier's calls
// were shed.
func lastShed(r *Result, tier int) time.Duration {
	last := time.Duration(0)
	for _, s := range r.Samples {
		if x := s.Tiers[tier]; x.Shed > x.Offered/100 {
			last = s.Until
		}
	}
	return last
}

// TestSpill offers 1,500 calls per second to a cloud for 1,000 that is preferred:
// the rest goes to the others by weight.
func TestSpill(t *testing.T) {
	tiers := []Tier{{Tier: sla.Tier{Name: "standard", Timeout: time.Second, Clouds: sla.Clouds{Prefer: []string{"onprem"}}}}}
	for _, clients := range []int{1, 20} {
		t.Run(fmt.Sprintf("%d clients", clients), func(t *testing.T) {
			r := simulate(t, Scenario{
				Seed: 1, Duration: 40 * time.Second, Clients: clients, Instances: clients, Rate: 1500, Tiers: tiers,
				Clouds: []Cloud{
					{Name: "onprem", Weight: 1, Capacity: 1000}, {Name: "gcp", Weight: 1}, {Name: "aws", Weight: 3},
				},
			})
			sum := r.Between(10*time.Second, 40*time.Second)
			for i, want := range []float64{1000, 125, 375} {
				got := float64(sum.Clouds[i].First) / 30
				if math.Abs(got-want) > 0.05*1000 {
					t.Errorf("%.0f calls per second to %s, want %.0f ± 50", got, r.Clouds[i].Name, want)
				}
			}
			if r.Tiers[0].Shed > 0 || r.Tiers[0].Failed > 0 {
				t.Errorf("%d shed, %d failed", r.Tiers[0].Shed, r.Tiers[0].Failed)
			}
		})
	}
}

// TestMetastable makes both clouds ten times slower for 20 s at 80 % of what they
// carry. Servers go on with work that nobody waits for any more. Without caps their
// queues, which callers and their retries keep full, keep them busy for nothing long
// after: the trouble outlasts its cause by minutes.
func TestMetastable(t *testing.T) {
	unraced(t)
	const from, until = 10 * time.Second, 30 * time.Second
	const last = until + 35*time.Second
	scenario := func(seed uint64, unlimited bool) Scenario {
		s := Scenario{
			Seed: seed, Duration: last, Rate: 1600, Instances: 1, Unlimited: unlimited,
			Tiers: []Tier{{Tier: sla.Tier{Name: "standard", Timeout: time.Second, Attempts: 3}}},
		}
		for i, cloud := range twoClouds() {
			cloud.Weight, cloud.Endpoints, cloud.Carries, cloud.Capacity = 1, 2, 1000, 1000
			cloud.Server = Server{Queue: 10_000}
			s.Clouds = append(s.Clouds, cloud)
			s.Faults = append(s.Faults, Fault{Kind: Slow, Cloud: s.Clouds[i].Name, Factor: 10, From: from, Until: until})
		}
		return s
	}
	goodput := func(r *Result) float64 {
		sum := r.Between(until+30*time.Second, last).Tiers[0]
		return float64(sum.Good) / float64(sum.Offered)
	}
	forSeeds(t, 6, func(t *testing.T, seed uint64) {
		r := simulate(t, scenario(seed, false))
		logSamples(t, r)
		if got := goodput(r); got < 0.95 {
			t.Errorf("30 s after the trouble %.0f %% of the calls are good, want 95 %%", 100*got)
		}
		if seed > 1 {
			return // once is enough
		}
		r = simulate(t, scenario(seed, true))
		if got := goodput(r); got > 0.5 {
			t.Errorf("without caps %.0f %% of the calls are good: nothing was tested", 100*got)
		}
	})
}

// TestSurvivor loses one of two clouds that have 75 % to do, for a minute. The
// other can't carry all, and must not break down. (A client with fewer calls waits longer
// for the 20 good answers of the first gate.)
func TestSurvivor(t *testing.T) {
	unraced(t)
	const lost, back = 10 * time.Second, 70 * time.Second
	forSeeds(t, 1, func(t *testing.T, seed uint64) {
		r := simulate(t, Scenario{
			Seed: seed, Duration: 95 * time.Second, Clients: 3, Instances: 3, Rate: 3000, Tiers: mixedTiers(),
			Clouds: []Cloud{
				{Name: "onprem", Weight: 1, Endpoints: 2, Carries: 2000, Capacity: 2000, Server: tieredServer()},
				{Name: "gcp", Weight: 1, Endpoints: 2, Carries: 2000, Capacity: 2000, Server: tieredServer()},
			},
			Faults: []Fault{{Kind: Crash, Cloud: "onprem", From: lost, Until: back}},
		})
		logSamples(t, r)
		if c := r.Tier("critical"); c.Good != c.Calls {
			t.Errorf("%d of %d critical calls weren't good: %d failed, %d shed", c.Calls-c.Good, c.Calls, c.Failed, c.Shed)
		}
		alone := r.Between(lost+2*time.Second, back)
		if served := float64(alone.Clouds[1].Served) / 58; served < 0.93*2000 {
			t.Errorf("the survivor served %.0f calls per second, want 2000 less 7 %%", served)
		}
		after := r.Between(back+10*time.Second, 95*time.Second)
		for i, tier := range after.Tiers {
			if tier.Good < tier.Offered*99/100 {
				t.Errorf("10 s after its return %d of %d %s calls are good", tier.Good, tier.Offered, r.Tiers[i].Name)
			}
		}
		wantShare(t, r, "onprem", back+10*time.Second, back+15*time.Second, 0.45, 0.55)
		wantAttempts(t, r)
	})
}

// TestOverload offers four times what a cloud carries. The cloud must not see it,
// and the same customers wait until midnight, when others do.
func TestOverload(t *testing.T) {
	unraced(t)
	for _, by := range []string{"config", "reports", "pushback"} {
		t.Run("capacity known by "+by, func(t *testing.T) {
			const carries, midnight, last = 1000.0, 40 * time.Second, 70 * time.Second
			s := Scenario{
				Seed: 1, Duration: last, Clients: 10, Rate: 4 * carries, Midnight: midnight,
				Tiers: []Tier{{Tier: sla.Tier{Name: "standard", Timeout: time.Second}, Customers: 400}},
				Clouds: []Cloud{{
					Name: "onprem", Weight: 1, Endpoints: 2, Carries: carries, Server: Server{RetryAfter: time.Second, Cap: 4},
				}},
			}
			switch by {
			case "config":
				s.Instances, s.Clouds[0].Capacity = 10, carries
			case "reports":
				s.Clouds[0].Server.Report = time.Second
			}
			r := simulate(t, s)
			logSamples(t, r)
			sum := r.Between(5*time.Second, last)
			seen, good := float64(sum.Clouds[0].Arrived)/65, float64(sum.Tiers[0].Good)/65
			if seen > 1.2*carries || good < 0.95*carries {
				t.Errorf("the cloud sees %.0f calls per second and %.0f are good; it carries %.0f", seen, good, carries)
			}
			// 400 customers with 10 calls/s each: three of four wait, always the same.
			var today, tomorrow, both, split int
			for _, c := range r.Tiers[0].Customers {
				waits := func(from, until time.Duration) bool {
					part := float64(c.Shed.Sum(from, until)) / float64(c.Calls.Sum(from, until))
					if part > 0.2 && part < 0.8 {
						split++
					}
					return part > 0.5
				}
				before, after := waits(10*time.Second, midnight), waits(midnight+5*time.Second, last)
				if before {
					today++
				}
				if after {
					tomorrow++
				}
				if before && after {
					both++
				}
			}
			if today < 250 || today > 350 || tomorrow < 250 || tomorrow > 350 {
				t.Errorf("%d of 400 customers wait today, %d tomorrow, want about 300", today, tomorrow)
			}
			// What is found out by trying is never quite the same.
			if most := map[string]int{"config": 60, "reports": 160, "pushback": 160}[by]; split > most {
				t.Errorf("%d times a customer waited with part of its calls", split)
			}
			if by := float64(both) / float64(today); by > 0.85 {
				t.Errorf("%.0f %% of those who wait today wait tomorrow, want 75 %%", 100*by)
			}
		})
	}
}

// TestSlowAlikeEverywhere makes all answers fourteen times slower, as when both
// clouds call a third party that is slow. They still come in time, and no cloud has
// too much to do: nobody is to be shed for it.
func TestSlowAlikeEverywhere(t *testing.T) {
	unraced(t)
	forSeeds(t, 4, func(t *testing.T, seed uint64) {
		s := Scenario{Seed: seed, Duration: 45 * time.Second, Rate: 3000, Clouds: twoClouds(), Tiers: threeTiers()}
		s.Tiers[2].Timeout = 0 // nor is that one without a deadline
		for _, cloud := range s.Clouds {
			s.Faults = append(s.Faults, Fault{Kind: Slow, Cloud: cloud.Name, Factor: 14, From: 10 * time.Second, Until: 30 * time.Second})
		}
		r := simulate(t, s)
		logSamples(t, r)
		for i := range r.Tiers {
			tier := &r.Tiers[i]
			if tier.Shed > 0 || tier.Failed*2000 > tier.Calls {
				t.Errorf("%d of %d %s calls were shed, %d failed", tier.Shed, tier.Calls, tier.Name, tier.Failed)
			}
		}
	})
}
