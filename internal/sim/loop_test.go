package sim

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestLoopOrder compares the loop with a list: events run by time, then in the
// order in which they were set, and those that were stopped never.
func TestLoopOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type entry struct {
			at time.Duration
			id int
		}
		var l loop
		var want []entry
		var got []int
		var timers []timer
		times := rapid.SliceOfN(rapid.IntRange(0, 20), 0, 60).Draw(t, "times")
		for id, at := range times {
			at := time.Duration(at)
			want = append(want, entry{at, id})
			timers = append(timers, l.at(at, func() {
				if l.now != at {
					t.Errorf("an event of %v runs at %v", at, l.now)
				}
				got = append(got, id)
			}))
		}
		if len(times) > 0 {
			for _, id := range rapid.SliceOfN(rapid.IntRange(0, len(times)-1), 0, 30).Draw(t, "stopped") {
				l.stop(timers[id])
				l.stop(timers[id]) // twice is as good as once
				want = slices.DeleteFunc(want, func(e entry) bool { return e.id == id })
			}
		}
		slices.SortStableFunc(want, func(a, b entry) int { return int(a.at - b.at) })
		for l.step(20) {
		}
		if !slices.EqualFunc(want, got, func(e entry, id int) bool { return e.id == id }) {
			t.Errorf("events ran as %v, want %v", got, want)
		}
	})
}

// TestTimerOutlivesEvent stops a timer whose event ran and is used again: the
// other event is left alone.
func TestTimerOutlivesEvent(t *testing.T) {
	var l loop
	old := l.after(1, func() {})
	l.step(1)
	ran := false
	l.after(1, func() { ran = true })
	l.stop(old)
	l.stop(timer{})
	l.step(2)
	if !ran {
		t.Error("the old timer stopped the new event")
	}
}

// TestLoopUntil leaves events alone that are later than asked for, and runs
// those set for the past now.
func TestLoopUntil(t *testing.T) {
	var l loop
	l.at(10, func() { l.at(5, func() {}) })
	if l.step(9) || l.now != 0 {
		t.Errorf("an event of 10 ran by 9, now is %v", l.now)
	}
	ran := 0
	for l.step(100) {
		ran++
	}
	if ran != 2 || l.now != 10 {
		t.Errorf("%d events ran by %v, want 2 by 10ns", ran, l.now)
	}
}
