package failover

import (
	"fmt"
	"math"
	"testing"
	"time"
)

func TestDrillSucceeds(t *testing.T) {
	b := newBench(t)
	b.set(drill("weekly", "a", monday.Add(time.Minute), 10*time.Minute))
	b.run(time.Minute - benchStep)
	b.want()
	b.run(2 * time.Minute)
	b.want("1m0s weekly running")
	if b.drained("a") != 1 {
		t.Errorf("drained %v", b.drained("a"))
	}
	b.run(10 * time.Minute)
	b.want("11m0s weekly ended")
	r := b.last.Report
	if r == nil || r.Outcome != Succeeded || r.RTO != benchStep || r.PeakBurn != 0 || r.Tiers[0].Calls != 10*60*20*35 {
		t.Errorf("report %+v", r)
	}
	if !r.Began.Equal(monday.Add(time.Minute)) || !r.Ended.Equal(monday.Add(11*time.Minute)) {
		t.Errorf("from %v to %v", r.Began, r.Ended)
	}
}

// A client that comes in the middle of a ramp is where the others are.
func TestRampIsJoined(t *testing.T) {
	b := newBench(t)
	c := drill("weekly", "a", monday.Add(-3*time.Minute), 20*time.Minute)
	c.Ramp = 10 * time.Minute
	b.set(c)
	b.run(benchStep)
	if got := b.drained("a"); got != 0.3 {
		t.Errorf("drained %v at first", got)
	}
	b.run(2 * time.Minute)
	if got := b.drained("a"); math.Abs(got-0.5) > 0.001 {
		t.Errorf("drained %v after 2 min", got)
	}
	b.run(5*time.Minute + time.Second)
	if got := b.drained("a"); got != 1 {
		t.Errorf("drained %v at the end", got)
	}
}

// However the clock is set while a change is in force, it goes on: its ramp, and
// its end at the latest when it was to be. Only the calendar's end comes earlier.
func TestWallClockJumps(t *testing.T) {
	c := drill("weekly", "a", monday, 2*time.Hour)
	c.Ramp = 20 * time.Minute
	for _, test := range []struct {
		name string
		jump time.Duration
		ends string
	}{
		{"forward", time.Hour, "1h0m0.05s weekly ended"}, // by the calendar
		{"back", -time.Hour, "2h0m0.05s weekly ended"},   // by its duration
		{"beyond the end", 2 * time.Hour, "10m0.05s weekly ended"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			b.set(c)
			b.run(10 * time.Minute)
			b.want("50ms weekly running")
			before := b.drained("a")
			if math.Abs(before-0.5) > 0.002 {
				t.Errorf("drained %v", before)
			}
			b.wall = b.wall.Add(test.jump)
			b.run(benchStep)
			if test.name != "beyond the end" && math.Abs(b.drained("a")-before) > 0.002 {
				t.Errorf("the ramp went from %v to %v", before, b.drained("a"))
			}
			b.run(time.Hour)
			if test.jump < time.Hour && b.drained("a") != 1 {
				t.Errorf("drained %v", b.drained("a"))
			}
			b.run(3 * time.Hour) // the clock that was set back comes by the start again
			b.want(test.ends)
		})
	}
	t.Run("before the start", func(t *testing.T) {
		b := newBench(t)
		late := c
		late.Start, late.End = monday.Add(time.Hour), monday.Add(2*time.Hour)
		b.set(late)
		b.wall = b.wall.Add(-time.Hour)
		b.run(2 * time.Hour)
		b.want("2h0m0s weekly running") // the calendar says when
	})
	t.Run("in a burn", func(t *testing.T) {
		b := newBench(t)
		b.set(c)
		b.run(10 * time.Minute)
		b.bad = 1
		b.run(10 * time.Second)
		b.wall = b.wall.Add(-time.Hour)
		b.news = nil
		b.run(29 * time.Minute)
		// 20 bad calls/s among 720 for t − 600 s, of 700 calls/s for t: the burn is
		// 14.4 at t = 804.1 s, whatever the clock says.
		b.want("13m24.1s weekly aborted")
	})
}

func TestRepeatedDrillGoesOn(t *testing.T) {
	b := newBench(t)
	c := drill("hourly", "a", monday, 10*time.Minute)
	c.Repeat = time.Hour
	b.set(c)
	b.run(time.Minute)
	b.told(b.agenda.Resume(b.now, b.wall, "a", "resumed"))
	if b.drained("a") != 0 || b.last.Report.Outcome != Interrupted {
		t.Errorf("drained %v, report %+v", b.drained("a"), b.last.Report)
	}
	b.run(time.Hour)
	b.want("50ms hourly running", "1m0s hourly cancelled", "1h0m0s hourly running")
	if _, err := b.agenda.Cancel(b.now, b.wall, "hourly", "cancelled"); err != nil {
		t.Fatal(err)
	}
	b.run(2 * time.Hour)
	b.want()
	if _, err := b.agenda.Cancel(b.now, b.wall, "nobody", "cancelled"); err == nil {
		t.Error("cancelled what isn't there")
	}
}

// A config that says the same of what has begun changes nothing; other figures
// count from then on; a record that is gone is over.
func TestSetKeepsWhatHasBegun(t *testing.T) {
	b := newBench(t)
	c := drill("weekly", "a", monday, 20*time.Minute)
	c.Ramp = 10 * time.Minute
	b.set(c)
	b.run(5*time.Minute + benchStep)
	half := b.drained("a")
	b.set(c)
	if b.drained("a") != half {
		t.Errorf("drained %v, was %v", b.drained("a"), half)
	}
	c.End = monday.Add(12 * time.Minute)
	b.set(c)
	b.run(10 * time.Minute)
	b.want("50ms weekly running", "12m0s weekly ended")
	c.Start = monday.Add(20 * time.Minute)
	c.End = monday.Add(40 * time.Minute)
	b.set(c)
	b.run(10 * time.Minute)
	b.set()
	b.want("20m0s weekly running", "25m0.05s weekly cancelled")
	if b.last.Report.Outcome != Interrupted {
		t.Errorf("report %+v", b.last.Report)
	}
}

// Who comes late follows what is in force, as all others do: what began long ago, or
// in another order than it is listed in, is no change that began just now.
func TestWhoComesLateFollows(t *testing.T) {
	shift := Change{ID: "move", Kind: KindShift, Weights: map[string]uint32{"b": 40}, Start: monday.Add(-time.Hour)}
	for _, changes := range [][]Change{
		{shift, drill("weekly", "a", monday.Add(-10*time.Minute), time.Hour)},
		{drill("weekly", "a", monday.Add(-10*time.Minute), time.Hour), shift},
	} {
		b := newBench(t)
		b.set(changes...)
		b.run(benchStep)
		b.want("50ms move running", "50ms weekly running")
		// Next to the drill's beginning, however late it is seen, nothing else begins.
		b = newBench(t)
		near := changes[0]
		other := changes[1]
		near.Services, other.Services = []string{"api"}, []string{"other"}
		near.Start, other.Start = monday.Add(-10*time.Minute), monday.Add(-10*time.Minute-30*time.Second)
		b.set(near, other)
		b.run(benchStep)
		b.want("50ms "+other.ID+" running", "50ms "+near.ID+" refused")
		if reason := b.last.Reason; reason != "another change began or ended 30s ago, and 1m0s must lie between" {
			t.Error(reason)
		}
	}
}

// What was over before this process came, or while its clock was wrong, doesn't wait
// for ever.
func TestMissed(t *testing.T) {
	b := newBench(t)
	b.set(drill("old", "a", monday.Add(-time.Hour), time.Minute), drill("next", "b", monday.Add(time.Hour), time.Minute))
	if s := b.agenda.Status(b.wall)[0]; s.State != ChangeEnded || !s.Since.Equal(monday.Add(-59*time.Minute)) {
		t.Errorf("%+v", s)
	}
	b.wall = b.wall.Add(2 * time.Hour)
	b.run(benchStep)
	b.want("50ms next ended")
	b.wall = b.wall.Add(-2 * time.Hour)
	b.run(time.Hour + time.Minute)
	b.want("1h0m0.05s next running", "1h1m0.05s next ended") // by the calendar it comes yet
}

// An applied shift leaves no trace when it is over or cancelled; given up, it keeps
// the weights where they were.
func TestWeightsAfterAnAppliedShift(t *testing.T) {
	move := Change{ID: "move", Kind: KindShift, From: map[string]uint32{"b": 0}, Weights: map[string]uint32{"b": 60}, End: monday.Add(time.Hour)}
	b := newBench(t)
	if err := b.add(move); err != nil {
		t.Fatal(err)
	}
	b.run(30 * time.Minute)
	if w := b.weights()["b"]; w != 60 {
		t.Errorf("weight %d while it is in force", w)
	}
	b.run(31 * time.Minute)
	if w := b.weights()["b"]; w != 30 {
		t.Errorf("weight %d when it is over", w)
	}
	b = newBench(t)
	if err := b.add(move); err != nil {
		t.Fatal(err)
	}
	b.bad = 35
	b.run(10 * time.Second)
	b.want("0s move running", "100ms move aborted")
	if w := b.weights()["b"]; w != 0 {
		t.Errorf("weight %d when it was given up", w)
	}
	if _, err := b.agenda.Cancel(b.now, b.wall, "move", "cancelled"); err != nil {
		t.Fatal(err)
	}
	if w := b.weights()["b"]; w != 30 {
		t.Errorf("weight %d when it was cancelled", w)
	}
}

// What is cancelled for good is forgotten like all that is over.
func TestAppliedHistoryIsBounded(t *testing.T) {
	b := newBench(t)
	for i := range 3 * mostHistory {
		c := drill(fmt.Sprint("weekly-", i), "a", monday.Add(time.Hour), time.Minute)
		c.Repeat = time.Hour
		if err := b.add(c); err != nil {
			t.Fatal(err)
		}
		if _, err := b.agenda.Cancel(b.now, b.wall, c.ID, "cancelled"); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(b.agenda.Status(b.wall)); n > mostHistory+1 {
		t.Errorf("%d changes are remembered", n)
	}
}
