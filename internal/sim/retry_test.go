package sim

import (
	"math"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/sla"
)

// TestBlackhole freezes a cloud that has most of 1,000 calls/s, or almost all.
// The retry budget pays for all that is lost there.
func TestBlackhole(t *testing.T) {
	for name, weights := range map[string][2]uint32{"share 0.70": {70, 30}, "share 0.95": {95, 5}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			forSeeds(t, 4, func(t *testing.T, seed uint64) {
				r := simulate(t, Scenario{
					Seed: seed, Duration: 45 * time.Second, Rate: 1000, Tiers: threeTiers(),
					Clouds: []Cloud{{Name: "onprem", Weight: weights[0]}, {Name: "gcp", Weight: weights[1]}},
					Faults: []Fault{{Kind: Freeze, Cloud: "onprem", From: 20 * time.Second, Until: 30 * time.Second}},
				})
				wantNoneFailed(t, r, "critical", "standard", "batch")
				wantAttempts(t, r)
			})
		})
	}
}

// TestStandby loses the cloud that a tier prefers. The standby earned no
// retries of its own, and gets them all the same: the budget is one for the
// service.
func TestStandby(t *testing.T) {
	tiers := threeTiers()[:1]
	tiers[0].Clouds = sla.Clouds{Prefer: []string{"onprem", "gcp"}}
	forSeeds(t, 4, func(t *testing.T, seed uint64) {
		const lost = 20 * time.Second
		r := simulate(t, Scenario{
			Seed: seed, Duration: 30 * time.Second, Rate: 1000, Clouds: twoClouds(), Tiers: tiers,
			Faults: []Fault{{Kind: Freeze, Cloud: "onprem", From: lost}},
		})
		wantShare(t, r, "gcp", time.Second, lost, 0.005, 0.015)
		wantNoneFailed(t, r, "critical")
		if n := r.Cloud("gcp").Retries.Sum(lost, lost+time.Second); n < 50 {
			t.Errorf("%d retries into the standby, want at least 50", n)
		}
	})
}

// TestAmplification asks for half as much again as all servers together can do,
// or lets every attempt fail, by one client and by 200 with few calls each. No
// cloud can help the other. Without a budget retries multiply the load that is
// already too much.
func TestAmplification(t *testing.T) {
	const (
		last = 20 * time.Second
		few  = 5.0 // calls per second
	)
	many := 200 / min(slowdown(), 4)
	for name, test := range map[string]struct {
		clients  int
		rate     float64
		overload bool // or errors
	}{
		"overload, one client":   {clients: 1, rate: 3000, overload: true},
		"overload, many clients": {clients: many, rate: few * float64(many), overload: true},
		"errors, one client":     {clients: 1, rate: few},
		"errors, many clients":   {clients: many, rate: few * float64(many)},
	} {
		s := Scenario{
			Duration: last, Clients: test.clients, Rate: test.rate, Unlimited: true, // what the budget does alone
			Clouds: []Cloud{{Name: "onprem", Weight: 1}, {Name: "gcp", Weight: 1}},
		}
		for i := range s.Clouds {
			c := &s.Clouds[i]
			if test.overload {
				c.Server = Server{Workers: 1, Queue: 4} // 100 requests per second and endpoint
				c.Endpoints = int(test.rate / 1.5 / 2 / 100)
			} else {
				s.Faults = append(s.Faults, Fault{Kind: Errors, Cloud: c.Name, Rate: 1})
			}
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			forSeeds(t, 1, func(t *testing.T, seed uint64) {
				s := s
				s.Seed = seed
				r := simulate(t, s)
				calls, _ := r.Calls()
				attempts := float64(r.Attempts())
				// Beside 10 % of the calls, each client has one retry in 10 s, the
				// bank of a service without calls, and that of its first second:
				// one retry for each call, of which chance may make more.
				limit := 1.1*float64(calls) + float64(s.Clients)*(0.1*r.Took.Seconds()+10) + s.Rate + 3*math.Sqrt(s.Rate)
				if attempts > limit || attempts < 0.9*limit {
					t.Errorf("%.0f attempts for %d calls, want almost %.0f", attempts, calls, limit)
				}
				var first, retries uint64 // once the bank is spent
				for _, c := range r.Clouds {
					first += c.First.Sum(last/2, last)
					retries += c.Retries.Sum(last/2, last)
				}
				t.Logf("attempts per call: %.3f, at most %.3f; %.3f in the second half",
					attempts/float64(calls), limit/float64(calls), 1+float64(retries)/float64(first))
				if s.Clients > 1 {
					return
				}
				s.Retry = failover.BudgetSettings{Fraction: 1, Floor: 1e6}
				r = simulate(t, s)
				calls, _ = r.Calls()
				without := float64(r.Attempts()) / float64(calls)
				if t.Logf("%.3f without a budget", without); without < 1.5 {
					t.Error("that is no more than with one: nothing was tested")
				}
			})
		})
	}
}

// TestNoResonance keeps one cloud of three in a bad way, but not bad enough to
// be taken down: 5 % of its answers are errors, and 10 % are late. Its share
// falls as planned and stays there, first attempts follow the plan although
// calls are retried, and retries follow the shares of the other clouds.
func TestNoResonance(t *testing.T) {
	clouds := []Cloud{{Name: "onprem", Weight: 70}, {Name: "gcp", Weight: 20}, {Name: "aws", Weight: 10}}
	for i := range clouds {
		clouds[i].Server.Service = Delay{Least: 5 * time.Millisecond, Spread: time.Millisecond}
	}
	clouds[0].Server.Service.Spread = 6 * time.Millisecond // 1.4 ms of network: 10 % take longer than 20 ms
	tiers := threeTiers()[:1]
	tiers[0].Objective.Latency = 20 * time.Millisecond
	forSeeds(t, 3, func(t *testing.T, seed uint64) {
		const settled, until, rate = 20 * time.Second, 80 * time.Second, 1000
		r := simulate(t, Scenario{
			Seed: seed, Duration: until, Rate: rate, Clouds: clouds, Tiers: tiers, KeepPlans: true,
			Faults: []Fault{{Kind: Errors, Cloud: "onprem", Rate: 0.05}},
		})
		planned := 0.0
		plan := shares(r.Plans[0], 0, "onprem", until)[settled/grain:]
		for _, share := range plan {
			planned += share / float64(len(plan))
		}
		const quality = 0.95 * 0.9
		if want := 0.7 * quality / (0.7*quality + 0.3); math.Abs(planned-want) > 0.015 {
			t.Errorf("the plan gives %.3f to a cloud of weight 0.7 and quality %.2f, want %.3f", planned, quality, want)
		}
		n := rate * (until - settled).Seconds()
		sigma := math.Sqrt(planned * (1 - planned) / n)
		if share := r.Share("onprem", settled, until); math.Abs(share-planned) > 5*sigma {
			t.Errorf("first attempts: share %.4f, planned %.4f ± %.4f", share, planned, sigma)
		}
		// Second by second the share varies as independent draws do, with a
		// variance of p(1−p)/1000: a χ² of 60 degrees of freedom, 60 ± 11. The
		// plan itself moves a little with the quality.
		chi := 0.0
		for at := settled; at < until; at += time.Second {
			d := r.Share("onprem", at, at+time.Second) - planned
			chi += d * d / (planned * (1 - planned) / rate)
		}
		if chi > 120 {
			t.Errorf("shares swing: χ² of 60 seconds is %.0f", chi)
		}
		gcp, aws := r.Cloud("gcp").Retries.Sum(settled, until), r.Cloud("aws").Retries.Sum(settled, until)
		if part := float64(gcp) / float64(gcp+aws); math.Abs(part-2.0/3) > 5*math.Sqrt(2.0/9/float64(gcp+aws)) {
			t.Errorf("retries at other clouds: %d and %d, want 2 to 1", gcp, aws)
		}
		t.Logf("planned %.3f, χ² %.0f, retries %d and %d", planned, chi, gcp, aws)
		wantNoneFailed(t, r, "critical")
		wantAttempts(t, r)
	})
}
