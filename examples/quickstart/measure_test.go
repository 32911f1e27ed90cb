package main

import (
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/fairlead-go/fairlead/health"
)

// steadily returns one attempt per millisecond from 0 to until, every n-th of
// them at gcp and the others at onprem until the fault, all at gcp from then on
// but for those at the times listed.
func steadily(until, fault time.Duration, stray ...time.Duration) record {
	var r record
	for at := time.Duration(0); at < until; at += time.Millisecond {
		cloud := "onprem"
		if at/time.Millisecond%10 < 3 || at >= fault && !slices.Contains(stray, at) {
			cloud = "gcp"
		}
		r.attempts = append(r.attempts, attempt{began: at, cloud: cloud})
	}
	return r
}

func TestTiers(t *testing.T) {
	var r record
	for i := 1; i <= 100; i++ {
		r.calls = append(r.calls, call{ended: time.Duration(i) * time.Second, took: time.Duration(101-i) * time.Millisecond, tier: critical, failed: i == 7})
	}
	r.calls = append(r.calls, call{ended: 200 * time.Second, took: time.Hour, tier: "batch"})
	got := r.tiers(0, 101*time.Second)
	want := []tierFigures{
		{tier: critical, calls: 100, failed: 1, p50: 50 * time.Millisecond, p99: 99 * time.Millisecond},
		{tier: "standard"},
		{tier: "batch"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if s := got[0].success(); s != 0.99 {
		t.Errorf("success is %v, want 0.99", s)
	}
	if s := got[1].success(); s != 1 {
		t.Errorf("success without calls is %v, want 1", s)
	}
}

func TestEvacuated(t *testing.T) {
	const ms = time.Millisecond
	for _, test := range []struct {
		name  string
		fault time.Duration
		stray []time.Duration
		after time.Duration
		ok    bool
	}{
		{"at once", 500 * ms, nil, 0, true},
		{"in the first slice", 500 * ms, []time.Duration{509 * ms}, 50 * ms, true},
		{"one stray attempt is 2 % of its slice", 500 * ms, []time.Duration{508 * ms, 777 * ms}, 300 * ms, true},
		{"to the end", 500 * ms, []time.Duration{999 * ms}, 500 * ms, false},
		{"no fault", 2000 * ms, nil, 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := steadily(1000*ms, test.fault, test.stray...)
			after, ok := r.evacuated("onprem", min(test.fault, 500*ms), 1000*ms)
			if ok != test.ok || ok && after != test.after {
				t.Errorf("got %v, %v; want %v, %v", after, ok, test.after, test.ok)
			}
		})
	}
}

func TestDetected(t *testing.T) {
	r := record{changes: []change{
		{at: 1 * time.Second, cloud: "onprem", to: health.Down},
		{at: 5 * time.Second, cloud: "gcp", to: health.Down},
		{at: 6 * time.Second, cloud: "onprem", to: health.Degraded},
		{at: 7 * time.Second, cloud: "onprem", to: health.Down},
	}}
	if after, ok := r.detected("onprem", 4*time.Second, 9*time.Second); !ok || after != 3*time.Second {
		t.Errorf("got %v, %v; want 3s, true", after, ok)
	}
	if after, ok := r.detected("onprem", 4*time.Second, 7*time.Second); ok {
		t.Errorf("got %v before it happened", after)
	}
}

func TestRiseIsThatOfOneSecond(t *testing.T) {
	r := steadily(4*time.Second, 2*time.Second) // falls, doesn't rise
	if rise := r.rise("onprem", 4*time.Second); rise != 0 {
		t.Errorf("rise is %v, want 0", rise)
	}
	if rise := r.rise("gcp", 4*time.Second); rise < 0.69 || rise > 0.71 {
		t.Errorf("rise is %v, want 0.7", rise)
	}
}

// Every attempt of a window belongs to one cloud.
func TestSharesSumToOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r record
		for _, step := range rapid.SliceOf(rapid.IntRange(0, 30)).Draw(t, "steps") {
			last := time.Duration(0)
			if n := len(r.attempts); n > 0 {
				last = r.attempts[n-1].began
			}
			r.attempts = append(r.attempts, attempt{
				began: last + time.Duration(step)*time.Millisecond,
				cloud: rapid.SampledFrom([]string{"onprem", "gcp"}).Draw(t, "cloud"),
			})
		}
		from := time.Duration(rapid.IntRange(0, 300).Draw(t, "from")) * time.Millisecond
		to := time.Duration(rapid.IntRange(0, 300).Draw(t, "to")) * time.Millisecond
		sum := 0.0
		for share := range maps.Values(r.shares(from, to)) {
			sum += share
		}
		want := 0.0
		if len(r.begun(from, to)) > 0 {
			want = 1
		}
		if diff := sum - want; diff > 1e-9 || diff < -1e-9 {
			t.Fatalf("shares sum to %v, want %v", sum, want)
		}
	})
}
