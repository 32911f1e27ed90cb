package health

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestWindowEqualsARecount(t *testing.T) {
	type entry struct {
		second int64
		counts Counts
	}
	rapid.Check(t, func(t *rapid.T) {
		var w window
		var log []entry
		now := time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "start"))
		for range rapid.IntRange(1, 60).Draw(t, "adds") {
			now += time.Duration(rapid.Int64Range(0, int64(3*time.Second)).Draw(t, "passed"))
			if rapid.IntRange(0, 20).Draw(t, "gap") == 0 {
				now += 30 * time.Second
			}
			c := Counts{
				Begun: uint64(rapid.IntRange(0, 9).Draw(t, "begun")),
				OK:    uint64(rapid.IntRange(0, 9).Draw(t, "ok")),
				Bad:   uint64(rapid.IntRange(0, 9).Draw(t, "bad")),
			}
			w.add(now, c)
			log = append(log, entry{int64(now / time.Second), c})

			var want Counts
			for _, e := range log {
				if e.second > int64(now/time.Second)-windowSlots {
					want = want.plus(e.counts)
				}
			}
			if got := w.total(); got != want {
				t.Fatalf("total %+v, recounted %+v", got, want)
			}
			// The shortest run of at least two seconds that has enough.
			enough := uint64(rapid.IntRange(0, 50).Draw(t, "enough"))
			var recent Counts
			for back := range int64(windowSlots) {
				for _, e := range log {
					if e.second == int64(now/time.Second)-back {
						recent = recent.plus(e.counts)
					}
				}
				if back > 0 && recent.judged() >= enough {
					break
				}
			}
			if got := w.recent(enough); got != recent {
				t.Fatalf("recent(%d) = %+v, recounted %+v", enough, got, recent)
			}
		}
	})
}

// An endpoint without calls, of which a large service has many, has no slots.
func TestWindowOfNothing(t *testing.T) {
	var w window
	for second := range time.Duration(20) {
		w.add(second*windowSlot, Counts{})
	}
	if w.slots != nil || w.total() != (Counts{}) || w.recent(1) != (Counts{}) {
		t.Errorf("nothing counts as %+v", w.total())
	}
	w.add(100*windowSlot, Counts{Begun: 2, OK: 1})
	if want := (Counts{Begun: 2, OK: 1}); w.total() != want || w.recent(1) != want {
		t.Errorf("the first calls count as %+v", w.total())
	}
}
