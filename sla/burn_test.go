package sla

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// outage is constant traffic: some hours without a bad call, then an outage, then
// none again. It counts 1,000 calls in each second, as they come.
type outage struct {
	account *Account
	now     time.Time
	target  float64
	owed    float64 // bad calls due
	step    time.Duration
}

const perSecond = 1000

func newOutage(target float64, before time.Duration) *outage {
	o := &outage{now: time.Date(2026, 3, 1, 9, 30, 17, 0, time.UTC), target: target, step: time.Second}
	o.account = NewAccount(o.now)
	for ; before > 0; before -= time.Second {
		o.account.history.add(o.now, Counts{Good: perSecond})
		o.now = o.now.Add(time.Second)
	}
	o.account.Sweep(o.now)
	return o
}

// run lets a part of the calls be bad for some time, or until stop, which is
// asked at every step. It returns how long that was.
func (o *outage) run(most time.Duration, bad float64, stop func([3]Burn) bool) time.Duration {
	calls := perSecond * o.step.Seconds()
	for lasted := o.step; lasted <= most; lasted += o.step {
		o.owed += bad * calls
		n := math.Floor(o.owed + 1e-9)
		o.owed -= n
		o.count(Bad, int(n))
		o.count(Good, int(calls)-int(n))
		o.now = o.now.Add(o.step)
		o.account.Sweep(o.now)
		if stop != nil && stop(o.account.Burns(o.now, o.target)) {
			return lasted
		}
	}
	return -1
}

// count adds to a cell at once what n calls would.
func (o *outage) count(v Verdict, n int) {
	c := &o.account.cells[0]
	if v == Good {
		c.good.Add(uint64(n))
	} else {
		c.bad.Add(uint64(n))
	}
}

// The figures of the SRE workbook's first rule, 14.4 over 1 h and 5 min, which
// others have worked out (TRUTH: 99.9 %: a total outage fires after 51.84 s, 10 %
// errors after 518.4 s, 1 % never, and it resets 295.68 s after recovery), and
// the same rule for other targets. Within a second.
func TestBurnArithmetic(t *testing.T) {
	for _, test := range []struct {
		target, bad   float64
		fires, resets time.Duration // −1: never
	}{
		{0.999, 1, 51_840 * time.Millisecond, 295_680 * time.Millisecond},
		{0.999, 0.1, 518_400 * time.Millisecond, 256_800 * time.Millisecond},
		{0.999, 0.01, -1, 0},
		{0.99, 1, 518_400 * time.Millisecond, 256_800 * time.Millisecond},
		{0.99, 0.1, -1, 0},
		{0.9995, 1, 25_920 * time.Millisecond, 297_840 * time.Millisecond},
		{0.9999, 1, 5_184 * time.Millisecond, 299_568 * time.Millisecond},
		{0.9999, 0.01, 518_400 * time.Millisecond, 256_800 * time.Millisecond},
		{0.93, 1, -1, 0}, // 1 / 0.07 = 14.3
	} {
		o := newOutage(test.target, 90*time.Minute)
		first := func(b [3]Burn) bool { return b[0].Firing }
		fired := o.run(70*time.Minute, test.bad, first)
		if !near(fired, test.fires) {
			t.Errorf("target %v, %v bad: fires after %v, want %v", test.target, test.bad, fired, test.fires)
		}
		if fired < 0 {
			continue
		}
		reset := o.run(10*time.Minute, 0, func(b [3]Burn) bool { return !first(b) })
		if !near(reset, test.resets) {
			t.Errorf("target %v, %v bad: resets after %v, want %v", test.target, test.bad, reset, test.resets)
		}
	}
}

func near(got, want time.Duration) bool {
	if want < 0 {
		return got < 0
	}
	return got > 0 && (got-want).Abs() <= time.Second
}

// Whatever the target and the part of bad calls, a rule fires when the arithmetic
// of constant traffic says so: after long · rate · (1 − target) / bad.
func TestBurnProperty(t *testing.T) {
	if raceEnabled {
		t.Skip("takes long under the race detector, and nothing happens at the same time")
	}
	rapid.Check(t, func(t *rapid.T) {
		target := rapid.Float64Range(0.95, 0.9999).Draw(t, "target")
		bad := rapid.Float64Range(0.02, 1).Draw(t, "bad")
		o := newOutage(target, 61*time.Minute)
		fired := o.run(65*time.Minute, bad, func(b [3]Burn) bool { return b[0].Firing })
		want := 3600 * 14.4 * (1 - target) / bad
		if math.Abs(want-3600) < 60 {
			// Close to never, and the minute in which the trouble began is leaving
			// the window: what of it lies inside is then estimated.
			return
		}
		if want > 3600 {
			if fired > 0 {
				t.Fatalf("fires after %v, want never (%v s)", fired, want)
			}
			return
		}
		// At the very beginning the least number of bad calls comes first.
		want = max(want, LeastBad/(bad*perSecond))
		if math.Abs(fired.Seconds()-want) > 1.01 {
			t.Fatalf("fires after %v, want %v s", fired, want)
		}
	})
}

// One failure in a quiet hour is no alarm, and ten are.
func TestQuietHour(t *testing.T) {
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	a := NewAccount(now)
	for i := range 10 {
		a.Count(Bad, 0)
		now = now.Add(time.Second)
		a.Sweep(now)
		burns := a.Burns(now, 0.999)
		if want := i == 9; burns[0].Firing != want || Paging(burns) != want || burns[0].LongRate < 999 {
			t.Fatalf("after %d failures: %+v", i+1, burns[0])
		}
	}
}

// The other rules: 6 over 6 h and 30 min wakes somebody, 1 over 3 d and 6 h is a
// ticket.
func TestBurnRules(t *testing.T) {
	o := newOutage(0.999, 80*time.Hour)
	o.step = 10 * time.Second
	if got := o.run(7*time.Hour, 0.01, func(b [3]Burn) bool { return b[1].Firing }); (got - 12960*time.Second).Abs() > o.step {
		t.Errorf("burn 10: the second rule fires after %v, want 3h36m", got) // 6 h · 6 / 10
	}
	if burns := o.account.Burns(o.now, 0.999); burns[0].Firing || !Paging(burns) {
		t.Errorf("%+v", burns)
	}
	o = newOutage(0.999, 80*time.Hour)
	o.step = time.Minute
	got := o.run(80*time.Hour, 0.002, func(b [3]Burn) bool { return b[2].Firing })
	if want := 36 * time.Hour; (got - want).Abs() > time.Minute {
		t.Errorf("burn 2: the third rule fires after %v, want %v", got, want)
	}
	if Paging(o.account.Burns(o.now, 0.999)) {
		t.Error("a ticket wakes somebody")
	}
}

func TestBudgetLeft(t *testing.T) {
	for _, test := range []struct {
		good, bad uint64
		target    float64
		want      float64
	}{
		{0, 0, 0.999, 1},
		{1000, 0, 0.999, 1},
		{999, 1, 0.999, 0}, // to the last call, in spite of rounding
		{9990, 10, 0.999, 0},
		{9995, 5, 0.999, 0.5},
		{99, 1, 0.999, -9},
		{0, 10, 0.9, -9},
		{999_999, 1, 0.9999, 0.99},
	} {
		if got := BudgetLeft(Counts{test.good, test.bad}, test.target); math.Abs(got-test.want) > 1e-9 {
			t.Errorf("%d good, %d bad, %v: %v left, want %v", test.good, test.bad, test.target, got, test.want)
		}
	}
	if (Standing{Left: BudgetLeft(Counts{999, 1}, 0.999)}).Compliant() {
		t.Error("a budget that is spent counts as left")
	}
}
