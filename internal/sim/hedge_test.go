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

// attemptsPerCall is that of calls that began in a part of the time.
func attemptsPerCall(r *Result, from, until time.Duration) float64 {
	first, retries := uint64(0), uint64(0)
	for _, c := range r.Clouds {
		first += c.First.Sum(from, until)
		retries += c.Retries.Sum(from, until)
	}
	return 1 + float64(retries)/float64(first)
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

// TestHedgingStopsByItself where it can't help: when both clouds become ten times
// slower, and when all servers together have too much to do.
func TestHedgingStopsByItself(t *testing.T) {
	unraced(t)
	const from, settled, until = 20 * time.Second, 35 * time.Second, 60 * time.Second
	for name, change := range map[string]func(*Scenario){
		"two slow clouds": func(s *Scenario) {
			for _, c := range s.Clouds {
				s.Faults = append(s.Faults, Fault{Kind: Slow, Cloud: c.Name, From: from, Factor: 10})
			}
		},
		"overload": func(s *Scenario) {
			for i := range s.Clouds {
				// 20 endpoints with two workers of 7 ms each: 5,700 calls per second,
				// and a fifth of it from then on.
				s.Clouds[i].Server.Workers = 2
				s.Clouds[i].Server.Queue = 50
				s.Faults = append(s.Faults, Fault{Kind: Slow, Cloud: s.Clouds[i].Name, From: from, Factor: 7})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			forSeeds(t, 2, func(t *testing.T, seed uint64) {
				s := tailed(0.02)
				s.Seed, s.Duration = seed, until
				for i := range s.Clouds {
					s.Clouds[i].Server.Service.TailPart = 0
				}
				change(&s)
				with := simulate(t, s)
				s.Tiers = hedgingTier(0)
				without := simulate(t, s)
				onset := [2]float64{attemptsPerCall(with, from, settled), attemptsPerCall(without, from, settled)}
				after := [2]float64{attemptsPerCall(with, settled, until), attemptsPerCall(without, settled, until)}
				t.Logf("attempts per call with and without hedges: %.4f at first, %.4f when settled", onset, after)
				// Of retries there may be more or fewer: pushback makes them, and the budget
				// is the same.
				if onset[0] > onset[1]+0.035 || after[0] > after[1]+0.025 || after[0] > 1.1 {
					t.Error("too many")
				}
			})
		})
	}
}
