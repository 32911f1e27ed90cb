package health

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// fleet is a target and its endpoints, driven step by step.
type fleet struct {
	*Target
	all []*Endpoint
	now time.Duration
}

func newFleet(s Settings, n int) *fleet {
	f := &fleet{Target: NewTarget(s, []Objective{{Tier: "critical"}}, 0)}
	for range n {
		f.all = append(f.all, new(Endpoint))
	}
	f.SetEndpoints(0, f.all)
	return f
}

// attempt lets n attempts at endpoint i end after a millisecond.
func (f *fleet) attempt(i, n int, k Kind) {
	for range n {
		f.all[i].Begin(0)
		f.Record(f.all[i], 0, f.now, f.now+time.Millisecond, Outcome{Kind: k, Reason: k.String()})
		f.all[i].End()
	}
}

// pass sweeps every 50 ms for a time.
func (f *fleet) pass(d time.Duration) (changes []Change, pickable bool) {
	for end := f.now + d; f.now < end; {
		f.now += sweepInterval
		c, p := f.Sweep(f.now, 1)
		changes, pickable = append(changes, c...), pickable || p
	}
	return changes, pickable
}

// out lists the endpoints that aren't eligible.
func (f *fleet) out() (list []int) {
	for i, e := range f.all {
		if !e.Eligible() {
			list = append(list, i)
		}
	}
	return list
}

func (f *fleet) wantOut(t *testing.T, when string, want ...int) {
	t.Helper()
	got := f.out()
	same := len(got) == len(want)
	for i := range got {
		same = same && got[i] == want[i]
	}
	if !same {
		t.Errorf("%s: endpoints %v are out, want %v", when, got, want)
	}
	if h, w := f.Healthy(), 1-float64(len(want))/float64(len(f.all)); h != w {
		t.Errorf("%s: healthy %v, want %v", when, h, w)
	}
}

// When endpoints leave, no more of those that are left are out than may be ejected:
// those come back first that probes speak for, then those whose time is over first.
func TestEjectionsWhenEndpointsLeave(t *testing.T) {
	for _, test := range []struct {
		name   string
		bad    []int // in the order in which they are ejected
		probed int   // endpoint that has good probes; below 0: none
		left   []int
		want   []int // that are out then
	}{
		{"one of two", []int{0}, -1, []int{0}, nil},
		{"enough are left", []int{0}, -1, []int{0, 1}, []int{0}},
		{"none of those that are out is left", []int{0, 1}, -1, []int{2, 3}, nil},
		{"two of four, by time", []int{1, 0}, -1, []int{0, 1}, []int{0}},
		{"two of four, by probes", []int{1, 0}, 0, []int{0, 1}, []int{1}},
		{"all", []int{1, 0}, -1, nil, nil},
	} {
		f := newFleet(Settings{}, 4)
		for _, i := range test.bad {
			f.attempt(i, 5, Failed)
			f.pass(time.Second)
		}
		if test.probed >= 0 {
			f.Probed(f.all[test.probed], Outcome{Kind: OK})
		}
		all := f.all
		f.all = nil
		for _, i := range test.left {
			f.all = append(f.all, all[i])
		}
		f.SetEndpoints(f.now, f.all)
		if len(f.all) > 0 {
			f.wantOut(t, test.name, test.want...)
		}
		f.pass(sweepInterval)
		if len(f.all) > 0 {
			f.wantOut(t, test.name+", after a sweep", test.want...)
		}
	}
}

// TRUTH: gRFC A50's and Envoy's example, success rates 50, 100, 100, 100, 100:
// mean 90, threshold 52.
func TestOutlierThresholdOfA50(t *testing.T) {
	near(t, "threshold", outlierThreshold([]float64{0.5, 1, 1, 1, 1}), 0.52, 1e-9)
	// One deviant among n has z = √(n−1): of four none is ever an outlier.
	if rate := 0.0; rate < outlierThreshold([]float64{rate, 1, 1, 1}) {
		t.Error("one of four is an outlier")
	}
	if rate := 0.0; rate >= outlierThreshold([]float64{rate, 1, 1, 1, 1}) {
		t.Error("one of five is no outlier")
	}
	// The least lucky among equals.
	if rate := 0.97; rate < outlierThreshold([]float64{rate, 0.99, 0.99, 0.99, 0.99, 0.99}) {
		t.Error("two points less is an outlier")
	}
}

// TRUTH: gRFC A50: min(base × multiplier, max(base, max)).
func TestEjectionTime(t *testing.T) {
	a50 := Ejection{Base: 30 * time.Second, Max: 300 * time.Second}
	for multiplier, want := range map[int]time.Duration{1: 30 * time.Second, 2: time.Minute, 10: 5 * time.Minute, 11: 5 * time.Minute, 1 << 40: 5 * time.Minute} {
		if got := ejectionTime(a50, multiplier); got != want {
			t.Errorf("ejection %d lasts %v, want %v", multiplier, got, want)
		}
	}
	if got := ejectionTime(Ejection{Base: time.Hour, Max: time.Second}, 3); got != time.Hour {
		t.Errorf("with a base above the maximum: %v, want the base", got)
	}
}

// Good probes end an ejection for timeouts before its time, but each time it takes
// one more. Other failures last their time.
func TestGoodProbesEndAnEjectionForTimeouts(t *testing.T) {
	f := newFleet(Settings{}, 4)
	for n := range 3 {
		f.attempt(1, 50, OK)
		f.attempt(0, 5, TimedOut)
		f.pass(sweepInterval)
		f.wantOut(t, "after 5 timeouts", 0)
		for range n {
			f.Probed(f.all[0], Outcome{Kind: OK})
		}
		f.pass(sweepInterval)
		f.wantOut(t, "after too few good probes", 0)
		f.Probed(f.all[0], Outcome{Kind: OK})
		f.pass(sweepInterval)
		f.wantOut(t, "after one more")
	}
	f.attempt(0, 5, Failed)
	f.attempt(1, 1, TimedOut) // what others do is no matter
	f.pass(sweepInterval)
	for range 10 {
		f.Probed(f.all[0], Outcome{Kind: OK})
	}
	f.pass(sweepInterval)
	f.wantOut(t, "after failures, well by probes", 0)
}

func TestConsecutiveFailuresEject(t *testing.T) {
	f := newFleet(Settings{}, 4)
	f.attempt(0, 4, Failed)
	f.attempt(1, 4, Failed)
	f.attempt(1, 1, OK)
	f.attempt(1, 4, Failed)
	f.attempt(2, 50, OK)
	f.attempt(3, 50, OK)
	f.pass(sweepInterval)
	f.wantOut(t, "after 4, and 4 and 4")
	f.attempt(0, 1, Failed)
	if _, pickable := f.pass(sweepInterval); !pickable {
		t.Error("the ejection isn't reported")
	}
	f.wantOut(t, "after 5", 0)
	if got, want := f.all[0].Reason(), "5 bad attempts in a row, failed"; got != want {
		t.Errorf("reason %q, want %q", got, want)
	}
	f.pass(4900 * time.Millisecond)
	f.wantOut(t, "before its time is over", 0)
	if _, pickable := f.pass(100 * time.Millisecond); !pickable {
		t.Error("the return isn't reported")
	}
	f.wantOut(t, "after its time")
	if f.all[0].Reason() != "" {
		t.Errorf("eligible, with reason %q", f.all[0].Reason())
	}
}

func TestEjectionWaitsForProbes(t *testing.T) {
	f := newFleet(Settings{Probe: Probe{Rise: 2}}, 4)
	f.Probed(f.all[0], Outcome{Kind: OK})
	f.attempt(0, 5, Refused)
	f.pass(sweepInterval)
	f.Probed(f.all[0], Outcome{Kind: Refused})
	f.pass(10 * time.Second)
	f.wantOut(t, "after its time, probe bad", 0)
	f.Probed(f.all[0], Outcome{Kind: OK})
	f.pass(time.Second)
	f.wantOut(t, "one good probe of two", 0)
	f.Probed(f.all[0], Outcome{Kind: OK})
	f.pass(sweepInterval)
	f.wantOut(t, "two good probes")
}

func TestProbesEjectOnlyWhereThereAreNoCalls(t *testing.T) {
	f := newFleet(Settings{}, 4)
	for range 5 {
		f.attempt(0, 1, OK)
		f.Probed(f.all[0], Outcome{Kind: Failed})
		f.Probed(f.all[1], Outcome{Kind: Failed})
		f.pass(200 * time.Millisecond)
	}
	f.wantOut(t, "one has calls that go well", 1)
	f.Probed(f.all[1], Outcome{Kind: Reached})
	f.pass(sweepInterval)
	f.wantOut(t, "a good probe")
}

func TestNeverMoreThanTheFractionIsEjected(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "endpoints")
		fraction := rapid.Float64Range(0.01, 1).Draw(t, "fraction")
		f := newFleet(Settings{Ejection: Ejection{Fraction: fraction}}, n)
		for range 20 {
			for i := range n {
				if rapid.Bool().Draw(t, "bad") {
					f.attempt(i, 6, Refused)
				}
			}
			f.pass(time.Second)
			limit := max(1, int(float64(n)*fraction))
			if n == 1 {
				limit = 0
			}
			if out := f.out(); len(out) > limit {
				t.Fatalf("%d of %d endpoints are out, want at most %d", len(out), n, limit)
			}
		}
	})
}

func TestSilentEndpointReturnsWithItsFirstAnswer(t *testing.T) {
	f := newFleet(Settings{}, 4)
	for range 3 {
		f.all[0].Begin(0)
	}
	for range 25 {
		f.attempt(1, 1, OK)
		f.pass(sweepInterval)
	}
	f.wantOut(t, "three attempts wait for more than a second", 0)
	f.Record(f.all[0], 0, 0, f.now, Outcome{Kind: OK})
	f.pass(sweepInterval)
	f.wantOut(t, "a late answer")
}

func TestQuickCallersAndRefusalsAreNoSilence(t *testing.T) {
	for _, k := range []Kind{Neutral, Refused, Broken} {
		f := newFleet(Settings{Ejection: Ejection{Consecutive: 1000}}, 4)
		for range 100 {
			f.attempt(0, 1, k)
			f.attempt(1, 20, OK)
			f.pass(sweepInterval)
		}
		if f.all[0].swept.silence.silent {
			t.Errorf("silent by attempts that ended %v after a millisecond", k)
		}
	}
}

func TestSuccessRateOutlierIsEjected(t *testing.T) {
	f := newFleet(Settings{}, 6)
	for range 10 {
		for i := range f.all {
			f.attempt(i, 20, OK)
		}
		// A third of its answers, but never five in a row.
		for range 4 {
			f.attempt(5, 2, Failed)
			f.attempt(5, 1, OK)
		}
		f.pass(time.Second)
	}
	f.wantOut(t, "after an interval", 5)
}

func TestEjectionsGrowAndAreForgiven(t *testing.T) {
	f := newFleet(Settings{}, 4)
	for i := range 3 {
		f.attempt(0, 5, Refused)
		f.pass(sweepInterval)
		since := f.now
		for !f.all[0].Eligible() {
			f.pass(sweepInterval)
		}
		near(t, "ejection", (f.now - since).Seconds(), float64(5*(i+1)), 0.051)
	}
	f.pass(time.Minute)
	f.attempt(0, 5, Refused)
	f.pass(sweepInterval)
	if got := f.all[0].ejection.until - f.now; got != 5*time.Second {
		t.Errorf("after a clean minute an ejection lasts %v, want 5s", got)
	}
}

// A cloud of two or three, too small for outliers, does not fall with one.
func TestOneBadEndpointOfFewIsBlamedAlone(t *testing.T) {
	for n := 2; n <= 4; n++ {
		f := newFleet(Settings{Ejection: Ejection{Consecutive: 1000}}, n)
		for range 40 {
			f.attempt(0, 2, Failed)
			f.attempt(0, 1, OK)
			for i := 1; i < n; i++ {
				f.attempt(i, 1, OK)
			}
			f.pass(sweepInterval)
		}
		if f.State() == Down {
			t.Errorf("%d endpoints: %s", n, f.Reason())
		}
		f.wantOut(t, "after two seconds", 0)
	}
}

func TestSlowStart(t *testing.T) {
	f := newFleet(Settings{SlowStart: 10 * time.Second}, 2)
	// kept is the part of its attempts that an endpoint doesn't leave to others.
	kept := func(e *Endpoint) float64 {
		n := 0
		for i := range uint32(1000) {
			if !e.Yields(i*(1<<32/1000), e) {
				n++
			}
		}
		return float64(n) / 1000
	}
	f.attempt(0, 100, OK)
	f.attempt(1, 100, OK)
	f.pass(sweepInterval)
	near(t, "first endpoints", kept(f.all[0]), 1, 0)

	fresh := new(Endpoint)
	f.all = append(f.all, fresh)
	f.SetEndpoints(f.now, f.all)
	// Envoy: weight × max(10 %, elapsed ÷ window).
	near(t, "a new one", kept(fresh), 0.1, 0.002)
	f.pass(5 * time.Second)
	near(t, "halfway", kept(fresh), 0.5, 0.01)
	f.pass(5 * time.Second)
	near(t, "at the end", kept(fresh), 1, 0)
}
