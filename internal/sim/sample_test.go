package sim

import (
	"math"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/sla"
)

// TestSamplesAddUp overloads a cloud that then falls: what the samples say is
// what totals say, and nothing is lost or counted twice.
func TestSamplesAddUp(t *testing.T) {
	tiers := []Tier{{Tier: sla.Tier{Name: "standard", Timeout: 300 * time.Millisecond, Objective: sla.Objective{Latency: 30 * time.Millisecond}}}}
	var watched []Sample
	s := Scenario{
		Seed: 1, Duration: 20 * time.Second, Rate: 600, Clouds: twoClouds(), Tiers: tiers, Unlimited: true,
		Faults: []Fault{{Kind: Crash, Cloud: "gcp", From: 10 * time.Second}},
		Watch:  func(s *Sample) { watched = append(watched, *s) },
	}
	for i := range s.Clouds {
		s.Clouds[i].Carries, s.Clouds[i].Endpoints = 250, 2
	}
	r := simulate(t, s)
	sum := r.Between(0, r.Took)
	tier, total := &sum.Tiers[0], &r.Tiers[0]
	if tier.Offered != total.Calls || tier.Failed != total.Failed || tier.Shed != total.Shed || tier.Good != total.Good {
		t.Errorf("samples sum up to %+v, totals are %v", *tier, r)
	}
	if tier.Admitted+tier.Shed != tier.Offered {
		t.Errorf("%d admitted and %d shed of %d", tier.Admitted, tier.Shed, tier.Offered)
	}
	if tier.Good+tier.Late+tier.Failed != tier.Admitted || tier.Late == 0 || tier.Failed == 0 {
		t.Errorf("%d good, %d late, %d failed of %d", tier.Good, tier.Late, tier.Failed, tier.Admitted)
	}
	attempts := uint64(0)
	for i := range sum.Clouds {
		c := &sum.Clouds[i]
		attempts += c.Attempts()
		if c.Attempts() != r.Clouds[i].Attempts || c.First != r.Clouds[i].First.Sum(0, time.Minute) {
			t.Errorf("%d attempts in samples of %s, %d in all", c.Attempts(), r.Clouds[i].Name, r.Clouds[i].Attempts)
		}
		if c.Arrived > c.Attempts() || c.Served > c.Arrived || c.Wasted > c.Served {
			t.Errorf("%d sent, %d arrived, %d served, %d for nobody", c.Attempts(), c.Arrived, c.Served, c.Wasted)
		}
	}
	if attempts != r.Attempts() {
		t.Errorf("%d attempts in samples, %d in all", attempts, r.Attempts())
	}
	if sum.Clouds[0].Wasted == 0 {
		t.Error("an overloaded server did nothing in vain: nothing was tested")
	}
	if len(watched) != len(r.Samples) || len(watched) < 20 {
		t.Errorf("%d samples were told, there are %d", len(watched), len(r.Samples))
	}
	half := r.Between(0, 10*time.Second).Clouds
	if share := half[0].Share + half[1].Share; math.Abs(share-1) > 1e-9 || half[0].Share < 0.5 {
		t.Errorf("shares are %.2f and %.2f", half[0].Share, half[1].Share)
	}
	if u := half[0].Utilization; u < 0.5 || u > 1 {
		t.Errorf("the larger cloud is busy for %.2f of the time", u)
	}
}

// TestLong keeps no series, and loses nothing else.
func TestLong(t *testing.T) {
	s := Scenario{Seed: 1, Duration: 10 * time.Second, Rate: 300, Clouds: twoClouds(), SampleEvery: 5 * time.Second}
	short := simulate(t, s)
	s.Long = true
	long := simulate(t, s)
	if short.String() != long.String() || len(long.Samples) != len(short.Samples) {
		t.Errorf("a long result says\n%vwant\n%v", long, short)
	}
	if len(long.Cloud("onprem").First) > 0 || len(long.Cloud("onprem").Endpoints[0]) > 0 {
		t.Error("there is a series")
	}
}
