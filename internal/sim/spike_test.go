package sim

import (
	"fmt"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/sla"
)

// mixedTiers are 20 % critical calls, 50 % standard and 30 % batch.
func mixedTiers() []Tier {
	tiers := threeTiers()
	for i, part := range []float64{0.2, 0.5, 0.3} {
		tiers[i].Part = part
		tiers[i].Objective = sla.Objective{Latency: 300 * time.Millisecond}
	}
	return tiers
}

// TestSpike quadruples the calls at once, onto an own data centre that can't grow
// and a cloud whose new nodes are ready later. Nobody turns a knob. A thousand
// clients have few calls each: so have 200 of a fifth of the world, which takes a
// fifth of the time.
func TestSpike(t *testing.T) {
	unraced(t)
	for _, test := range []struct {
		clients   int
		endpoints int // of each cloud
		lag       time.Duration
		long      bool
	}{
		{clients: 20, endpoints: 10, lag: 10 * time.Second},
		{clients: 20, endpoints: 10, lag: 20 * time.Second},
		{clients: 20, endpoints: 10, lag: 30 * time.Second},
		{clients: 200, endpoints: 2, lag: 10 * time.Second},
		{clients: 1000, endpoints: 10, lag: 10 * time.Second, long: true},
		{clients: 1000, endpoints: 10, lag: 20 * time.Second, long: true},
		{clients: 1000, endpoints: 10, lag: 30 * time.Second, long: true},
	} {
		t.Run(fmt.Sprintf("%d clients, ready after %v", test.clients, test.lag), func(t *testing.T) {
			if test.long {
				onlyLong(t)
			}
			forSeeds(t, 1, func(t *testing.T, seed uint64) { spike(t, seed, test.clients, test.endpoints, test.lag) })
		})
	}
}

// spike runs a world of so many endpoints in each cloud, a tenth of which is for each.
func spike(t *testing.T, seed uint64, clients, endpoints int, lag time.Duration) {
	const at = 10 * time.Second
	ready := at + lag
	size := float64(endpoints) / 10
	before, peak := 4000*size, 16000*size
	r := simulate(t, Scenario{
		Seed: seed, Duration: ready + 10*time.Second, Clients: clients, Instances: clients,
		Demand: Steps(Point{0, before}, Point{at, peak}), Tiers: mixedTiers(), Long: true,
		Clouds: []Cloud{
			{Name: "onprem", Weight: 70, Endpoints: endpoints, Carries: 4000 * size, Capacity: 4000 * size, Server: tieredServer()},
			{
				Name: "gcp", Weight: 30, Endpoints: endpoints, Carries: 2000 * size, Capacity: 2000 * size, Ceiling: 16000 * size, Server: tieredServer(),
				Growth: []Point{{ready, 16000 * size}},
			},
		},
	})
	logSamples(t, r)
	critical := r.Tier("critical")
	if critical.Good != critical.Calls {
		t.Errorf("%d of %d critical calls weren't good: %d failed, %d shed", critical.Calls-critical.Good, critical.Calls, critical.Failed, critical.Shed)
	}
	shed := uint64(0) // by clients, or by servers until there was no attempt left
	for _, tier := range r.Between(at, ready).Tiers {
		shed += tier.Shed + tier.Failed
	}
	missing := (peak - 6000*size) * lag.Seconds()
	if float64(shed) > 1.05*missing {
		t.Errorf("%d calls were shed while capacity for %.0f was missing", shed, missing)
	}
	for i, tier := range r.Between(ready+5*time.Second, r.Took).Tiers {
		if tier.Shed > 0 || tier.Failed > tier.Offered/100 {
			t.Errorf("from 5 s after readiness on, %d of %d %s calls were shed, and %d were pushed back by servers to the end",
				tier.Shed, tier.Offered, r.Tiers[i].Name, tier.Failed)
		}
	}
	wantAttempts(t, r)
}

// tieredServer reports its load once a second and sheds by tier, as servers with
// fairlead's middleware do.
func tieredServer() Server {
	return Server{Report: time.Second, Cap: 4, RetryAfter: time.Second, Queue: 1024}
}

// logSamples tells what happened second by second.
func logSamples(t *testing.T, r *Result) {
	for i := range r.Samples {
		s := &r.Samples[i]
		line := fmt.Sprintf("%4.0fs", s.Until.Seconds())
		for _, x := range s.Tiers {
			line += fmt.Sprintf(" | %5d shed %5d late %4d failed %4d p99 %4dms", x.Offered, x.Shed, x.Late, x.Failed, x.P99.Milliseconds())
		}
		for _, c := range s.Clouds {
			line += fmt.Sprintf(" | %4.1f%% %5d+%4d of %.0f, refused %d, u %.2f", 100*c.Share, c.First, c.Retries, c.Carries, c.Refused, c.Utilization)
		}
		t.Log(line)
	}
}
