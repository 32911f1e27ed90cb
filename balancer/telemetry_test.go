package balancer

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// oneEach is a router whose service has an endpoint in each cloud.
func oneEach() *Config {
	cfg := testConfig()
	for cloud, at := range map[string]string{"a": "10.0.0.1:80", "b": "10.0.1.1:80"} {
		cfg.Services["api"].Clouds[cloud] = ServiceCloud{HTTP: []string{"http://" + at}, Capacity: 100}
	}
	cfg.Instances = 1
	cfg.Tiers[0].Objective = sla.Objective{Target: 0.9995, Latency: 50 * time.Millisecond}
	return cfg
}

// Every figure after known calls.
func TestMetricsAreExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, w := newMeters(), newWorld()
		cfg := oneEach()
		cfg.Observe = "a" // so that it is known where the calls go
		r := w.router(t, cfg, WithMeterProvider(m), WithLatencyHistogram())
		ctx := sla.WithTier(t.Context(), "critical")
		call := Call{Service: "api", Idempotent: true}
		do := func(ctx context.Context, n int) {
			for range n {
				_, _ = w.call(ctx, r, call)
			}
		}
		do(ctx, 5)
		do(t.Context(), 2) // standard
		_, _ = Do(ctx, r, call, func(context.Context, Attempt) (int, health.Outcome, error) {
			time.Sleep(60 * time.Millisecond) // slow
			return 0, health.Outcome{Kind: health.OK}, nil
		}, nil)
		canceled, cancel := context.WithCancel(ctx)
		time.AfterFunc(time.Millisecond, cancel)
		do(canceled, 1)
		w.set("a", fails)
		do(ctx, 1) // in three attempts
		w.set("a", fine)
		time.Sleep(3 * time.Second) // until b was probed
		a, err := r.Pick(ctx, call, nil)
		if err != nil {
			t.Fatal(err)
		}

		got := m.read(t)
		expect(t, got, []string{"calls", "attempts", "attempts.spoiled", "picks", "retries", "shed", "failovers", "config.errors", "cloud.in_flight", "attempt.duration"}, map[string]float64{
			"calls{protocol=http,service=api,tier=critical}":                                       5,
			"calls{error.type=slow,protocol=http,service=api,tier=critical}":                       1,
			"calls{error.type=canceled,protocol=http,service=api,tier=critical}":                   1,
			"calls{protocol=http,service=api,tier=standard}":                                       2,
			"calls{error.type=failed,protocol=http,service=api,tier=critical}":                     1,
			"attempts{cloud=a,protocol=http,service=api}":                                          8,
			"attempts{cloud=a,error.type=failed,protocol=http,service=api}":                        3,
			"attempts{cloud=a,error.type=neutral,protocol=http,service=api}":                       1,
			"picks{cloud=a,protocol=http,service=api,tier=critical}":                               11,
			"picks{cloud=a,protocol=http,service=api,tier=standard}":                               2,
			"retries{protocol=http,service=api}":                                                   2,
			"cloud.in_flight{cloud=a,protocol=http,service=api}":                                   1,
			"attempt.duration{cloud=a,protocol=http,service=api,tier=critical}":                    6,
			"attempt.duration{cloud=a,protocol=http,service=api,tier=standard}":                    2,
			"attempt.duration{cloud=a,error.type=neutral,protocol=http,service=api,tier=critical}": 1,
			"attempt.duration{cloud=a,error.type=failed,protocol=http,service=api,tier=critical}":  3,
		})
		expect(t, got, []string{"cloud.health", "cloud.share", "cloud.endpoints", "sla.target"}, map[string]float64{
			"cloud.health{cloud=a,protocol=http,service=api,state=healthy}":               1,
			"cloud.health{cloud=b,protocol=http,service=api,state=healthy}":               1,
			"cloud.share{cloud=a,protocol=http,reason=weights,service=api,tier=critical}": 0.7,
			"cloud.share{cloud=b,protocol=http,reason=weights,service=api,tier=critical}": 0.3,
			"cloud.share{cloud=a,protocol=http,reason=weights,service=api,tier=standard}": 0.7,
			"cloud.share{cloud=b,protocol=http,reason=weights,service=api,tier=standard}": 0.3,
			"cloud.endpoints{cloud=a,protocol=http,service=api,state=eligible}":           1,
			"cloud.endpoints{cloud=b,protocol=http,service=api,state=eligible}":           1,
			"sla.target{protocol=http,service=api,tier=critical}":                         0.9995,
			"sla.target{protocol=http,service=api,tier=standard}":                         0.999,
		})
		for _, name := range []string{"demand", "load", "capacity", "desired_capacity", "utilization"} {
			if _, there := got["cloud."+name+"{cloud=a,protocol=http,service=api}"]; !there {
				t.Errorf("no cloud.%s", name)
			}
		}
		if tokens := got["retry.tokens{protocol=http,service=api}"]; tokens <= 0 {
			t.Errorf("%v tokens", tokens)
		}
		a.Answered(health.Outcome{Kind: health.OK})
		a.Release(health.Outcome{Kind: health.Broken})
		if n := m.read(t)["attempts.spoiled{cloud=a,protocol=http,service=api}"]; n != 1 {
			t.Errorf("%v answers broke off, want 1", n)
		}
	})
}

// A lost cloud is a failover, with the reason as a code; and calls that find no
// cloud, or no service, end well counted.
func TestMetricsOfALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, w := newMeters(), newWorld()
		cfg := oneEach()
		cfg.Failover.Panic = "fail"
		r := w.router(t, cfg, WithMeterProvider(m))
		w.load(r, "critical", 100, time.Millisecond)
		w.set("a", refuses)
		w.load(r, "critical", 500, 2*time.Millisecond)
		got := m.read(t)
		expect(t, got, []string{"failovers"}, map[string]float64{"failovers{cloud=a,protocol=http,reason=failing,service=api}": 1})
		expect(t, got, []string{"cloud.health"}, map[string]float64{
			"cloud.health{cloud=a,protocol=http,service=api,state=down}":    1,
			"cloud.health{cloud=b,protocol=http,service=api,state=healthy}": 1,
		})
		if n := got["cloud.share{cloud=a,protocol=http,reason=down,service=api,tier=critical}"]; n != 0 {
			t.Errorf("a share of %v", n)
		}
		w.set("b", silent)
		w.load(r, "critical", 500, 2*time.Millisecond)
		time.Sleep(10 * time.Second)
		before := m.read(t)["calls{error.type=no_cloud,protocol=http,service=api,tier=critical}"]
		_, err := w.call(sla.WithTier(t.Context(), "critical"), r, Call{Service: "api"})
		if !errors.Is(err, ErrNoCloud) {
			t.Fatalf("got %v", err)
		}
		if after := m.read(t)["calls{error.type=no_cloud,protocol=http,service=api,tier=critical}"]; after != before+1 {
			t.Errorf("%v calls found no cloud, want %v", after, before+1)
		}
		series := len(m.read(t))
		_, _ = w.call(t.Context(), r, Call{Service: "who"})
		if n := len(m.read(t)); n != series {
			t.Errorf("a service that there isn't made %d series of %d", n, series)
		}
	})
}

// What is shed is counted by reason, through Do and through Pick.
func TestMetricsOfShedding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // so that the table stays
		m, w := newMeters(), newWorld()
		r := w.router(t, oneEach(), WithMeterProvider(m))
		s := r.table.Load().services[HTTP][0]
		s.tiers[1].sheds = sla.Threshold(1 << 63)
		for range 100 {
			if _, err := w.call(t.Context(), r, Call{Service: "api"}); err == nil {
				t.Fatal("a call wasn't shed")
			}
			if _, err := r.Pick(t.Context(), Call{Service: "api"}, nil); err == nil {
				t.Fatal("a pick wasn't shed")
			}
		}
		var d calling
		if err := r.begin(sla.WithTier(t.Context(), "critical"), Call{Service: "api"}, &d); err != nil {
			t.Fatal(err)
		}
		_ = d.refused(r.shed(s, d.class, sla.ShedInFlight))
		expect(t, m.read(t), []string{"shed", "calls"}, map[string]float64{
			"shed{protocol=http,reason=capacity,service=api,tier=standard}":  200,
			"shed{protocol=http,reason=in flight,service=api,tier=critical}": 1,
			"calls{error.type=shed,protocol=http,service=api,tier=standard}": 100,
			"calls{error.type=shed,protocol=http,service=api,tier=critical}": 1,
		})
	})
}

// The age of the config grows from when its file ceased to be what is in force.
func TestConfigAge(t *testing.T) {
	s := newFileSource("f")
	now, good, bad := time.Unix(1000, 0), []byte(goodFile), []byte("clouds: 1")
	judge := func(data []byte) time.Time {
		now = now.Add(time.Second)
		if next, _, _ := s.judge(data, nil, now); next != nil {
			s.taken()
		}
		return s.provenance().Confirmed
	}
	if got := judge(good); !got.Equal(now) {
		t.Errorf("a first file is confirmed at %v, want %v", got, now)
	}
	if got := judge(good); !got.Equal(now) {
		t.Errorf("the same file is confirmed at %v, want %v", got, now)
	}
	was := now
	for range 3 {
		if got := judge(bad); !got.Equal(was) {
			t.Errorf("with a bad file the good one was confirmed at %v, want %v", got, was)
		}
	}
	if got := judge(good); !got.Equal(now) {
		t.Errorf("the good file is back, confirmed at %v, want %v", got, now)
	}
	was = now
	other := []byte(strings.Replace(goodFile, "a: {}", "a: {weight: 2}", 1))
	for range 3 { // unsettled, then refused
		now = now.Add(time.Second)
		if next, _, _ := s.judge(other, nil, now); next != nil {
			s.refused(errors.New("no key"))
		}
		if got := s.provenance().Confirmed; !got.Equal(was) {
			t.Errorf("a refused file leaves %v, want %v", got, was)
		}
	}
	if got := judge(other); !got.Equal(now) {
		t.Errorf("a new file is confirmed at %v, want %v", got, now)
	}
}

const goodFile = `

clouds: {a: {}}
services: {api: {clouds: {a: {http: ["http://10.0.0.1"]}}}}
`
