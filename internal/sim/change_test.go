package sim

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/failover"
)

func at(d time.Duration) time.Time { return Epoch.Add(d) }

// migration moves calls to a new cloud in the course of a day, of which an hour
// lasts half a minute.
const (
	shiftFrom = 30 * time.Second
	shiftRamp = 12 * time.Minute
)

func migration() failover.Change {
	return failover.Change{
		ID: "migration", Kind: failover.KindShift, Start: at(shiftFrom), Ramp: shiftRamp,
		From: map[string]uint32{"onprem": 100, "gcp": 0}, Weights: map[string]uint32{"onprem": 30, "gcp": 70},
	}
}

// TestShiftOverADay moves 70 % of the calls to a cloud that had none. No call fails.
func TestShiftOverADay(t *testing.T) {
	forSeeds(t, 1, func(t *testing.T, seed uint64) {
		r := simulate(t, Scenario{
			Seed: seed, Duration: shiftFrom + shiftRamp + time.Minute, Rate: 100, Clients: 2, Clouds: twoClouds(), Tiers: threeTiers(),
			Planned: []failover.Change{migration()},
		})
		wantNoneFailed(t, r, "critical", "standard", "batch")
		wantShare(t, r, "gcp", 0, shiftFrom, 0, 0)
		half := shiftFrom + shiftRamp/2
		wantShare(t, r, "gcp", half-10*time.Second, half+10*time.Second, 0.32, 0.38)
		wantShare(t, r, "gcp", shiftFrom+shiftRamp+5*time.Second, r.Took, 0.68, 0.72)
	})
}

// TestShiftToAFailingCloud moves calls to a cloud of whose answers 5 % are errors.
// Every client rolls back by itself, long before a tenth of the budget of 30 days
// is spent.
func TestShiftToAFailingCloud(t *testing.T) {
	forSeeds(t, 1, func(t *testing.T, seed uint64) {
		const clients = 2
		tiers := threeTiers()
		tiers[0].Objective.Target = 0.9995
		r := simulate(t, Scenario{
			Seed: seed, Duration: shiftFrom + shiftRamp + time.Minute, Rate: 200, Clients: clients, Clouds: twoClouds(), Tiers: tiers,
			Planned: []failover.Change{migration()},
			Faults:  []Fault{{Kind: Errors, Cloud: "gcp", Rate: 0.05, From: 0, Until: time.Hour}},
		})
		aborted := 0
		for _, m := range r.Moves {
			if m.Change.State == failover.ChangeAborted {
				aborted++
			}
		}
		if aborted != clients {
			t.Errorf("%d of %d clients rolled back", aborted, clients)
		}
		wantShare(t, r, "gcp", r.Took-3*time.Minute, r.Took, 0, 0)
		for i := range r.Tiers {
			tier := &r.Tiers[i]
			// The budget is that of 30 days at the rate of these minutes.
			target := tiers[i].Objective.Target
			if target == 0 {
				target = 0.999
			}
			budget := (1 - target) * float64(tier.Calls) * float64(720*time.Hour) / float64(r.Took)
			if spent := float64(tier.Failed) / budget; spent > 0.1 {
				t.Errorf("tier %s spent %.1f %% of its budget: %d of %d calls failed", tier.Name, 100*spent, tier.Failed, tier.Calls)
			}
		}
	})
}

// TestClockIsSet sets all clocks by an hour in the middle of a drill. Nothing
// changes but what the calendar says.
func TestClockIsSet(t *testing.T) {
	const from, until = 30 * time.Second, 90 * time.Second
	for name, jump := range map[string]time.Duration{"forward": time.Hour, "back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			drill := failover.Change{ID: "drill", Kind: failover.KindDrill, Cloud: "gcp", Start: at(from), End: at(until)}
			if jump > 0 {
				drill.End = at(until + jump) // an end that the jump doesn't pass
			}
			r := simulate(t, Scenario{
				Seed: 1, Duration: 3 * time.Minute, Rate: 200, Clouds: twoClouds(), Tiers: threeTiers(),
				Planned: []failover.Change{drill}, Clock: []ClockJump{{At: time.Minute, By: jump}},
			})
			wantNoneFailed(t, r, "critical", "standard", "batch")
			wantShare(t, r, "gcp", from+time.Second, until, 0, 0)
			wantShare(t, r, "gcp", 2*time.Minute+10*time.Second, 3*time.Minute, 0.28, 0.32)
			if len(r.Moves) != 2 || r.Moves[1].Change.Report.Outcome != failover.Succeeded {
				t.Errorf("%v", r.Moves)
			}
		})
	}
}

// TestDrillUnderLoad drains a cloud at several clients. Each ends it by the clock,
// and none loses a call.
func TestDrillUnderLoad(t *testing.T) {
	forSeeds(t, 1, func(t *testing.T, seed uint64) {
		r := simulate(t, Scenario{
			Seed: seed, Duration: 2 * time.Minute, Rate: 300, Clients: 3, Clouds: twoClouds(), Tiers: threeTiers(),
			Planned: []failover.Change{{ID: "drill", Kind: failover.KindDrill, Cloud: "onprem", Start: at(20 * time.Second), End: at(80 * time.Second)}},
		})
		wantNoneFailed(t, r, "critical", "standard", "batch")
		wantShare(t, r, "onprem", 21*time.Second, 80*time.Second, 0, 0)
		wantShare(t, r, "onprem", 110*time.Second, 2*time.Minute, 0.67, 0.73)
		reports := 0
		for _, m := range r.Moves {
			if report := m.Change.Report; report != nil {
				reports++
				if report.Outcome != failover.Succeeded || report.RTO > time.Second {
					t.Errorf("%v", report)
				}
			}
		}
		if reports != 3 {
			t.Errorf("%d reports", reports)
		}
	})
}

// TestDrillOfSmallClients drains a cloud at clients that make few calls, so that a
// second with half as many more is no rarity. None takes that for a lack of capacity.
func TestDrillOfSmallClients(t *testing.T) {
	forSeeds(t, 2, func(t *testing.T, seed uint64) {
		const clients = 4
		clouds := twoClouds()
		clouds[0].Capacity, clouds[1].Capacity = 200, 60
		r := simulate(t, Scenario{
			Seed: seed, Duration: 6 * time.Minute, Rate: 40, Clients: clients, Instances: clients, Clouds: clouds,
			Planned: []failover.Change{{ID: "drill", Kind: failover.KindDrill, Cloud: "onprem", Start: at(30 * time.Second), End: at(5 * time.Minute)}},
		})
		wantNoneFailed(t, r, "critical")
		succeeded := 0
		for _, m := range r.Moves {
			if m.Change.State == failover.ChangeEnded && m.Change.Report.Outcome == failover.Succeeded {
				succeeded++
			} else if m.Change.State != failover.ChangeRunning {
				t.Error(m)
			}
		}
		if succeeded != clients {
			t.Errorf("%d of %d clients ended it", succeeded, clients)
		}
	})
}

// TestRandomFaultsAndChanges lets things go wrong and be moved for 10 minutes, and
// looks at what must hold. One cloud of three may be struck at a time, and one be
// out by plan: what is left has the capacity.
//
//	go test ./internal/sim -run RandomFaultsAndChanges -sim.times=500 -timeout 90m   # 1,000 runs
func TestRandomFaultsAndChanges(t *testing.T) {
	forSeeds(t, 2, func(t *testing.T, seed uint64) {
		const length, quiet = 10 * time.Minute, 7 * time.Minute // nothing happens after quiet
		rnd := rand.New(rand.NewPCG(seed, 77))
		clients := 1 + rnd.IntN(5)/4
		clouds := []Cloud{{Name: "onprem", Weight: 50}, {Name: "gcp", Weight: 30}, {Name: "aws", Weight: 20}}
		name := func() string { return clouds[rnd.IntN(len(clouds))].Name }
		between := func(least, most time.Duration) time.Duration {
			return least + time.Duration(rnd.Float64()*float64(most-least))
		}
		s := Scenario{
			Seed: seed, Duration: length, Rate: 120 * float64(clients), Clients: clients, Clouds: clouds, Tiers: threeTiers(), KeepPlans: true,
			Failover: failover.Settings{ChangeInterval: time.Second},
		}
		soft := false // errors and slowness may cost calls; loss must not
		for from := between(20*time.Second, time.Minute); ; {
			until := from + between(2*time.Second, 40*time.Second)
			if until > quiet {
				break
			}
			f := Fault{Kind: FaultKind(rnd.IntN(5)), Cloud: name(), From: from, Until: until, Rate: 0.05 + 0.9*rnd.Float64(), Factor: 2 + 30*rnd.Float64()}
			if rnd.IntN(3) == 0 {
				f.Endpoints = 1 + rnd.IntN(5)
			}
			soft = soft || f.Kind == Errors || f.Kind == Slow
			s.Faults = append(s.Faults, f)
			from = until + between(45*time.Second, 90*time.Second)
		}
		for from, i := between(10*time.Second, time.Minute), 0; ; i++ {
			until := from + between(10*time.Second, 90*time.Second)
			if until > quiet {
				break
			}
			c := failover.Change{ID: string(rune('a' + i)), Start: at(from), End: at(until)}
			switch rnd.IntN(3) {
			case 0:
				c.Kind, c.Cloud = failover.KindDrain, name()
			case 1:
				c.Kind, c.Cloud = failover.KindDrill, name()
			default:
				c.Kind, c.Weights = failover.KindShift, map[string]uint32{name(): uint32(1 + rnd.IntN(200))}
			}
			if rnd.IntN(2) == 0 {
				c.Ramp = time.Duration(rnd.Float64() * 0.9 * float64(until-from))
			}
			s.Planned = append(s.Planned, c)
			from = until + between(45*time.Second, 90*time.Second)
		}
		if rnd.IntN(4) == 0 {
			s.Clock = []ClockJump{{At: between(time.Minute, quiet), By: -time.Hour}}
		}
		r := simulate(t, s)
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("faults %+v\nplanned %+v\nclock %+v", s.Faults, s.Planned, s.Clock)
			}
		})
		wantAttempts(t, r)
		if !soft {
			wantNoneFailed(t, r, "critical")
		}
		wantSoundPlans(t, r)
		if len(s.Clock) == 0 { // else a change may come again by the calendar
			wantShare(t, r, "onprem", length-30*time.Second, length, 0.46, 0.54)
			wantShare(t, r, "aws", length-30*time.Second, length, 0.17, 0.23)
		}
		for i := range r.Tiers {
			if n := r.Tiers[i].FailedAt.Sum(length-time.Minute, length); n > 0 {
				t.Errorf("%d calls of tier %s failed in the last minute", n, r.Tiers[i].Name)
			}
		}
	})
}

// wantSoundPlans checks that shares sum to 1 and that nothing is sent where
// nothing may be.
func wantSoundPlans(t *testing.T, r *Result) {
	t.Helper()
	for client, plans := range r.Plans {
		for _, p := range plans {
			for _, tier := range p.Plan.Tiers {
				sum := 0.0
				for _, s := range tier.Shares {
					sum += s.Fraction
					if s.Fraction < -1e-9 || s.Fraction > 0 && (s.Reason == failover.ReasonDrained || s.Reason == failover.ReasonDown) {
						t.Fatalf("client %d at %v: tier %s sends %v", client, p.At, tier.Tier, s)
					}
				}
				if !tier.Fail && math.Abs(sum-1) > 1e-6 || tier.Fail {
					t.Fatalf("client %d at %v: the shares of tier %s sum to %v: %v", client, p.At, tier.Tier, sum, tier.Shares)
				}
			}
		}
	}
}
