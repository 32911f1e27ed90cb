package sim

import (
	"math"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// TestCarries offers clouds three times what they are to carry: that is what
// they serve, before and after they grow.
func TestCarries(t *testing.T) {
	const s = time.Second
	for _, carries := range []float64{130, 345, 1000} {
		r := simulate(t, Scenario{
			Seed: 1, Duration: 40 * s, Demand: Steps(Point{0, 3 * carries}, Point{20 * s, 9 * carries}),
			Clouds: []Cloud{{
				Name: "gcp", Endpoints: 4, Carries: carries, Growth: []Point{{20 * s, 3 * carries}}, Server: Server{Queue: 16},
			}},
			Tiers: []Tier{{Tier: sla.Tier{Name: "batch", Attempts: 1}}}, Unlimited: true,
		})
		for _, test := range []struct {
			from  time.Duration
			wants float64
		}{{5 * s, carries}, {25 * s, 3 * carries}} {
			sum := r.Between(test.from, test.from+14*s).Clouds[0]
			served, want := float64(sum.Served)/14, test.wants
			if math.Abs(served-want) > 0.05*want || sum.Utilization < 0.97 || sum.Carries != want {
				t.Errorf("%.0f per second served from %v on by a cloud that carries %.0f, %.0f %% busy, want %.0f",
					served, test.from, sum.Carries, 100*sum.Utilization, want)
			}
		}
	}
}

// TestScaler asks for more and less in turn. What is ordered serves the lag later,
// never beyond the ceiling, and stays as long as it was desired lately.
func TestScaler(t *testing.T) {
	const s = time.Second
	w, err := newWorld(Scenario{Seed: 1, Clouds: []Cloud{{Name: "gcp", Endpoints: 2, Carries: 200, Ceiling: 1000, Capacity: 200}}}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	scaler := newScaler(w, 0, Autoscaler{Lag: 10 * s, Hold: 30 * s, Target: 1})
	desired := course{points: Steps(Point{0, 100}, Point{5 * s, 600}, Point{21 * s, 5000}, Point{41 * s, 300})}
	scaler.turn = func() {
		scaler.step(desired.at(w.now))
		w.after(scaleEvery, scaler.turn)
	}
	for _, test := range []struct {
		at   time.Duration
		want float64
	}{
		{4 * s, 200}, // never less than in the beginning
		{15*s - 1, 200},
		{15 * s, 600},
		{31*s - 1, 600},
		{31 * s, 1000},
		{69 * s, 1000}, // desired until 40 s
		{70 * s, 300},
		{100 * s, 300},
	} {
		for w.step(test.at) {
		}
		if got := w.carrying[0]; got != test.want {
			t.Errorf("%.0f at %v, want %.0f", got, test.at, test.want)
		}
	}
}

// TestAutoscaler offers three times what a cloud carries. It grows because the
// clients' routers ask for it, after its lag, and then serves everything.
func TestAutoscaler(t *testing.T) {
	const s = time.Second
	forSeeds(t, 2, func(t *testing.T, seed uint64) {
		r := simulate(t, Scenario{
			Seed: seed, Duration: 60 * s, Clients: 4, Instances: 4, Demand: Steps(Point{0, 100}, Point{20 * s, 600}),
			Clouds: []Cloud{{
				Name: "gcp", Endpoints: 2, Carries: 200, Capacity: 200, Ceiling: 1000, Server: Server{Report: s},
				Autoscaler: &Autoscaler{Lag: 10 * s},
			}},
			Tiers: threeTiers(),
		})
		ready := time.Duration(0)
		for _, sample := range r.Samples {
			if ready == 0 && sample.Clouds[0].Carries > 200 {
				ready = sample.Until
			}
		}
		if ready < 30*s || ready > 35*s {
			t.Errorf("more than in the beginning serves from %v on, want 10 s after the demand rose at 20 s and was noticed", ready)
		}
		last := r.Samples[59].Clouds[0]
		if last.Desired < 540 || last.Carries < 600 || last.Carries < last.Desired || last.Carries > 1000 {
			t.Errorf("%.0f desired and %.0f carried in the end, want 600 to 1000 to be carried and about 600 desired", last.Desired, last.Carries)
		}
	})
}

// TestReports looks at what a server says of its load as it goes from half busy
// to idle: what was so in the last full second.
func TestReports(t *testing.T) {
	var l loop
	s := near(&l, Server{Workers: 2, Service: Delay{Least: 10 * time.Millisecond}, Report: time.Second})
	reports := map[time.Duration]balancer.LoadReport{}
	ask := func() {
		q := &request{}
		q.done = func(health.Outcome) { reports[l.now] = q.load }
		s.send(q)
	}
	for at := time.Duration(0); at < 2*time.Second; at += 10 * time.Millisecond {
		l.at(at, ask)
	}
	for _, at := range []time.Duration{2500, 3500, 4900} {
		l.at(at*time.Millisecond, ask)
	}
	drain(&l)
	for _, test := range []struct {
		at           time.Duration
		util, calls  float64
		utilT, callT float64 // tolerances
	}{
		{500, 0, 0, 0, 0}, // not known yet
		{1500, 0.5, 100, 0.01, 2},
		{2510, 0.25, 50, 0.26, 52}, // the window from 2 s on, or that before
		{3510, 0.005, 1, 0.01, 2},
		{4910, 0.0035, 0.7, 0.01, 2},
	} {
		got := reports[test.at*time.Millisecond]
		if math.Abs(got.Application-test.util) > test.utilT || math.Abs(got.Calls-test.calls) > test.callT {
			t.Errorf("after %d ms: %+v, want %v busy, %v calls/s", test.at, got, test.util, test.calls)
		}
	}
}

// TestReportsArrive looks for the load in the routers' status.
func TestReportsArrive(t *testing.T) {
	clouds := twoClouds()
	clouds[0].Server.Report = time.Second
	clouds[0].Carries, clouds[0].Endpoints = 2800, 2
	w, err := newWorld(Scenario{Seed: 1, Duration: 10 * time.Second, Rate: 2000, Clouds: clouds}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	w.Watch = func(s *Sample) {
		if s.Until != 9*time.Second {
			return
		}
		for _, c := range w.clients[0].router.Status().Services[0].Clouds {
			for _, e := range c.Endpoints {
				if u := e.Load.Utilization(); c.Name == "onprem" && math.Abs(u-0.5) > 0.15 || c.Name == "gcp" && u != 0 {
					t.Errorf("%s: %.2f", c.Name, u)
				}
			}
		}
	}
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
}

// TestServerCap fills a server with requests of three tiers: each is pushed back
// as soon as its limit is reached, and told for how long.
func TestServerCap(t *testing.T) {
	var l loop
	s := near(&l, Server{Workers: 4, Cap: 2, RetryAfter: time.Second, Service: Delay{Least: time.Second}})
	s.tiers = 3
	taken := []int{0, 0, 0}
	for _, tier := range []int{2, 1, 0} {
		for range 10 {
			q := &request{tier: tier}
			q.done = func(o health.Outcome) {
				if o.Kind == health.OK {
					taken[tier]++
				} else if o.Kind != health.Overloaded || o.RetryAfter != time.Second {
					t.Errorf("answered with %+v", o)
				}
			}
			s.arrive(q)
		}
	}
	drain(&l)
	if taken[2] != 4 || taken[1] != 2 || taken[0] != 2 { // 8 in all
		t.Errorf("%v were taken up by tier, want 2, 2, 4", taken)
	}
}

// TestExpires lets a request wait beyond its deadline: a server that looks at it
// does no work for it.
func TestExpires(t *testing.T) {
	for _, expires := range []bool{false, true} {
		var l loop
		s := near(&l, Server{Workers: 1, Expires: expires, Service: Delay{Least: 10 * time.Millisecond}})
		for range 3 {
			s.arrive(&request{deadline: 15 * time.Millisecond, done: func(health.Outcome) {}})
		}
		drain(&l)
		want := meter{served: 3}
		if expires {
			want = meter{served: 2, expired: 1}
		}
		if s.meter.served != want.served || s.meter.expired != want.expired {
			t.Errorf("%d served and %d expired, want %d and %d", s.meter.served, s.meter.expired, want.served, want.expired)
		}
	}
}
