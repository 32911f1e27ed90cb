package sim

import (
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/internal/histogram"
)

// hedgingTier hedges at most 2 % of its calls.
func hedgingTier(hedge float64) []Tier {
	tiers := threeTiers()[:1]
	tiers[0].Hedge = hedge
	tiers[0].Timeout = 10 * time.Second
	return tiers
}

// tailed has two clouds in which one answer in a hundred takes 100 times as long.
func tailed(hedge float64) Scenario {
	s := Scenario{Duration: 90 * time.Second, Rate: 1000, Clouds: twoClouds(), Tiers: hedgingTier(hedge)}
	for i := range s.Clouds {
		s.Clouds[i].Server.Service = Delay{Least: 5 * time.Millisecond, Spread: 2 * time.Millisecond, TailPart: 0.01, TailFactor: 100}
		s.Clouds[i].Server.Workers = 1000
	}
	return s
}

func latency(r *Result, q float64) time.Duration {
	var s histogram.Snapshot
	s.Add(&r.Tiers[0].Latency)
	return s.Quantile(q)
}

// hedgesPerCall is that of a part of the time.
func hedgesPerCall(r *Result, from, until time.Duration) float64 {
	hedges := uint64(0)
	for _, c := range r.Clouds {
		hedges += c.Hedges.Sum(from, until)
	}
	return float64(hedges) / (1000 * (until - from).Seconds())
}

// TestHedgingCutsTheTail, where one answer in a hundred takes 100 times as long: the
// 99.9th percentile falls to a tenth, for at most 2 % more attempts ("The Tail at
// Scale" had 1,800 ms fall to 74 ms for 2 %).
func TestHedgingCutsTheTail(t *testing.T) {
	forSeeds(t, 2, func(t *testing.T, seed uint64) {
		plain, hedged := tailed(0), tailed(0.02)
		plain.Seed, hedged.Seed = seed, seed
		// The same without the attempts that are cut at four times the usual p99.
		plain.Tiers[0].Attempts = 1
		without, with := simulate(t, plain), simulate(t, hedged)
		a, b := latency(without, 0.999), latency(with, 0.999)
		per := float64(with.Attempts()) / float64(with.Tiers[0].Calls)
		t.Logf("p99.9 %v without, %v with hedges, %.1f times less, for %.2f %% more attempts; p99 %v and %v",
			a, b, float64(a)/float64(b), 100*(per-1), latency(without, 0.99), latency(with, 0.99))
		if b > a/10 {
			t.Errorf("p99.9 is %v with hedges, %v without", b, a)
		}
		if per > 1.02 {
			t.Errorf("%.4f attempts per call", per)
		}
		wantNoneFailed(t, with, "critical")
		wantSteady(t, with)
	})
}

// TestHedgingStopsByItself where it can't help, and comes back when it can: when both
// clouds become ten times slower, the answers that take long anyway included, and
// when all servers together have too much to do.
func TestHedgingStopsByItself(t *testing.T) {
	unraced(t)
	const (
		from, settled = 20 * time.Second, 23 * time.Second
		over          = 50 * time.Second
		back, until   = 62 * time.Second, 90 * time.Second // nothing is remembered of before
	)
	slow := func(s *Scenario, factor float64) {
		for _, c := range s.Clouds {
			s.Faults = append(s.Faults, Fault{Kind: Slow, Cloud: c.Name, From: from, Until: over, Factor: factor})
		}
	}
	for name, change := range map[string]func(*Scenario){
		"two slow clouds": func(s *Scenario) { slow(s, 10) },
		"overload": func(s *Scenario) {
			for i := range s.Clouds {
				// 20 endpoints with two workers of 14 ms each: 2,900 calls per second,
				// and four tenths of what comes from then on.
				s.Clouds[i].Server.Workers = 2
				s.Clouds[i].Server.Queue = 50
			}
			slow(s, 7)
		},
	} {
		t.Run(name, func(t *testing.T) {
			forSeeds(t, 2, func(t *testing.T, seed uint64) {
				s := tailed(0.02)
				s.Seed = seed
				change(&s)
				r := simulate(t, s)
				before, onset := hedgesPerCall(r, 10*time.Second, from), hedgesPerCall(r, from, settled)
				during, after := hedgesPerCall(r, settled, over), hedgesPerCall(r, back, until)
				t.Logf("hedges per call: %.4f before, %.4f at first, %.4f then, %.4f after it", before, onset, during, after)
				if during > 0.0002 {
					t.Error("they don't stop")
				}
				if onset > 0.02*(5+3)/3 { // what was saved up in 5 s, and what was earned in these 3
					t.Error("too many until they stop")
				}
				if before < 0.01 || after < 0.01 {
					t.Error("there are none where they help")
				}
			})
		})
	}
}

// TestHedgesLeaveASlowCloud, but don't go there.
func TestHedgesLeaveASlowCloud(t *testing.T) {
	unraced(t)
	forSeeds(t, 2, func(t *testing.T, seed uint64) {
		s := tailed(0.02)
		s.Seed, s.Duration = seed, 40*time.Second
		s.Faults = []Fault{{Kind: Slow, Cloud: "gcp", From: 20 * time.Second, Factor: 10}}
		r := simulate(t, s)
		to, well := r.Cloud("gcp").Hedges.Sum(23*time.Second, s.Duration), r.Cloud("onprem").Hedges.Sum(23*time.Second, s.Duration)
		t.Logf("%d hedges to the slow cloud, %d to the other", to, well)
		if 10*to > well || well < 50 {
			t.Error("they go to the wrong cloud")
		}
	})
}
