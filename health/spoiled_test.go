package health

import (
	"strings"
	"testing"
	"time"
)

// An answer that breaks off counts as bad on top of what it was, and is no
// second end of the attempt.
func TestSpoiledAnswersCountAsBadOnceMore(t *testing.T) {
	f := newFleet(Settings{}, 2)
	e := f.all[0]
	f.now = 2 * time.Hour
	f.attempt(0, 1, OK)
	cost, traffic := e.Cost(), e.traffic()
	f.Spoiled(e, f.now-time.Hour, f.now, Outcome{Kind: Broken, Reason: "reset"})
	if e.traffic() != traffic {
		t.Errorf("the silence test saw %+v become %+v", traffic, e.traffic())
	}
	if e.Cost() != 2*cost {
		t.Errorf("cost %v → %v: the hour it took to read the answer is no latency", cost, e.Cost())
	}
	f.Spoiled(e, f.now, f.now, Outcome{})
	f.Spoiled(e, f.now, f.now, Outcome{Kind: OK})
	f.pass(sweepInterval)
	if c, want := e.Counts(), (Counts{Begun: 1, OK: 1, Bad: 1}); c != want {
		t.Errorf("counts %+v, want %+v", c, want)
	}
	f.Excuse(f.now)
	f.Spoiled(e, f.now-1, f.now, Outcome{Kind: Broken, Reason: "reset"})
	f.pass(sweepInterval)
	if c, want := e.Counts(), (Counts{Begun: 1, OK: 1, Bad: 1, Excused: 1}); c != want {
		t.Errorf("counts %+v, want %+v: the attempt began before the fresh start", c, want)
	}
	f.wantOut(t, "after one bad attempt")
	for range 5 {
		f.Spoiled(e, f.now, f.now, Outcome{Kind: Broken, Reason: "reset"})
	}
	if n := e.streak.Load(); n != 5 {
		t.Errorf("%d bad attempts in a row, want 5: the excused one is none of them", n)
	}
	f.pass(sweepInterval)
	f.wantOut(t, "after five in a row", 0)
	if !strings.HasSuffix(e.Reason(), ", reset") {
		t.Errorf("reason %q doesn't say how the answers broke off", e.Reason())
	}
}

// Where all answers break off, calls fail: the target falls although each
// attempt was answered.
func TestSpoiledAnswersBringATargetDown(t *testing.T) {
	f := newFleet(Settings{}, 4)
	for n := 0; n < 100 && f.State() != Down; n++ {
		for _, e := range f.all {
			f.attempt(n%4, 1, OK)
			f.Spoiled(e, f.now, f.now, Outcome{Kind: Broken, Reason: "reset"})
		}
		f.pass(sweepInterval)
	}
	if f.State() != Down {
		t.Errorf("%v: %s", f.State(), f.Reason())
	}
}

// Attempts that wait make silence, whatever becomes of answers from before.
func TestSpoiledAnswersDontHideSilence(t *testing.T) {
	f := newFleet(Settings{}, 2)
	f.attempt(0, 3, OK)
	f.pass(sweepInterval)
	for range 3 {
		f.all[0].Begin(0)
		f.Spoiled(f.all[0], f.now, f.now, Outcome{Kind: Broken, Reason: "reset"})
	}
	f.pass(unknownSilence + 2*sweepInterval)
	f.wantOut(t, "after a second without an answer", 0)
	if got := f.all[0].Reason(); !strings.HasPrefix(got, "silent: 3 attempts") {
		t.Errorf("reason %q", got)
	}
}
