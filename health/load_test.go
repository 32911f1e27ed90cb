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
	if got, want := f.Load(), (Load{InFlight: 6, Ended: 4, PushedBack: 1, TimedOut: 1, early: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if n := f.Totals().TimedOut; n != 2 {
		t.Errorf("%d timed out, want 2", n)
	}
}
