package histogram

import (
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestRingForgets(t *testing.T) {
	const span = time.Second
	for _, test := range []struct {
		name    string
		k       int
		advance []time.Duration // after the record at the start
		want    uint64
	}{
		{"at once", 3, nil, 1},
		{"within the window", 3, []time.Duration{span - 1}, 1},
		{"last window it is kept in", 3, []time.Duration{span, 2 * span, 3*span - 1}, 1},
		{"expired", 3, []time.Duration{span, 2 * span, 3 * span}, 0},
		{"kept over a gap", 3, []time.Duration{2 * span}, 1},
		{"expired by a gap", 3, []time.Duration{3 * span}, 0},
		{"expired by a long gap", 3, []time.Duration{1e6 * span}, 0},
		{"gaps add up", 3, []time.Duration{3 * span / 2, 3 * span}, 0},
		{"time goes back", 3, []time.Duration{span, -9 * span, span}, 1},
		{"one window", 1, []time.Duration{span}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			// The clock of a ring starts with the first call, whatever it says.
			const start = 1234567 * time.Second
			r := NewRing(test.k, span)
			r.Record(time.Millisecond)
			r.Advance(start)
			for _, at := range test.advance {
				r.Advance(start + at)
			}
			s := r.Snapshot()
			if got := s.Count(); got != test.want {
				t.Errorf("%d records are left, want %d", got, test.want)
			}
		})
	}
}

// A ring that is advanced often enough holds exactly the records of the
// windows that are not over for k−1 spans.
func TestRingEqualsRecount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const span = 100
		k := rapid.IntRange(1, 5).Draw(t, "k")
		steps := rapid.SliceOf(rapid.Int64Range(0, span*7)).Draw(t, "steps")
		r := NewRing(k, span)
		r.Advance(0)
		var now time.Duration
		var made []time.Duration
		for _, step := range steps {
			now += time.Duration(step)
			r.Advance(now)
			r.Record(time.Millisecond)
			made = append(made, now)

			var want uint64
			for _, at := range made {
				if now/span-at/span < time.Duration(k) {
					want++
				}
			}
			s := r.Snapshot()
			if got := s.Count(); got != want {
				t.Fatalf("at %d: %d records, want %d of those at %d", now, got, want, made)
			}
		}
	})
}

func TestZeroRingKeepsNothing(t *testing.T) {
	var r Ring
	r.Record(time.Second)
	r.Advance(0)
	r.Advance(time.Hour)
	if got := r.Quantile(1); got != 0 {
		t.Errorf("the longest is %v, want 0", got)
	}
}

func TestNewRingRefusesNonsense(t *testing.T) {
	for _, test := range []struct {
		k    int
		span time.Duration
	}{{0, time.Second}, {-1, time.Second}, {1, 0}, {1, -1}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("NewRing(%d, %v) does not panic", test.k, test.span)
				}
			}()
			NewRing(test.k, test.span)
		}()
	}
}

// While nothing is old enough to expire, moving to new windows under load
// loses no record.
func TestRingMovesOnUnderLoad(t *testing.T) {
	const goroutines, each, k = 4, 10_000, 16
	r := NewRing(k, time.Second)
	r.Advance(0)
	var recorders sync.WaitGroup
	for range goroutines {
		recorders.Go(func() {
			for range each {
				r.Record(time.Millisecond)
			}
		})
	}
	for i := range k {
		r.Advance(time.Duration(i) * time.Second)
		r.Quantile(0.5)
	}
	recorders.Wait()
	s := r.Snapshot()
	if got := s.Count(); got != goroutines*each {
		t.Errorf("%d records counted, want %d", got, goroutines*each)
	}
}
