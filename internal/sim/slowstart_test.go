package sim

import (
	"testing"
	"time"
)

// TestSlowStart lets one endpoint of four come back after so long that nothing
// is held against it any more. It gets a small part of an equal one at first,
// and an equal one when its slow start of 10 s is over.
func TestSlowStart(t *testing.T) {
	forSeeds(t, 4, func(t *testing.T, seed uint64) {
		const lost, well, endpoints = 5 * time.Second, 50 * time.Second, 4
		clouds := twoClouds()
		clouds[0].Endpoints = endpoints
		r := simulate(t, Scenario{
			Seed: seed, Duration: 75 * time.Second, Rate: 1000, Clouds: clouds,
			Faults: []Fault{{Kind: Crash, Cloud: "onprem", Endpoints: 1, From: lost, Until: well}},
		})
		wantNoneFailed(t, r, "critical")
		all := r.Cloud("onprem").Endpoints
		back := well
		for back < well+10*time.Second && all[0].Sum(back, back+SeriesStep) == 0 {
			back += SeriesStep
		}
		// part is what the endpoint gets, relative to an equal part.
		part := func(from, until time.Duration) float64 {
			sum := uint64(0)
			for _, one := range all {
				sum += one.Sum(from, until)
			}
			return endpoints * float64(all[0].Sum(from, until)) / float64(sum)
		}
		if got := part(lost+5*time.Second, well); got != 0 {
			t.Errorf("%.2f of an equal part while it is out", got)
		}
		// The weight is 10 % in the first second. An endpoint that has less to do
		// than the others wins most comparisons, so that up to 20 % come of it.
		first, later := part(back, back+time.Second), part(back+11*time.Second, back+15*time.Second)
		if first < 0.05 || first > 0.4 {
			t.Errorf("%.2f of an equal part in the first second, want 0.1 to 0.2", first)
		}
		if later < 0.8 || later > 1.2 {
			t.Errorf("%.2f of an equal part after the slow start, want 1", later)
		}
		t.Logf("back at %v, %.2f of an equal part in the first second, %.2f after 11 s", back, first, later)
	})
}
