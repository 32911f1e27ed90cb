package failover

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// ms makes times in tables readable.
func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func TestReadmissionStages(t *testing.T) {
	type step struct {
		at     int // ms
		signs  Signs
		want   Stage
		reason string
	}
	up := func(good, bad, unprotected uint64) Signs {
		return Signs{Answered: true, Good: good, Bad: bad, Unprotected: unprotected}
	}
	// toGate1 is the common beginning of most histories, which fall at 0.
	toGate1 := []step{
		{at: 50, signs: Signs{Good: 1000, Bad: 50}, want: Waiting, reason: "waiting for a good answer"},
		{at: 500, signs: up(1001, 50, 0), want: HoldDown, reason: "hold-down, 1s left"},
		{at: 1100, signs: up(1002, 50, 0), want: HoldDown, reason: "hold-down, 400ms left"},
		{at: 1500, signs: up(1003, 50, 0), want: Gate1, reason: "gate 1 %: 0 of 20 good answers"},
	}
	after := func(steps ...step) []step { return append(toGate1[:len(toGate1):len(toGate1)], steps...) }
	for _, tt := range []struct {
		name  string
		steps []step
	}{
		{"all the way", after(
			step{2000, up(1015, 50, 5), Gate1, "gate 1 %: 12 of 20 good answers"},
			step{2400, up(1023, 50, 8), Gate1, "gate 1 %: 100ms left"},
			step{2500, up(1023, 50, 8), Gate10, "gate 10 %: 0 of 1 good answers"},
			step{4400, up(1100, 51, 90), Gate10, "gate 10 %: 100ms left, 1 bad"},
			step{4500, up(1110, 51, 99), Gate50, "gate 50 %: 0 of 1 good answers"},
			step{6500, up(2000, 55, 500), Gate100, "gate 100 %: 0 of 1 good answers"},
			step{8500, up(3000, 55, 600), Open, "in service"},
			step{8600, up(3000, 1055, 600), Open, "in service"}, // not judged any more
		)},
		{"few answers take longer", after(
			step{30_000, up(1022, 50, 0), Gate1, "gate 1 %: 19 of 20 good answers"},
			step{30_050, up(1023, 50, 0), Gate10, "gate 10 %: 0 of 1 good answers"},
			step{60_000, up(1023, 50, 0), Gate10, "gate 10 %: 0 of 1 good answers"},
			step{60_050, up(1024, 50, 0), Gate50, "gate 50 %: 0 of 1 good answers"},
		)},
		{"a bad answer in the hold-down", []step{
			{500, up(1, 0, 0), HoldDown, "hold-down, 1s left"},
			{1400, Signs{Good: 1, Bad: 1}, Waiting, "waiting for a good answer"},
			{1450, up(2, 1, 0), HoldDown, "hold-down, 1s left"}, // no flap: no longer than before
			{2400, up(3, 1, 0), HoldDown, "hold-down, 100ms left"},
			{2450, up(4, 1, 0), Gate1, "gate 1 %: 0 of 20 good answers"},
		}},
		{"one bad answer doesn't fail a gate", after(
			step{1550, up(1003, 51, 0), Gate1, "gate 1 %: 0 of 20 good answers, 1 bad"},
		)},
		{"two bad answers of many don't", after(
			step{1550, up(1021, 52, 0), Gate1, "gate 1 %: 18 of 20 good answers, 2 bad"},
		)},
		{"two bad answers of few do", after(
			step{1550, up(1020, 52, 0), Waiting, "gate 1 % failed: 2 of 19 answers were bad; waiting for a good answer"},
			step{1600, up(1021, 52, 0), HoldDown, "hold-down, 2s left"},
			step{3600, up(1022, 52, 0), Gate1, "gate 1 %: 0 of 20 good answers"},
		)},
		{"a later gate fails", after(
			step{2500, up(1030, 50, 9), Gate10, "gate 10 %: 0 of 1 good answers"},
			step{3000, up(1130, 70, 99), Waiting, "gate 10 % failed: 20 of 120 answers were bad; waiting for a good answer"},
			step{3050, Signs{Good: 1130, Bad: 80}, Waiting, "gate 10 % failed: 20 of 120 answers were bad; waiting for a good answer"},
		)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var r Readmission
			r.Step(0, Signs{Good: 1000, Bad: 10})
			r.Fell(0)
			for _, s := range tt.steps {
				if got := r.Step(ms(s.at), s.signs); got != s.want || got != r.Stage() {
					t.Fatalf("at %v: stage %v, want %v", ms(s.at), got, s.want)
				}
				if got := r.Reason(ms(s.at)); got != s.reason {
					t.Errorf("at %v: reason %q, want %q", ms(s.at), got, s.reason)
				}
			}
		})
	}
}

// advance brings a fallen cloud to a stage with good answers only and returns
// the time and the signs by then.
func advance(t interface{ Fatalf(string, ...any) }, r *Readmission, to Stage, now time.Duration, s Signs) (time.Duration, Signs) {
	s.Answered = true
	for end := now + time.Hour; r.Stage() != to; now += ms(50) {
		if now > end {
			t.Fatalf("%v is not reached; the stage is %v", to, r.Stage())
		}
		s.Good, s.Unprotected = s.Good+10, s.Unprotected+10
		r.Step(now, s)
	}
	return now, s
}

func TestGates(t *testing.T) {
	for _, tt := range []struct {
		stage            Stage
		share, protected float64
	}{
		{Waiting, 0, 0}, {HoldDown, 0, 0},
		{Gate1, 0.01, 0}, {Gate10, 0.1, 0.01}, {Gate50, 0.5, 0.1}, {Gate100, 1, 0.5},
		{Open, 1, 1},
	} {
		var r Readmission
		r.Fell(0)
		advance(t, &r, tt.stage, 0, Signs{})
		if share, protected := r.Gate(false), r.Gate(true); share != tt.share || protected != tt.protected {
			t.Errorf("%v: gates %v and %v, want %v and %v", tt.stage, share, protected, tt.share, tt.protected)
		}
	}
	if r := new(Readmission); r.Gate(false) != 1 || r.Gate(true) != 1 || r.Stage() != Open {
		t.Error("the zero value isn't in service")
	}
}

// Protected tiers wait for others to go first, but not for ever.
func TestProtectedTiersAlone(t *testing.T) {
	var r Readmission
	r.Fell(0)
	now, s := advance(t, &r, Gate1, 0, Signs{})
	began := now - ms(50)
	for ; now < began+ms(2000); now += ms(50) {
		if r.Step(now, s); r.Gate(true) != 0 {
			t.Fatalf("protected tiers go first %v after the gate began", now-began)
		}
	}
	if r.Step(now, s); r.Gate(true) != 0.01 || r.Gate(false) != 0.01 {
		t.Fatalf("after 2 s alone protected tiers get %v", r.Gate(true))
	}
	s.Unprotected++
	if r.Step(now, s); r.Gate(true) != 0.01 {
		t.Error("the gate closed again")
	}
	// Without others the gates go on, protected tiers one behind.
	last := 0.0
	for end := now + 30*time.Second; r.Stage() != Open; now += ms(50) {
		if now > end {
			t.Fatalf("stuck at %v", r.Stage())
		}
		s.Good++
		r.Step(now, s)
		if gate := r.Gate(true); gate < last || gate > r.Gate(false) {
			t.Fatalf("%v: protected tiers get %v after %v, others %v", r.Stage(), gate, last, r.Gate(false))
		} else {
			last = gate
		}
	}
}

func TestOthersResetTheWait(t *testing.T) {
	var r Readmission
	r.Fell(0)
	now, s := advance(t, &r, Gate1, 0, Signs{})
	for range 200 { // 10 s with a call of an unprotected tier each 1.9 s and too few answers
		now += ms(50)
		if now%ms(1900) == 0 {
			s.Unprotected++
		}
		if r.Step(now, s); r.Gate(true) != 0 {
			t.Fatal("protected tiers didn't wait")
		}
	}
}

// A fall of what is down already is no flap.
func TestFallWithoutService(t *testing.T) {
	var r Readmission
	r.Fell(0)
	for i := range 10 {
		r.Fell(ms(i))
	}
	r.Step(ms(100), Signs{Answered: true})
	r.Fell(ms(200))
	r.Step(ms(300), Signs{Answered: true})
	if got := r.Step(ms(1300), Signs{Answered: true}); got != Gate1 {
		t.Errorf("stage %v after a hold-down of 1 s: the falls were counted", got)
	}
}

// A long outage is no sign of stability, nor of its contrary.
func TestPenaltyStandsStillWhileDown(t *testing.T) {
	hold := func(outage time.Duration) time.Duration {
		var r Readmission
		now, s := time.Duration(0), Signs{}
		for range 3 {
			r.Fell(now)
			now, s = advance(t, &r, Gate1, now+outage, s)
		}
		r.Fell(now)
		began := now
		for r.Step(now, Signs{Answered: true}) != Gate1 && now < began+time.Hour {
			now += ms(50)
		}
		return now - began
	}
	if short, long := hold(0), hold(20*time.Minute); short != 8*time.Second || long != short {
		t.Errorf("hold-down %v after short outages, %v after long ones, want 8s after both", short, long)
	}
}

// Whatever is seen, stages come in order, gates never exceed those of the
// stage, and no stage is shorter than it must be.
func TestReadmissionOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Readmission{Settings: Settings{HoldDown: ms(rapid.IntRange(1, 3000).Draw(t, "holdDown"))}}
		now, began := time.Duration(0), time.Duration(0)
		var s Signs
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now += ms(rapid.IntRange(0, 500).Draw(t, "ms"))
			before := r.Stage()
			if rapid.IntRange(0, 40).Draw(t, "fell") == 0 {
				if r.Fell(now); r.Stage() != Waiting {
					t.Fatalf("%v after a fall", r.Stage())
				}
				began, before = now, Waiting
			}
			s.Answered = rapid.IntRange(0, 9).Draw(t, "answered") > 0
			s.Good += rapid.Uint64Range(0, 20).Draw(t, "good")
			s.Bad += rapid.Uint64Range(0, 12).Draw(t, "bad") / 10
			s.Unprotected += rapid.Uint64Range(0, 1).Draw(t, "unprotected")
			after := r.Step(now, s)
			switch {
			case after == before:
				continue
			case after == Waiting:
			case after == (before+1)%(Gate100+1):
				least := gates[before].least
				if before == HoldDown {
					least = r.Settings.HoldDown
				}
				if now-began < least {
					t.Fatalf("%v lasted %v", before, now-began)
				}
			default:
				t.Fatalf("from %v to %v", before, after)
			}
			if r.Gate(true) > r.Gate(false) {
				t.Fatalf("%v: protected tiers get %v, others %v", after, r.Gate(true), r.Gate(false))
			}
			began = now
		}
	})
}

// Flaps make the hold-down longer, but not where no other cloud serves.
func TestHoldDownAlone(t *testing.T) {
	for _, alone := range []bool{false, true} {
		var r Readmission
		now := time.Duration(0)
		for range 4 { // falls in quick succession
			r.Fell(now)
			r.Step(now, Signs{Answered: true, Alone: alone})
			began := now
			for r.Stage() == HoldDown {
				now += 50 * time.Millisecond
				r.Step(now, Signs{Answered: true, Alone: alone})
			}
			if took := now - began; alone && took != time.Second {
				t.Errorf("alone: the hold-down lasts %v", took)
			}
		}
		if !alone && now < 7*time.Second {
			t.Errorf("four hold-downs beside another cloud take %v", now)
		}
	}
}
