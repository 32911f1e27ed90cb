package failover

import (
	"math"
	"testing"
	"time"
)

// drive steps a Capacity until then, with signs that may depend on what it has
// come to.
func drive(c *Capacity, from, until time.Duration, signs func(now time.Duration, perSecond float64) CapacitySigns) (perSecond float64, source CapacitySource) {
	perSecond = c.allowance
	for now := from; now < until; now += sweep {
		perSecond, source = c.Step(now, signs(now, perSecond))
	}
	return perSecond, source
}

// sent is what goes to a cloud of what is offered.
func sent(offered, perSecond float64) float64 {
	if perSecond == 0 {
		return offered
	}
	return min(offered, perSecond)
}

func near(got, want, part float64) bool { return math.Abs(got-want) <= part*want }

// Without signs it is what the config says, however much is sent.
func TestCapacityOfTheConfig(t *testing.T) {
	var c Capacity
	for _, test := range []struct {
		part   float64
		source CapacitySource
	}{{0, CapacityUnknown}, {100, CapacityConfigured}, {150, CapacityConfigured}, {0, CapacityUnknown}} {
		got, source := drive(&c, 0, 10*time.Second, func(time.Duration, float64) CapacitySigns {
			return CapacitySigns{Configured: test.part, Load: 1000}
		})
		if got != test.part || source != test.source {
			t.Errorf("configured %v: %v, %q", test.part, got, source)
		}
	}
}

// A cloud that says "too much" gets what it took, and is soon asked for more.
func TestCapacityAfterPushback(t *testing.T) {
	var c Capacity
	var answered, refused float64
	const carries = 500.0
	signs := func(part float64, pushes func(load float64) float64, congested bool) func(time.Duration, float64) CapacitySigns {
		return func(_ time.Duration, perSecond float64) CapacitySigns {
			load := sent(1000, perSecond)
			answered += load * sweep.Seconds()
			refused += pushes(load) * sweep.Seconds()
			return CapacitySigns{Configured: part, Load: load, Answered: uint64(answered), PushedBack: uint64(refused), Congested: congested}
		}
	}
	pushes := func(load float64) float64 { return max(0, load-carries) }
	nothing := func(float64) float64 { return 0 }
	got, source := drive(&c, 0, 300*time.Millisecond, signs(1000, pushes, false))
	if got < carries || got > 1.25*carries || source != CapacityPushback {
		t.Fatalf("cut to %.0f (%q), the cloud took %.0f", got, source, carries)
	}
	was := got
	got, _ = drive(&c, 300*time.Millisecond, 5*time.Second, signs(1000, nothing, true))
	if got != was {
		t.Errorf("%.0f grew to %.0f while the cloud was congested", was, got)
	}
	if c.Since() > 300*time.Millisecond {
		t.Errorf("changed at %v", c.Since())
	}
	c.lastCut = 5 * time.Second
	got, _ = drive(&c, 5*time.Second, 6*time.Second, signs(1000, nothing, false))
	if got < 1.03*was || got > 1.1*was {
		t.Errorf("in the first second %.0f grew to %.0f", was, got)
	}
	if got, source = drive(&c, 6*time.Second, 11*time.Second, signs(1000, nothing, false)); got != 1000 || source != CapacityConfigured {
		t.Errorf("6 s after the trouble %.0f (%q)", got, source)
	}
}

// A cloud that takes nothing at all keeps a little, by which to find out when it does
// again.
func TestCapacityWhenAllIsPushedBack(t *testing.T) {
	for _, test := range []struct{ part, offered, least, most float64 }{
		{0, 1000, leastTaken, 8 * leastTaken},
		{1000, 1000, leastAllowance * 1000, leastAllowance * 1100},
		{10, 1000, leastTaken, 8 * leastTaken},
		{0.5, 10, 0.5, 0.5},
	} {
		var c Capacity
		var s CapacitySigns
		var answered, refused float64
		signs := func(pushes bool) func(time.Duration, float64) CapacitySigns {
			return func(_ time.Duration, perSecond float64) CapacitySigns {
				s.Configured, s.Load = test.part, sent(test.offered, perSecond)
				if answered += s.Load * sweep.Seconds(); pushes {
					refused += s.Load * sweep.Seconds()
				}
				s.Answered, s.PushedBack = uint64(answered), uint64(refused)
				return s
			}
		}
		drive(&c, 0, 2*time.Second, signs(true))
		for now := 2 * time.Second; now < 30*time.Second; now += sweep {
			if got, _ := drive(&c, now, now+sweep, signs(true)); got < test.least || got > test.most {
				t.Errorf("part %v: %v at %v, want %v to %v", test.part, got, now, test.least, test.most)
				break
			}
		}
		want := test.part
		if want == 0 {
			want = test.offered
		}
		if got, _ := drive(&c, 30*time.Second, 50*time.Second, signs(false)); got < want {
			t.Errorf("part %v: %v when all is well again, want %v", test.part, got, want)
		}
	}
}

// What was too much may be counted before it counts as an answer: then it is all of
// the answers, and no more.
func TestCapacityWhenMoreIsPushedBackThanAnswered(t *testing.T) {
	var c Capacity
	s := CapacitySigns{Load: 100}
	drive(&c, 0, time.Second, func(time.Duration, float64) CapacitySigns { return s })
	s.Answered, s.PushedBack = 30, 31
	if got, _ := drive(&c, time.Second, 2*time.Second, func(time.Duration, float64) CapacitySigns { return s }); got < leastTaken || got > 2*leastTaken {
		t.Errorf("%v, want little more than %v", got, leastTaken)
	}
}

// Answers that stay slow long after the last pushback are slow for other reasons: the
// capacity comes back all the same, slowly, and doesn't grow beyond what is configured.
func TestCapacityOfSlowAnswersWithoutPushback(t *testing.T) {
	for _, test := range []struct{ configured, want float64 }{{1000, 1000}, {0, 0}} {
		var c Capacity
		s := CapacitySigns{Configured: test.configured, Congested: true}
		if test.configured > 0 {
			s.Ceiling = 2 * test.configured
		}
		signs := func(_ time.Duration, perSecond float64) CapacitySigns {
			s.Load = sent(1000, perSecond)
			return s
		}
		drive(&c, 0, time.Minute, signs)
		if c.allowance != test.configured {
			t.Fatalf("configured %v: %v at first", test.configured, c.allowance)
		}
		s.Answered, s.PushedBack = 1000, 500
		drive(&c, time.Minute, 61*time.Second, signs)
		was := c.allowance
		if was < 500 || was > 600 {
			t.Fatalf("configured %v: cut to %v", test.configured, was)
		}
		if drive(&c, 61*time.Second, 89*time.Second, signs); c.allowance != was {
			t.Errorf("configured %v: %v went to %v in 29 s", test.configured, was, c.allowance)
		}
		if drive(&c, 90*time.Second, 100*time.Second, signs); !near(c.allowance, was*math.Exp(0.05*10), 0.05) {
			t.Errorf("configured %v: %v went to %v in 10 s", test.configured, was, c.allowance)
		}
		if drive(&c, 100*time.Second, 150*time.Second, signs); !near(c.allowance, test.want, 0.01) {
			t.Errorf("configured %v: %v in the end, want %v", test.configured, c.allowance, test.want)
		}
	}
}

// A few refusals are no sign.
func TestCapacityBearsSomePushback(t *testing.T) {
	for _, test := range []struct{ answered, refused uint64 }{{100, 5}, {20, 1}, {20, 2}} {
		var c Capacity
		s := CapacitySigns{Configured: 100, Load: 100}
		drive(&c, 0, 10*time.Second, func(now time.Duration, _ float64) CapacitySigns {
			if now%countFor == 0 {
				s.Answered += test.answered
				s.PushedBack += test.refused
			}
			return s
		})
		if c.allowance != 100 {
			t.Errorf("%d of %d pushed back in a quarter of a second: %v", test.refused, test.answered, c.allowance)
		}
	}
}

// To its ceiling it grows by at most a fifth per second, while it is used up, and
// what isn't used any more sinks back.
func TestCapacityGrowsToItsCeiling(t *testing.T) {
	signs := func(offered, ceiling float64) func(time.Duration, float64) CapacitySigns {
		return func(_ time.Duration, perSecond float64) CapacitySigns {
			return CapacitySigns{Configured: 100, Ceiling: ceiling, Load: sent(offered, perSecond)}
		}
	}
	var c Capacity
	if got, _ := drive(&c, 0, time.Minute, signs(1000, 0)); got != 100 {
		t.Errorf("without a ceiling: %v", got)
	}
	if got, _ := drive(&c, time.Minute, 2*time.Minute, signs(50, 400)); got != 100 {
		t.Errorf("half used: %v", got)
	}
	got, _ := drive(&c, 2*time.Minute, 2*time.Minute+time.Second, signs(1000, 400))
	if got < 115 || got > 124 {
		t.Errorf("in a second: %v", got)
	}
	if got, _ = drive(&c, 2*time.Minute+time.Second, 3*time.Minute, signs(1000, 400)); got != 400 {
		t.Errorf("in a minute: %v", got)
	}
	if got, _ = drive(&c, 3*time.Minute, 3*time.Minute+10*time.Second, signs(20, 400)); !near(got, 100+300*0.67, 0.02) {
		t.Errorf("10 s without use: %v", got)
	}
	if got, _ = drive(&c, 3*time.Minute+10*time.Second, 6*time.Minute, signs(20, 400)); !near(got, 100, 0.01) {
		t.Errorf("after 3 min without use: %v", got)
	}
}

// What isn't configured is unknown until there is trouble, and again when that
// doesn't matter any more.
func TestCapacityFoundOutAndForgotten(t *testing.T) {
	var c Capacity
	s := CapacitySigns{Load: 1000}
	if got, source := drive(&c, 0, 10*time.Second, func(time.Duration, float64) CapacitySigns { return s }); got != 0 || source != CapacityUnknown {
		t.Fatalf("at first: %v, %q", got, source)
	}
	s.Answered, s.PushedBack = 250, 225
	got, source := drive(&c, 10*time.Second, 11*time.Second, func(time.Duration, float64) CapacitySigns { return s })
	if got < 25 || got > 160 || source != CapacityPushback {
		t.Fatalf("after pushback: %v, %q", got, source)
	}
	offered := func(x float64) func(time.Duration, float64) CapacitySigns {
		return func(_ time.Duration, perSecond float64) CapacitySigns {
			s.Load = sent(x, perSecond)
			return s
		}
	}
	if got, source = drive(&c, 11*time.Second, 30*time.Second, offered(1000)); got < 1000 || source != CapacityPushback {
		t.Errorf("when all is well again: %v, %q", got, source)
	}
	if got, source = drive(&c, 30*time.Second, 62*time.Second, offered(1000)); got != 0 || source != CapacityUnknown {
		t.Errorf("30 s later: %v, %q", got, source)
	}
}

// It is known as long as it limits anything.
func TestCapacityIsKnownWhileItMatters(t *testing.T) {
	var c Capacity
	s := CapacitySigns{Load: 1000}
	now := time.Duration(0)
	for ; now < 3*time.Minute; now += sweep {
		s.Answered += uint64(1000 * sweep.Seconds())
		if perSecond := c.allowance; perSecond > 0 {
			s.Load = sent(1000, perSecond)
		}
		if s.Load > 500 {
			s.PushedBack += uint64((s.Load - 500) * sweep.Seconds())
		}
		got, _ := c.Step(now, s)
		if now > time.Second && got == 0 {
			t.Fatalf("forgotten at %v", now)
		}
	}
}

// While a cloud is down its capacity is what is configured, and since when doesn't
// change. What it pushed back when it fell doesn't count when it is back.
func TestCapacityOfALostCloud(t *testing.T) {
	var c Capacity
	s := CapacitySigns{Configured: 100, Load: 100, Answered: 100, PushedBack: 0}
	drive(&c, 0, time.Second, func(time.Duration, float64) CapacitySigns { return s })
	s.Answered, s.PushedBack = 200, 90
	if got, _ := drive(&c, time.Second, 2*time.Second, func(time.Duration, float64) CapacitySigns { return s }); got >= 100 {
		t.Fatalf("%v after pushback", got)
	}
	s.Down, s.Load = true, 0
	for now := 2 * time.Second; now < 10*time.Second; now += sweep {
		s.Answered, s.PushedBack = s.Answered+10, s.PushedBack+10
		if got, source := c.Step(now, s); got != 100 || source != CapacityConfigured || c.Since() != 2*time.Second {
			t.Fatalf("at %v: %v (%q) since %v", now, got, source, c.Since())
		}
	}
	s.Down, s.Load = false, 100
	if got, _ := drive(&c, 10*time.Second, 12*time.Second, func(time.Duration, float64) CapacitySigns { return s }); got != 100 {
		t.Errorf("%v when it is back", got)
	}
}

// An endpoint that is ejected takes its part of the capacity along, and nothing of
// what was found out.
func TestCapacityFollowsEndpoints(t *testing.T) {
	var c Capacity
	now := time.Duration(0)
	step := func(s CapacitySigns) float64 {
		now += 50 * time.Millisecond
		s.Ceiling = 1000
		perSecond, _ := c.Step(now, s)
		return perSecond
	}
	step(CapacitySigns{Configured: 100})
	for range 100 {
		step(CapacitySigns{Configured: 100, Load: c.allowance, Utilization: 0.3, Reported: true})
	}
	grown := c.allowance
	if grown < 300 {
		t.Fatalf("it grew to %.0f", grown)
	}
	if got := step(CapacitySigns{Configured: 90, Load: grown, Utilization: 0.95, Reported: true}); got < 0.85*grown || got > 0.92*grown {
		t.Errorf("with 9 of 10 endpoints the capacity is %.0f, was %.0f", got, grown)
	}
}
