package health

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// felled returns a fleet that is down because its calls were refused.
func felled(t testing.TB, n int, k Kind) *fleet {
	f := newFleet(Settings{}, n)
	f.pass(time.Second)
	for i := range n {
		f.attempt(i, 5, k)
	}
	for range 6 {
		f.pass(sweepInterval)
		if f.State() == Down {
			return f
		}
		for i := range n {
			f.attempt(i, 1, k)
		}
	}
	t.Fatalf("a target whose calls end %v is %v", k, f.State())
	return nil
}

func TestReasonHasTheFigures(t *testing.T) {
	f := felled(t, 10, Refused)
	if got, want := f.Reason(), "failing: 50 of 50 attempts in the last 50ms, refused"; got != want {
		t.Errorf("reason %q, want %q", got, want)
	}
	if f.Since() != 1050*time.Millisecond {
		t.Errorf("since %v", f.Since())
	}
}

func TestAnswered(t *testing.T) {
	for _, c := range []struct {
		name     string
		fell     Kind
		outcomes []Kind // of probes
		want     bool
		reached  bool
	}{
		{"nothing", Refused, nil, false, false},
		{"a bad probe", Refused, []Kind{Refused}, false, false},
		{"a good probe", Refused, []Kind{OK}, true, true},
		{"a bad one after it", Refused, []Kind{OK, Failed}, false, false},
		{"a good one after that", Refused, []Kind{OK, Failed, OK}, true, true},
		{"a connection", Refused, []Kind{Reached}, true, true},
		{"a connection after silence", TimedOut, []Kind{Reached}, false, true},
		{"a refused one after that", TimedOut, []Kind{Reached, Refused}, false, false},
		{"an answer after silence", TimedOut, []Kind{Reached, OK}, true, true},
		{"pushback", Refused, []Kind{Overloaded}, false, false},
	} {
		f := felled(t, 10, c.fell)
		i := slices.IndexFunc(f.all, func(e *Endpoint) bool { return e.Eligible() })
		for _, k := range c.outcomes {
			f.Probed(f.all[i], Outcome{Kind: k})
			f.pass(sweepInterval)
		}
		if got := f.Answered(); got != c.want {
			t.Errorf("%s: answered %v, want %v", c.name, got, c.want)
		}
		if got := f.Reached(); got != c.reached {
			t.Errorf("%s: reached %v, want %v", c.name, got, c.reached)
		}
	}
}

// A probe that is sent into a freeze and answered at the thaw, within its own
// time, is no sign of health while it waits.
func TestAProbeThatWaitsTooLongSpeaksAgainstTheTarget(t *testing.T) {
	f := felled(t, 10, Refused)
	i := slices.IndexFunc(f.all, func(e *Endpoint) bool { return e.Eligible() })
	f.Probed(f.all[i], Outcome{Kind: OK})
	f.pass(sweepInterval)
	f.all[i].probe.began.Store(int64(f.now))
	f.all[i].probe.running.Store(true)
	limit := time.Duration(f.silentAfter.Load())
	f.pass(limit - sweepInterval)
	if !f.Answered() {
		t.Error("a probe that doesn't wait for long speaks against the target")
	}
	f.pass(2 * sweepInterval)
	if f.Answered() {
		t.Errorf("answered, with a probe that waits for more than %v", limit)
	}
	f.Probed(f.all[i], Outcome{Kind: OK})
	f.pass(sweepInterval)
	if !f.Answered() {
		t.Error("not answered after the answer")
	}
}

func TestLateFailuresAreExcused(t *testing.T) {
	f := newFleet(Settings{}, 10)
	f.pass(time.Second)
	for _, e := range f.all {
		for range 20 {
			e.Begin(0)
		}
	}
	began := f.now
	for i := range f.all {
		f.attempt(i, 5, Refused)
	}
	f.pass(100 * time.Millisecond)
	f.Probed(f.all[9], Outcome{Kind: OK})
	f.pass(sweepInterval)
	f.Recover(f.now, "test")
	// What began before the fall times out during the recovery.
	for _, e := range f.all {
		for range 20 {
			f.Record(e, 0, began, f.now, Outcome{Kind: TimedOut})
			e.End()
		}
	}
	f.pass(2 * time.Second)
	if f.State() != Recovering {
		t.Errorf("%v: %s", f.State(), f.Reason())
	}
	if c := f.Counts(); c.Excused != 200 || c.Bad != 50 {
		t.Errorf("counts %+v, want 200 excused and 50 bad", c)
	}
}

func TestExcuse(t *testing.T) {
	f := newFleet(Settings{}, 10)
	f.pass(time.Second)
	began := f.now
	for _, e := range f.all {
		for range 20 {
			e.Begin(0)
		}
	}
	// The process stands still for a second, then everything times out, half
	// of it before anybody noticed.
	f.now += time.Second
	half := func() {
		for _, e := range f.all {
			for range 10 {
				f.Record(e, 0, began, f.now, Outcome{Kind: TimedOut})
				e.End()
			}
			f.Probed(e, Outcome{Kind: TimedOut})
			f.Probed(e, Outcome{Kind: TimedOut})
		}
	}
	half()
	f.Excuse(f.now)
	half()
	f.pass(time.Second)
	if f.State() == Down {
		t.Errorf("down: %s", f.Reason())
	}
	f.wantOut(t, "after an excuse")
	if c := f.Counts(); c.Excused != 200 || c.Bad != 0 {
		t.Errorf("counts %+v, want 200 excused", c)
	}
	// From now on it counts again.
	for i := range f.all {
		f.attempt(i, 10, Refused)
	}
	f.pass(100 * time.Millisecond)
	if f.State() != Down {
		t.Errorf("%v after failures that nothing excuses", f.State())
	}
}

func TestProbesThatRanWhileThisProcessStoodStillAreExcused(t *testing.T) {
	f := newFleet(Settings{Probe: Probe{Fall: 1}}, 3)
	var s Schedule
	due := s.Due(f.now, f.Target, nil)
	f.now += time.Second
	f.Excuse(f.now)
	for _, e := range due {
		f.Probed(e, Outcome{Kind: TimedOut})
	}
	f.pass(time.Second)
	if f.wantOut(t, "after the excuse"); len(due) != 3 || f.State() != Unknown {
		t.Errorf("%d probes, %v: %s", len(due), f.State(), f.Reason())
	}
	f.Probed(f.all[0], Outcome{Kind: TimedOut})
	f.pass(sweepInterval)
	f.wantOut(t, "after a probe that began later", 0)
}

func TestRecovery(t *testing.T) {
	f := felled(t, 4, Refused)
	f.pass(sweepInterval)
	if len(f.out()) == 0 {
		t.Fatal("nobody was ejected")
	}
	still := f.out()[0]
	f.Probed(f.all[still], Outcome{Kind: Refused})
	if c := f.Recover(f.now, "hold-down is over"); c != (Change{f.now, Down, Recovering, "hold-down is over"}) {
		t.Errorf("change %+v", c)
	}
	f.wantOut(t, "recovering: only the one whose probe failed", still)
	if f.Quality() != 1 {
		t.Errorf("quality %v at the start of a recovery", f.Quality())
	}

	for i := range f.all {
		f.attempt(i, 10, OK)
	}
	f.pass(sweepInterval)
	if f.Quality() != 1 {
		t.Errorf("quality %v, with what was bad before the fall", f.Quality())
	}

	c := f.Relapse(f.now, "canaries failed")
	if c.From != Recovering || c.To != Down || f.Answered() || f.Quality() != 0 {
		t.Errorf("after a relapse %+v: answered %v, quality %v", c, f.Answered(), f.Quality())
	}
	f.Recover(f.now, "again")
	if c := f.Readmit(f.now, "all gates passed"); c.To != Healthy {
		t.Errorf("change %+v", c)
	}
	if good, bad := f.Answers(); good != 40 || bad == 0 {
		t.Errorf("answers %d good, %d bad", good, bad)
	}
}

func TestRecoveryEndsWhenTheDetectorsTripAgain(t *testing.T) {
	f := felled(t, 4, Refused)
	f.Recover(f.now, "test")
	f.pass(time.Second)
	for i := range f.all {
		f.attempt(i, 8, Failed)
	}
	changes, _ := f.pass(200 * time.Millisecond)
	if len(changes) != 1 || changes[0].From != Recovering || changes[0].To != Down {
		t.Errorf("changes %+v", changes)
	}
}

func TestIdleTargetFallsByItsProbes(t *testing.T) {
	f := newFleet(Settings{}, 3)
	fail := func(i int) {
		for range 3 {
			f.Probed(f.all[i], Outcome{Kind: Refused, Reason: "connection refused"})
		}
		f.pass(sweepInterval)
	}
	f.Probed(f.all[2], Outcome{Kind: Reached})
	f.pass(sweepInterval)
	if f.State() != Healthy {
		t.Errorf("%v after a connection", f.State())
	}
	if fail(0); f.State() != Healthy {
		t.Errorf("%v with one of three", f.State())
	}
	if fail(1); f.State() != Down || f.Reason() != "probes: 2 of 3 endpoints fail, connection refused" {
		t.Errorf("%v with two of three: %s", f.State(), f.Reason())
	}
}

func TestProbesDoNotBringDownATargetThatServes(t *testing.T) {
	f := newFleet(Settings{}, 3)
	for range 100 {
		for i, e := range f.all {
			f.attempt(i, 1, OK)
			f.Probed(e, Outcome{Kind: Failed, Reason: "http 404"})
		}
		f.pass(sweepInterval)
	}
	if f.State() != Healthy {
		t.Errorf("%v: %s", f.State(), f.Reason())
	}
}

// Whatever is recorded, probed and asked for, the states follow each other as
// documented.
func TestStatesFollowEachOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFleet(Settings{}, rapid.IntRange(1, 5).Draw(t, "endpoints"))
		state := Unknown
		for range 60 {
			i := rapid.IntRange(0, len(f.all)-1).Draw(t, "endpoint")
			kind := rapid.SampledFrom([]Kind{Neutral, OK, OK, Reached, Refused, Failed, Broken, TimedOut, Overloaded}).Draw(t, "kind")
			var changes []Change
			switch rapid.IntRange(0, 7).Draw(t, "act") {
			case 0:
				f.Probed(f.all[i], Outcome{Kind: kind})
			case 1:
				changes = append(changes, f.Recover(f.now, "recover"))
			case 2:
				changes = append(changes, f.Readmit(f.now, "readmit"))
			case 3:
				changes = append(changes, f.Relapse(f.now, "relapse"))
			case 4:
				f.Excuse(f.now)
			default:
				f.attempt(i, rapid.IntRange(1, 60).Draw(t, "attempts"), kind)
			}
			changes = slices.DeleteFunc(changes, func(c Change) bool { return c == Change{} })
			swept, _ := f.pass(time.Duration(rapid.IntRange(1, 30).Draw(t, "sweeps")) * sweepInterval)
			for _, c := range append(changes, swept...) {
				if c.From != state || !follows(c.From, c.To) || c.Reason == "" || strings.HasSuffix(c.Reason, ", ") {
					t.Fatalf("change %+v of a target that is %v", c, state)
				}
				if c.From == Down && c.Reason != "recover" {
					t.Fatalf("a detector ended Down: %+v", c)
				}
				state = c.To
			}
			if f.State() != state {
				t.Fatalf("state %v, changes lead to %v", f.State(), state)
			}
		}
	})
}
