package sim

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"
)

// crowd is 1,000 clients that lose a cloud for 10 s. (Fewer under the race
// detector.)
func crowd(seed uint64, last time.Duration) Scenario {
	clients := 1000 / slowdown()
	clouds := twoClouds()
	for i := range clouds {
		clouds[i].Endpoints = 3
	}
	return Scenario{
		Seed: seed, Duration: last, Clients: clients, Rate: 3 * float64(clients), Clouds: clouds,
		Faults: []Fault{{Kind: Crash, Cloud: "onprem", From: 8 * time.Second, Until: 18 * time.Second}},
	}
}

// TestCrowd runs 1,000 clients for 32 s, each with three calls a second.
// That is too few for one client to know soon, but the calls don't fail for it.
func TestCrowd(t *testing.T) {
	forSeeds(t, 1, func(t *testing.T, seed uint64) {
		began := time.Now()
		r := simulate(t, crowd(seed, 32*time.Second))
		t.Logf("%v of %d clients in %v", r.Took, 1000/slowdown(), time.Since(began).Round(100*time.Millisecond))
		wantNoneFailed(t, r, "critical")
		wantAttempts(t, r)
		wantShare(t, r, "onprem", 0, 8*time.Second, 0.69, 0.71)
		wantShare(t, r, "onprem", 13*time.Second, 18*time.Second, 0, 0.01)
	})
}

// TestReplay runs scenarios twice: the same seed gives the same result to the
// last change of state, another one another.
func TestReplay(t *testing.T) {
	scenario := func(seed uint64) Scenario {
		return Scenario{
			Seed: seed, Duration: 20 * time.Second, Clients: 5, Rate: 300, Clouds: twoClouds(), Tiers: threeTiers(), KeepPlans: true,
			Faults: Flapping(Fault{Kind: Freeze, Cloud: "gcp", From: 5 * time.Second, Until: 15 * time.Second}, time.Second, time.Second),
		}
	}
	run := func(seed uint64) []byte {
		data, err := json.Marshal(simulate(t, scenario(seed)))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	first, again, other := run(1), run(1), run(2)
	if !bytes.Equal(first, again) {
		t.Error("the same seed gave different results")
	}
	if bytes.Equal(first, other) {
		t.Error("different seeds gave the same result")
	}
}

func TestBadScenario(t *testing.T) {
	for name, s := range map[string]Scenario{
		"no clouds":     {},
		"no such cloud": {Clouds: twoClouds(), Faults: []Fault{{Cloud: "aws"}}},
		"too many":      {Clouds: twoClouds(), Faults: []Fault{{Cloud: "gcp", Endpoints: 11}}},
	} {
		if _, err := Run(s); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// BenchmarkCrowd reports how many times faster than real time 1,000 clients
// run.
func BenchmarkCrowd(b *testing.B) {
	const last = 20 * time.Second
	for b.Loop() {
		if _, err := Run(crowd(1, last)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(last.Seconds()*float64(b.N)/b.Elapsed().Seconds(), "virtual-s/s")
}
