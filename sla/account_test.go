package sla

import (
	"reflect"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Counting takes no lock and allocates nothing, and loses nothing.
func TestMeterIsExact(t *testing.T) {
	a := NewAccount(at)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range uint64(9000) {
				a.Count(Verdict(i%4), i/4+uint64(g))
			}
		})
	}
	now := at
	for range 100 { // meanwhile
		now = now.Add(time.Second)
		a.Sweep(now)
	}
	wg.Wait()
	a.Sweep(now)
	if got, want := a.Totals(), (Totals{Good: 8 * 2250, Bad: 8 * 4500, Shed: 8 * 2250}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, want := a.Counts(now, time.Hour), (Counts{Good: 8 * 2250, Bad: 8 * 4500}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestAllocMeter(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	var m Meter
	random := uint64(0)
	if n := testing.AllocsPerRun(1000, func() { m.Count(Good, random); random += 3 }); n != 0 {
		t.Errorf("%g allocations", n)
	}
	a, now := NewAccount(at), at
	a.Count(Good, 0)
	a.Sweep(now)
	if n := testing.AllocsPerRun(1000, func() {
		a.Count(Good, 0)
		now = now.Add(time.Second)
		a.Sweep(now)
		a.Standing(now, Objective{Target: 0.99, Window: hoursSpan})
	}); n != 0 {
		t.Errorf("a sweep and a look: %g allocations", n)
	}
}

// Calls of one core don't meet those of others in one counter: random bits
// spread them over all cells.
func TestMeterSpreads(t *testing.T) {
	var m Meter
	for i := range uint64(8000) {
		m.Count(Good, i*0x9e3779b97f4a7c15)
	}
	for i := range m.cells {
		if n := m.cells[i].good.Load(); n < 900 || n > 1100 {
			t.Errorf("cell %d has %d of 8000", i, n)
		}
	}
}

// A process whose clock was ahead when it saved, and is right now: nothing is
// lost, nothing counts twice, and the window rolls from then on.
func TestClockGoesBack(t *testing.T) {
	for _, ahead := range []time.Duration{time.Second, 90 * time.Second, 5 * time.Hour, 1000 * 24 * time.Hour} {
		wrong := at.Add(ahead)
		before := NewAccount(wrong)
		for range 100 {
			before.Count(Good, 0)
			before.Count(Bad, 0)
			before.Sweep(wrong)
			wrong = wrong.Add(time.Millisecond)
		}
		before.Sweep(wrong)
		after := NewAccount(at)
		after.Restore(before.Record(wrong), at)
		for _, window := range []time.Duration{time.Hour, 720 * time.Hour} {
			if got := after.Counts(at, window); got != (Counts{100, 100}) {
				t.Errorf("%v ahead, %v: %+v", ahead, window, got)
			}
			gone := at.Add(window + time.Hour)
			if got := after.Counts(gone, window); got != (Counts{}) {
				t.Errorf("%v ahead, %v: %+v never goes", ahead, window, got)
			}
		}
		// And what is counted next is counted beside it.
		after.Count(Bad, 0)
		after.Sweep(at.Add(time.Second))
		if got := after.Counts(at.Add(time.Second), time.Hour); got != (Counts{100, 101}) {
			t.Errorf("%v ahead: %+v", ahead, got)
		}
	}
}

// A clock that is ahead when a process starts is a long rest: what is too old for
// the window is gone, the rest stays.
func TestClockGoesForward(t *testing.T) {
	before := NewAccount(at)
	before.Count(Bad, 0)
	before.Sweep(at)
	for _, test := range []struct {
		ahead time.Duration
		want  Counts
	}{{time.Hour, Counts{0, 1}}, {719 * time.Hour, Counts{0, 1}}, {722 * time.Hour, Counts{}}} {
		now := at.Add(test.ahead)
		after := NewAccount(now)
		after.Restore(before.Record(now), now)
		if got := after.Counts(now, 720*time.Hour); got != test.want {
			t.Errorf("%v ahead: %+v, want %+v", test.ahead, got, test.want)
		}
	}
}

// The order and grouping of merges doesn't matter, and nothing changes what is
// merged with nothing.
func TestMergeLaws(t *testing.T) {
	draw := func(t *rapid.T, label string) Snapshot {
		s := Snapshot{At: at.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, label)) * time.Minute)}
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 3, rapid.ID).Draw(t, "names") {
			now := s.At.Add(-time.Duration(rapid.IntRange(0, 50*24*60).Draw(t, "age")) * time.Minute)
			a := NewAccount(now)
			for now.Before(s.At) {
				a.Count(Verdict(1+rapid.IntRange(0, 1).Draw(t, "bad")), 0)
				a.Sweep(now)
				now = now.Add(time.Duration(rapid.IntRange(1, 20*24*60).Draw(t, "pause")) * time.Minute)
			}
			a.Sweep(s.At)
			o := Objective{Target: rapid.Float64Range(0.1, 0.9).Draw(t, "target"), Window: time.Hour}
			s.Contracts = append(s.Contracts, ContractRecord{name, o, a.Record(s.At)})
			s.Tiers = append(s.Tiers, TierRecord{"api", name, o, a.Record(s.At)})
		}
		return s
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := draw(t, "a"), draw(t, "b"), draw(t, "c")
		want := Merge(a, b, c)
		for i, got := range []Snapshot{
			Merge(Merge(a, b), c), Merge(a, Merge(b, c)), Merge(c, b, a), Merge(Merge(b, c), Snapshot{}, a), Merge(Merge(a, c), b),
		} {
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("%d: got\n%+v\nwant\n%+v", i, got, want)
			}
		}
		if err := want.Validate(); err != nil {
			t.Fatal(err)
		}
	})
}
