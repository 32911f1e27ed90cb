package histogram

import (
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestZeroValuesAreEmpty(t *testing.T) {
	var h Histogram
	var s Snapshot
	s.Add(&h)
	if h.Count() != 0 || s.Count() != 0 || s.Quantile(0.5) != 0 {
		t.Errorf("counts %d and %d, median %v, want 0 for all", h.Count(), s.Count(), s.Quantile(0.5))
	}
}

// The oracle is the sorted list of what was recorded.
func TestQuantileIsTheOneOfThatRank(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		recorded := rapid.SliceOfN(durations(), 1, 200).Draw(t, "recorded")
		q := rapid.Float64Range(-0.1, 1.1).Draw(t, "q")
		var h Histogram
		for _, d := range recorded {
			h.Record(d)
		}
		var s Snapshot
		s.Add(&h)

		slices.Sort(recorded)
		rank := min(max(int(math.Ceil(q*float64(len(recorded)))), 1), len(recorded))
		exact := recorded[rank-1]
		if got, want := s.Quantile(q), middle(bucketOf(exact)); got != want {
			t.Fatalf("Quantile(%v) is %v, want %v for %v", q, got, want, exact)
		}
		if s.Count() != uint64(len(recorded)) || h.Count() != s.Count() {
			t.Fatalf("counts %d and %d, want %d", h.Count(), s.Count(), len(recorded))
		}
	})
}

func TestQuantileAtTheEdges(t *testing.T) {
	var h Histogram
	for i := range 4 {
		h.Record(time.Duration(i+1) * time.Second)
	}
	var s Snapshot
	s.Add(&h)
	for _, test := range []struct {
		q    float64
		want time.Duration
	}{
		{math.NaN(), time.Second},
		{math.Inf(-1), time.Second},
		{0, time.Second},
		{0.25, time.Second},
		{0.26, 2 * time.Second},
		{0.5, 2 * time.Second},
		{0.74, 3 * time.Second},
		{0.75, 3 * time.Second},
		{0.76, 4 * time.Second},
		{1, 4 * time.Second},
		{math.Inf(1), 4 * time.Second},
	} {
		if got, want := s.Quantile(test.q), middle(bucketOf(test.want)); got != want {
			t.Errorf("Quantile(%v) is %v, want %v", test.q, got, want)
		}
	}
}

func TestMergedEqualsRecordedInOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.SliceOf(durations()), 1, 5).Draw(t, "parts")
		var one Histogram
		var added, merged Snapshot
		for _, part := range parts {
			var h Histogram
			for _, d := range part {
				one.Record(d)
				h.Record(d)
			}
			added.Add(&h)
			var s Snapshot
			s.Add(&h)
			merged.Merge(&s)
		}
		var want Snapshot
		want.Add(&one)
		if added != want {
			t.Fatal("adding the parts differs from recording all in one")
		}
		if merged != want {
			t.Fatal("merging the parts differs from recording all in one")
		}
	})
}

func TestConcurrentRecordsAreAllCounted(t *testing.T) {
	const goroutines, each = 8, 10_000
	var h Histogram
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for i := range each {
				// Few buckets, so that they collide.
				h.Record(time.Duration(1+(g+i)%3) * time.Millisecond)
			}
		})
	}
	wg.Wait()
	if got := h.Count(); got != goroutines*each {
		t.Errorf("%d records counted, want %d", got, goroutines*each)
	}
}

func TestRecordAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	var h Histogram
	r := NewRing(2, time.Second)
	now := time.Duration(0)
	for _, test := range []struct {
		name string
		f    func()
	}{
		{"Histogram.Record", func() { h.Record(time.Millisecond) }},
		{"Ring.Record", func() { r.Record(time.Millisecond) }},
		{"Ring.Advance", func() { now += time.Second; r.Advance(now) }},
		{"Ring.Quantile", func() { r.Quantile(0.9) }},
	} {
		if got := testing.AllocsPerRun(100, test.f); got != 0 {
			t.Errorf("%s allocates %v times", test.name, got)
		}
	}
}

func BenchmarkRecord(b *testing.B) {
	var h Histogram
	for i := range b.N {
		h.Record(time.Duration(i&0xfffff) * 64)
	}
}

// The worst case is one bucket for all, the usual one a spread around a mode.
func BenchmarkRecordParallel(b *testing.B) {
	for _, bench := range []struct {
		name   string
		spread int
	}{{"one bucket", 0}, {"spread", 0xfffff}} {
		b.Run(bench.name, func(b *testing.B) {
			r := NewRing(2, time.Second)
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i += 7919 {
					r.Record(time.Millisecond + time.Duration(i&bench.spread)*64)
				}
			})
		})
	}
}

func BenchmarkRingQuantile(b *testing.B) {
	r := NewRing(2, time.Second)
	for i := range 10_000 {
		r.Record(time.Duration(i) * time.Microsecond)
	}
	for b.Loop() {
		r.Quantile(0.99)
	}
}
