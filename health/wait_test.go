package health

import (
	"testing"
	"time"
)

// TestQuantileOfSeveralTargets weighs them by their answers.
func TestQuantileOfSeveralTargets(t *testing.T) {
	tiers := []Objective{{Tier: "critical"}, {Tier: "batch"}}
	near, far := NewTarget(Settings{}, tiers, 0), NewTarget(Settings{}, tiers, 0)
	record := func(target *Target, n int, took time.Duration) {
		var e Endpoint
		target.SetEndpoints(0, []*Endpoint{&e})
		for range n {
			e.Begin(0)
			target.Record(&e, 0, time.Second, time.Second+took, Outcome{Kind: OK})
			e.End()
		}
	}
	record(near, 90, 10*time.Millisecond)
	record(far, 10, 50*time.Millisecond)
	for _, test := range []struct {
		tier int
		q    float64
		want time.Duration
		n    uint64
	}{
		{0, 0.90, 10 * time.Millisecond, 100},
		{0, 0.91, 50 * time.Millisecond, 100},
		{1, 0.5, 0, 0},
		{2, 0.5, 0, 0}, // there is no such tier
	} {
		got, n := QuantileOf([]*Target{near, far}, test.tier, test.q)
		if n != test.n || (got-test.want).Abs() > test.want/64 {
			t.Errorf("tier %d, %v: %v of %d, want %v of %d", test.tier, test.q, got, n, test.want, test.n)
		}
	}
}

// TestWaitedIsInTheQuantilesAlone: a wait that was cut off is a latency of at
// least that, and neither a good nor a bad outcome.
func TestWaitedIsInTheQuantilesAlone(t *testing.T) {
	target := NewTarget(Settings{}, []Objective{{Tier: "critical"}}, 0)
	var e Endpoint
	target.SetEndpoints(0, []*Endpoint{&e})
	for range 100 {
		target.Waited(0, time.Second, time.Second+30*time.Millisecond)
	}
	target.Waited(7, 0, time.Second) // there is no such tier
	target.Sweep(2*time.Second, 1)
	if got := target.Counts(); got != (Counts{}) {
		t.Errorf("counted: %+v", got)
	}
	if got := target.Quantile(0, 0.5); (got - 30*time.Millisecond).Abs() > time.Millisecond {
		t.Errorf("the median is %v", got)
	}
	target.Excuse(3 * time.Second)
	target.Waited(0, 2*time.Second, 20*time.Second) // this process stood still
	if got := target.Quantile(0, 1); got > time.Second {
		t.Errorf("the longest is %v", got)
	}
}
