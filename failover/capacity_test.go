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

// fleet is several clients of one cloud whose reports are a second old.
type fleet struct {
	carries float64
	clients []*Capacity
	each    []float64 // per second
	reports [20]float64
	now     time.Duration
}

// run offers each client more than it gets, and returns the utilization in the end.
func (f *fleet) run(d, offered, part float64) (utilization float64) {
	for end := f.now + time.Duration(d*float64(time.Second)); f.now < end; f.now += sweep {
		total := 0.0
		for i, c := range f.clients {
			load := sent(offered, f.each[i])
			f.each[i], _ = c.Step(f.now, CapacitySigns{
				Configured: part, Ceiling: f.carries, Load: load, Utilization: f.reports[0], Reported: f.now > time.Second,
			})
			total += load
		}
		utilization = total / f.carries
		copy(f.reports[:], f.reports[1:])
		f.reports[len(f.reports)-1] = utilization
	}
	return utilization
}

func (f *fleet) join() { f.clients, f.each = append(f.clients, new(Capacity)), append(f.each, 0) }

// With reports clients use the cloud to 0.95 and 0.04 × part/C, and who comes later
// gets as much as the others: half of it within 30 s. If nothing is configured the
// part is what the client sent at first.
func TestCapacityFollowsReports(t *testing.T) {
	const carries, offered = 1000, 1200
	for name, part := range map[string]float64{"configured": 400, "unknown": 0} {
		f := &fleet{carries: carries}
		balance := func(clients float64) float64 {
			if part == 0 {
				return 0.95 + 0.04*clients*offered/carries
			}
			return 0.95 + 0.04*clients*part/carries
		}
		f.join()
		if u := f.run(60, offered, part); math.Abs(u-balance(1)) > 0.01 {
			t.Errorf("%s: one client uses it to %.3f, want %.3f", name, u, balance(1))
		}
		f.join()
		if u := f.run(30, offered, part); math.Abs(u-balance(2)) > 0.02 {
			t.Errorf("%s: two clients use it to %.3f, want %.3f", name, u, balance(2))
		}
		if a, b := f.each[0], f.each[1]; max(a, b) > 2*min(a, b) {
			t.Errorf("%s: after 30 s the first has %.0f, the newcomer %.0f", name, a, b)
		}
		f.run(60, offered, part)
		if a, b := f.each[0], f.each[1]; !near(a, b, 0.1) {
			t.Errorf("%s: after 90 s the first has %.0f, the newcomer %.0f", name, a, b)
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
	if got, source = drive(&c, 30*time.Second, 31*time.Second, offered(1)); got != 0 || source != CapacityUnknown {
		t.Errorf("when nobody asks for it any more: %v, %q", got, source)
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

// A client that begins to call is no reason to take a cloud for full that is half
// used.
func TestCapacityOfASuddenCaller(t *testing.T) {
	var c Capacity
	now := time.Duration(0)
	for _, load := range []float64{0, 1, 100, 10_000, 1e6, 1e6} {
		for range 10 {
			now += 50 * time.Millisecond
			if perSecond, _ := c.Step(now, CapacitySigns{Load: load, Utilization: 0.5, Reported: true}); perSecond != 0 {
				t.Fatalf("at %.0f calls per second the capacity is %.0f", load, perSecond)
			}
		}
	}
}
