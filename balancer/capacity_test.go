package balancer

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
)

// reportAll makes all endpoints of a cloud say the same of their load.
func reportAll(t *testing.T, r *Router, cloud string, l LoadReport) {
	places, _, err := r.Places("api", HTTP)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range places {
		if p.Cloud == cloud {
			p.Report(l)
		}
	}
}

// What servers report is the mean of them, new reports count more than old ones,
// and 10 s later they are none.
func TestReportsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, scarce(1000, 1000))
		utilization := func() float64 { return state(r, "a").Capacity.Utilization }
		places, _, err := r.Places("api", HTTP)
		if err != nil {
			t.Fatal(err)
		}
		places[0].Report(LoadReport{Application: 0.4})
		places[1].Report(LoadReport{CPU: 0.6})
		time.Sleep(500 * time.Millisecond)
		if got := utilization(); got < 0.499 || got > 0.501 {
			t.Errorf("the mean is %v", got)
		}
		time.Sleep(2 * time.Second)
		places[0].Report(LoadReport{Application: 0.8})
		time.Sleep(500 * time.Millisecond)
		if got := utilization(); got < 0.75 || got > 0.8 {
			t.Errorf("with a newer report the mean is %v", got)
		}
		time.Sleep(9 * time.Second)
		if got := utilization(); got != 0.8 {
			t.Errorf("when one is left: %v", got)
		}
		time.Sleep(time.Second)
		if got := state(r, "a").Capacity; got.Utilization != 0 || got.Source != failover.CapacityConfigured {
			t.Errorf("when all are old: %+v", got)
		}
	})
}

// A cloud that says it is full gets no more than it has, and its status says where
// that comes from and since when.
func TestReportsSteerTheCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.router(t, scarce(1000, 1000))
		began := time.Now()
		for range 20 {
			reportAll(t, r, "a", LoadReport{Application: 2})
			w.load(r, "standard", 100, 5*time.Millisecond)
		}
		a, b := state(r, "a").Capacity, state(r, "b").Capacity
		if a.PerSecond >= 100 || a.Source != failover.CapacityReported || a.Since.Before(began) || a.Utilization != 2 {
			t.Errorf("%+v", a)
		}
		if b.PerSecond != 1000 || b.Source != failover.CapacityConfigured || b.Utilization != 0 {
			t.Errorf("%+v", b)
		}
		if a.Demand < 120 || a.Demand > 160 || a.Load > a.PerSecond*1.05 || b.Load < 90 || b.Desired < b.Load*0.99 {
			t.Errorf("a %+v, b %+v", a, b)
		}
	})
}

// Calls per second ÷ utilization is what an endpoint carries. Those that haven't told
// count as the others, and who is almost idle tells nothing.
func TestReportsTellWhatThereIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, scarce(1000, 1000))
		places, _, err := r.Places("api", HTTP)
		if err != nil {
			t.Fatal(err)
		}
		c := r.order[0].clouds[0]
		for _, test := range []struct {
			first, second LoadReport
			want          float64
		}{
			{LoadReport{Application: 0.5, Calls: 100}, LoadReport{CPU: 0.25, Calls: 100}, 600},
			{LoadReport{Application: 0.5, Calls: 100}, LoadReport{Application: 0.01, Calls: 100}, 400},
			{LoadReport{Application: 0.5, Calls: 100}, LoadReport{Application: 0.5}, 400},
			{LoadReport{Application: 0.5}, LoadReport{Application: 0.5}, 0},
		} {
			places[0].Report(test.first)
			places[1].Report(test.second)
			r.mu.Lock()
			if _, got, ok := c.reports(r, r.now()); !ok || math.Abs(got-test.want) > 1e-6 {
				t.Errorf("%+v and %+v: %v, want %v", test.first, test.second, got, test.want)
			}
			r.mu.Unlock()
		}
	})
}

// The capacity of a cloud that is down is what it was in the config, since it fell.
func TestCapacityWhileDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.router(t, scarce(1000, 1000))
		w.load(r, "standard", 100, 5*time.Millisecond)
		w.set("a", refuses)
		w.load(r, "standard", 200, 5*time.Millisecond)
		if got := state(r, "a").State; got != health.Down {
			t.Fatalf("a is %v", got)
		}
		was := state(r, "a").Capacity
		time.Sleep(5 * time.Second)
		if is := state(r, "a").Capacity; is.Since != was.Since || is.Source != failover.CapacityConfigured {
			t.Errorf("%q since %v, 5 s later %q since %v", was.Source, was.Since, is.Source, is.Since)
		}
	})
}

// The configured capacity is that of the endpoints that there were at first: if
// the cloud can grow, more of them carry more, up to the ceiling.
func TestMoreEndpointsCarryMore(t *testing.T) {
	for name, test := range map[string]struct {
		ceiling   float64
		base, now int
		want      float64
	}{
		"twice as many":       {ceiling: 1000, base: 2, now: 4, want: 2},
		"more than it can":    {ceiling: 300, base: 2, now: 8, want: 3},
		"fewer":               {ceiling: 1000, base: 4, now: 2, want: 1},
		"not known yet":       {ceiling: 1000, base: 0, now: 3, want: 1},
		"none":                {ceiling: 1000, base: 2, now: 0, want: 1},
		"a cloud of one size": {ceiling: 0, base: 2, now: 4, want: 1},
	} {
		c := &serviceCloud{target: health.NewTarget(health.Settings{}, nil, 0), addresses: test.now}
		c.capacity = capacity{configured: 100, ceiling: test.ceiling, base: float64(test.base)}
		if got := c.grown(); got != test.want {
			t.Errorf("%s: %v times, want %v", name, got, test.want)
		}
	}
}

// A process has its part of what is configured, and nothing is known without the
// number of processes.
func TestCapacityIsShared(t *testing.T) {
	for instances, want := range map[int]float64{0: 0, 1: 1000, 20: 50} {
		synctest.Test(t, func(t *testing.T) {
			cfg := scarce(1000, 1000)
			cfg.Instances = instances
			r := newWorld().router(t, cfg)
			time.Sleep(time.Second)
			if got := state(r, "a").Capacity; got.PerSecond != want || got.Since.IsZero() != (want == 0) {
				t.Errorf("of %d: %+v", instances, got)
			}
		})
	}
}

// The configured capacity is that of all endpoints that the config names, whenever
// their addresses come, and how far a cloud has grown outlives other endpoints in
// the config.
func TestCapacityIsOfTheConfigsEndpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := scarce(1000, 1000)
		runs := func(endpoints ...string) {
			c := cfg.Services["api"].Clouds["a"]
			c.HTTP, c.Ceiling = endpoints, 8000
			cfg.Services["api"].Clouds["a"] = c
		}
		runs("http://10.0.0.1", "http://late.example.com")
		n := &names{addrs: map[string][]string{}}
		r := newWorld().router(t, cfg, WithResolver(n.lookup))
		expect := func(when string, want float64) {
			t.Helper()
			time.Sleep(time.Minute) // lookups of a name that has no address
			if got := state(r, "a").Capacity.PerSecond; got != want {
				t.Errorf("%s: %v calls per second, want %v", when, got, want)
			}
		}
		expect("one address of two", 1000)
		n.set("late.example.com", "10.0.0.2")
		expect("both", 1000)
		n.set("late.example.com", "10.0.0.2", "10.0.0.3", "10.0.0.4")
		expect("grown to twice as many", 2000)
		runs("http://10.0.0.1", "http://late.example.com", "http://10.0.0.5", "http://10.0.0.6")
		if err := r.Update(cfg); err != nil {
			t.Fatal(err)
		}
		expect("smaller ones", 2000)
		n.set("late.example.com", "10.0.0.2")
		expect("shrunk", 4.0/3*1000)
	})
}
