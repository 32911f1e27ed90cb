package sim

import (
	"math"
	"slices"
	"testing"
	"time"
)

// TestReportsOfACrowd lets many clients follow load reports that are a second old,
// at a cloud that is preferred by weight and can't carry its part. They must not
// chase each other, nor leave some with much less than others; and who comes later
// gets its part.
func TestReportsOfACrowd(t *testing.T) {
	unraced(t)
	clients := 100
	if *times >= 2 {
		clients = 1000
	}
	const joined, last = 45 * time.Second, 80 * time.Second
	each := 9.0
	rate := each * float64(clients)
	reporting := tieredServer()
	r := simulate(t, Scenario{
		Seed: 1, Duration: last, Clients: clients, Instances: clients, Rate: rate, Tiers: mixedTiers(), Long: true, KeepClients: true,
		Groups: []Group{{Clients: clients / 100, From: joined}},
		Clouds: []Cloud{
			{Name: "onprem", Weight: 70, Endpoints: 5, Carries: 5 * float64(clients), Capacity: 5 * float64(clients), Server: reporting},
			{Name: "gcp", Weight: 30, Endpoints: 5, Carries: 6 * float64(clients), Capacity: 6 * float64(clients), Server: reporting},
		},
	})
	logSamples(t, r)
	var shares []float64
	for i := range r.Samples {
		s := &r.Samples[i]
		if s.From < 5*time.Second || s.Until > last {
			continue
		}
		for k := range s.Clouds {
			c := &s.Clouds[k]
			if most := 1.05 * c.Carries; float64(c.Attempts()) > most+3*math.Sqrt(most) {
				t.Errorf("%v: %d attempts at %s, which carries %.0f", s.Until, c.Attempts(), r.Clouds[k].Name, c.Carries)
			}
		}
		if s.From >= 30*time.Second && s.Until <= last {
			shares = append(shares, s.Clouds[0].Share)
		}
	}
	if swing := slices.Max(shares) - slices.Min(shares); swing > 0.05+6*math.Sqrt(0.25/rate) {
		t.Errorf("the share of onprem swings by %.1f points after 30 s", 100*swing)
	}
	for _, cloud := range r.Clouds {
		parts := r.Sent(cloud.Name, 35*time.Second, last)[:clients]
		least, most := float64(slices.Min(parts)), float64(slices.Max(parts))
		mean := 0.0
		for _, n := range parts {
			mean += float64(n) / float64(clients)
		}
		// Each client's calls are a Poisson process: of a thousand the luckiest has 3.3
		// standard deviations more, the unluckiest less.
		chance := 3.3 * math.Sqrt(mean)
		if most-chance > 2*(least+chance) {
			t.Errorf("clients sent from %.0f to %.0f calls to %s in 45 s", least, most, cloud.Name)
		}
		newcomers := r.Sent(cloud.Name, last-10*time.Second, last)[clients:]
		others := r.Sent(cloud.Name, last-10*time.Second, last)[:clients]
		if got, want := meanOf(newcomers), meanOf(others); got < want/2-3*math.Sqrt(want/float64(len(newcomers))) {
			t.Errorf("newcomers send %.0f calls to %s in the time in which others send %.0f", got, cloud.Name, want)
		}
	}
}

func meanOf(numbers []uint64) float64 {
	sum := 0.0
	for _, n := range numbers {
		sum += float64(n)
	}
	return sum / float64(len(numbers))
}
