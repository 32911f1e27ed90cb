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
	calls   bool // reports tell how many there are
	shared  int  // what clients know of their number
	clients []*Capacity
	each    []float64 // per second
	reports [20]float64
	now     time.Duration
}

// run offers each client more than it gets, and returns the utilization in the end
// and the highest one.
func (f *fleet) run(d, offered, part float64) (utilization, highest float64) {
	for end := f.now + time.Duration(d*float64(time.Second)); f.now < end; f.now += sweep {
		total := 0.0
		for i, c := range f.clients {
			s := CapacitySigns{
				Configured: part, Ceiling: f.carries, Load: sent(offered, f.each[i]),
				Utilization: f.reports[0], Reported: f.now > time.Second, Clients: f.shared,
			}
			if f.calls && s.Utilization > 0 {
				s.Carries = f.carries
			}
			f.each[i], _ = c.Step(f.now, s)
			total += s.Load
		}
		utilization = total / f.carries
		highest = max(highest, utilization)
		copy(f.reports[:], f.reports[1:])
		f.reports[len(f.reports)-1] = utilization
	}
	return utilization, highest
}

func (f *fleet) join() { f.clients, f.each = append(f.clients, new(Capacity)), append(f.each, 0) }

// With reports clients use the cloud to 0.95 and 0.04 × part/C, and who comes later
// gets as much as the others: half of it within 30 s.
func TestCapacityFollowsReports(t *testing.T) {
	const carries, offered, part = 1000, 1200, 400
	f := &fleet{carries: carries}
	balance := func(clients float64) float64 { return 0.95 + 0.04*clients*part/carries }
	f.join()
	if u, _ := f.run(60, offered, part); math.Abs(u-balance(1)) > 0.01 {
		t.Errorf("one client uses it to %.3f, want %.3f", u, balance(1))
	}
	f.join()
	if u, _ := f.run(30, offered, part); math.Abs(u-balance(2)) > 0.02 {
		t.Errorf("two clients use it to %.3f, want %.3f", u, balance(2))
	}
	if a, b := f.each[0], f.each[1]; max(a, b) > 2*min(a, b) {
		t.Errorf("after 30 s the first has %.0f, the newcomer %.0f", a, b)
	}
	f.run(60, offered, part)
	if a, b := f.each[0], f.each[1]; !near(a, b, 0.1) {
		t.Errorf("after 90 s the first has %.0f, the newcomer %.0f", a, b)
	}
}

// If nothing is configured, clients that each could fill the cloud twice still share
// it: they don't push it above 105 %, and a newcomer has half of what the other has
// within 30 s. It takes a minute if reports don't tell how many calls there are.
func TestUnknownCapacityFollowsReports(t *testing.T) {
	const carries, offered = 1000, 2000
	for name, test := range map[string]struct {
		calls        bool
		shared       int
		within, fair float64
	}{
		"utilization alone":    {within: 60, fair: 0.5},
		"and calls":            {calls: true, within: 30, fair: 0.2},
		"and how many clients": {calls: true, shared: 2, within: 30, fair: 0.2},
	} {
		t.Run(name, func(t *testing.T) {
			for _, together := range []bool{true, false} {
				f := &fleet{carries: carries, calls: test.calls, shared: test.shared}
				f.join()
				if !together {
					if u, _ := f.run(60, offered, 0); u < 0.94 || u > 1.02 {
						t.Errorf("one client uses it to %.3f", u)
					}
				}
				f.join()
				f.run(30, offered, 0)
				if a, b := f.each[0], f.each[1]; max(a, b) > 2*min(a, b) {
					t.Errorf("after 30 s one has %.0f, the newcomer %.0f", a, b)
				}
				f.run(test.within-30, offered, 0)
				if u, highest := f.run(60, offered, 0); u < 0.94 || highest > 1.05 {
					t.Errorf("from %.0f s on two clients use it to %.3f, at times to %.3f", test.within, u, highest)
				}
				if a, b := f.each[0], f.each[1]; !near(a, b, test.fair) {
					t.Errorf("in the end one has %.0f, the newcomer %.0f", a, b)
				}
			}
		})
	}
}

// When a cloud has grown all clients have their part of it soon, also one that had
// much less, as others use three quarters of it already; and none are so quick that
// they overrun it.
func TestCapacityCatchesUp(t *testing.T) {
	for name, offered := range map[string]float64{"three quarters": 120, "all": 1000} {
		f := crowdedFleet(10, 20)
		f.run(30, offered, 20)
		f.clients[0].allowance = 2
		f.carries = 1600
		if _, highest := f.run(4, offered, 20); highest > 1.05 {
			t.Errorf("%s is asked for: at first it is used to %.2f", name, highest)
		}
		if want := min(offered, 0.9*0.75*160); f.each[0] < want {
			t.Errorf("%s is asked for: 4 s later the smallest has %.0f, want %.0f", name, f.each[0], want)
		}
	}
}

// A load balancer has 16 servers behind one address. Each report is about one of
// them, which is no reason to send the cloud a sixteenth of what it carries.
func TestCapacityBehindALoadBalancer(t *testing.T) {
	for _, clients := range []int{0, 1, 10} {
		const carries = 16_000.0
		var c Capacity
		offered, least := 15_700.0/float64(max(clients, 1)), math.Inf(1)
		drive(&c, 0, 40*time.Second, func(now time.Duration, perSecond float64) CapacitySigns {
			load := sent(offered, perSecond)
			if now < 10*time.Second {
				load /= 2
			} else {
				least = min(least, load)
			}
			utilization := load * float64(max(clients, 1)) / carries
			return CapacitySigns{Load: load, Reported: true, Utilization: utilization, Carries: carries / 16, Clients: clients}
		})
		if least < 0.8*offered {
			t.Errorf("%d clients: %.0f of %.0f calls per second", clients, least, offered)
		}
	}
}

// Who sends much less than others gets half as much within 3 s although the cloud is
// almost full.
func TestCapacityOfTheLeast(t *testing.T) {
	f := crowdedFleet(20, 10)
	f.run(30, 9.2, 10)
	f.clients[0].allowance = 1
	f.run(3, 9.2, 10)
	if f.each[0] < 0.45*9.2 {
		t.Errorf("it has %.1f, others 9.2", f.each[0])
	}
}

// A number of clients that isn't true does no lasting harm: it all settles, and a
// cloud that grows is used.
func TestCapacityOfOtherNumbers(t *testing.T) {
	for _, said := range []int{2, 5, 20, 40} {
		f := crowdedFleet(10, 20)
		f.shared = said
		f.run(30, 1000, 20)
		f.carries = 800
		f.run(20, 1000, 20)
		for range 10 {
			if u, highest := f.run(3, 1000, 20); u < 0.9 || highest > 1.05 {
				t.Errorf("10 clients are said to be %d: the cloud is used to %.2f, at times to %.2f", said, u, highest)
			}
		}
	}
}

// crowdedFleet is clients whose servers tell how many calls they have. Each is for so
// many calls per second.
func crowdedFleet(clients int, each float64) *fleet {
	f := &fleet{carries: float64(clients) * each, calls: true, shared: clients}
	for range clients {
		f.join()
	}
	return f
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
