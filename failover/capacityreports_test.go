package failover

import (
	"math"
	"testing"
	"time"
)

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
