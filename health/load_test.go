package health

import (
	"testing"
	"time"
)

// Load says what was too much, not what was slow.
func TestLoadCountsWhatIsTooMuch(t *testing.T) {
	f := newFleet(Settings{}, 2)
	for _, o := range []Outcome{{Kind: OK}, {Kind: Overloaded}, {Kind: TimedOut}, {Kind: TimedOut, Early: true}, {Kind: Failed}, {Kind: Neutral}} {
		f.all[0].Begin(0)
		f.Record(f.all[0], 0, f.now, f.now+time.Millisecond, o)
	}
	f.pass(sweepInterval)
	if got, want := f.Load(), (Load{InFlight: 6, Ended: 4, PushedBack: 1, TimedOut: 1, timedOut: 1, early: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if n := f.Totals().TimedOut; n != 2 {
		t.Errorf("%d timed out, want 2", n)
	}
}

// Attempts that time out at an endpoint that was removed are no load of those that are
// left, until it is there again.
func TestLoadWithoutRemovedEndpoints(t *testing.T) {
	f := newFleet(Settings{}, 2)
	timesOut := func(o Outcome) {
		for _, e := range f.all {
			e.Begin(0)
			f.Record(e, 0, f.now, f.now+time.Millisecond, o)
		}
		f.pass(sweepInterval)
	}
	want := func(name string, ended, timedOut uint64) {
		t.Helper()
		if got := f.Load(); got.Ended != ended || got.TimedOut != timedOut {
			t.Errorf("%s: %d ended and %d timed out, want %d and %d", name, got.Ended, got.TimedOut, ended, timedOut)
		}
	}
	timesOut(Outcome{Kind: TimedOut})
	want("both", 2, 2)
	f.SetEndpoints(f.now, f.all[:1])
	timesOut(Outcome{Kind: TimedOut})
	want("one removed", 3, 3)
	timesOut(Outcome{Kind: TimedOut, Early: true})
	want("early", 3, 3)
	timesOut(Outcome{Kind: OK})
	want("well", 4, 3)
	f.SetEndpoints(f.now, f.all)
	f.pass(sweepInterval)
	was := f.Load()
	timesOut(Outcome{Kind: TimedOut})
	want("both again", was.Ended+2, was.TimedOut+2)
}

// What times out while this process stands still isn't too much for the target.
func TestLoadOfAStall(t *testing.T) {
	f := newFleet(Settings{}, 1)
	f.attempt(0, 10, TimedOut)
	f.Excuse(f.now)
	f.pass(sweepInterval)
	if got := f.Load(); got.Ended != 10 || got.TimedOut != 0 {
		t.Errorf("%+v, want 10 ended and none timed out", got)
	}
	f.attempt(0, 1, TimedOut)
	f.pass(sweepInterval)
	if got := f.Load(); got.Ended != 11 || got.TimedOut != 1 {
		t.Errorf("%+v, want 11 ended and 1 timed out", got)
	}
}
