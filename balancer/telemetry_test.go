package balancer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// meters is a provider that is read by hand.
type meters struct {
	*sdkmetric.MeterProvider
	reader *sdkmetric.ManualReader
}

func newMeters() meters {
	reader := sdkmetric.NewManualReader()
	return meters{sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), reader}
}

// read returns all series, as "name{key=value,…}" with keys sorted and without the
// prefix of names, and their values. A histogram's is its count.
func (m meters) read(t testing.TB) map[string]float64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := m.reader.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	read := make(map[string]float64)
	add := func(name string, set attribute.Set, value float64) {
		key := strings.TrimPrefix(name, prefix) + "{" + set.Encoded(attribute.DefaultEncoder()) + "}"
		if _, twice := read[key]; twice {
			t.Errorf("%s is there twice", key)
		}
		read[key] = value
	}
	for _, scope := range all.ScopeMetrics {
		for _, metric := range scope.Metrics {
			switch data := metric.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					add(metric.Name, p.Attributes, float64(p.Value))
				}
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					add(metric.Name, p.Attributes, float64(p.Value))
				}
			case metricdata.Gauge[float64]:
				for _, p := range data.DataPoints {
					add(metric.Name, p.Attributes, p.Value)
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					add(metric.Name, p.Attributes, float64(p.Count))
				}
			default:
				t.Fatalf("%s has %T", metric.Name, data)
			}
		}
	}
	return read
}

// expect compares the series whose names have one of the prefixes.
func expect(t testing.TB, got map[string]float64, names []string, want map[string]float64) {
	t.Helper()
	for series, value := range got {
		if slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(series, name+"{") }) && value != want[series] {
			t.Errorf("%s is %v, want %v", series, value, want[series])
		}
	}
	for series, value := range want {
		if _, there := got[series]; !there {
			t.Errorf("no %s, want %v", series, value)
		}
	}
}

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

// However services, clouds and tiers come and go, no counter falls, and nothing is
// lost that was under way.
func TestCountersNeverFall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, w := newMeters(), newWorld()
		r := w.router(t, oneEach(), WithMeterProvider(m))
		call := func(tier string) {
			if _, err := w.call(sla.WithTier(t.Context(), tier), r, Call{Service: "api"}); err != nil {
				t.Error(err)
			}
		}
		pick := func() Attempt {
			a, err := r.Pick(sla.WithTier(t.Context(), "critical"), Call{Service: "api"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		other := &Config{
			Clouds:   map[string]Cloud{"b": {}},
			Services: map[string]Service{"web": {Clouds: map[string]ServiceCloud{"b": {HTTP: []string{"http://10.0.1.9:80"}}}}},
		}
		only := oneEach()
		delete(only.Clouds, "a")
		delete(only.Services["api"].Clouds, "a")
		only.Tiers[0], only.Tiers[1], only.Default = only.Tiers[1], only.Tiers[0], "standard"
		total := func(got map[string]float64, name string) (sum float64) {
			for series, n := range got {
				if strings.HasPrefix(series, name+"{") {
					sum += n
				}
			}
			return sum
		}
		last, picked := m.read(t), 0.0
		for range 5 {
			for _, cfg := range []*Config{oneEach(), only, oneEach(), other} {
				if err := r.Update(cfg); err != nil {
					t.Fatal(err)
				}
				if cfg == other {
					continue
				}
				call("critical")
				call("standard")
				late := pick() // it ends when its service is gone
				time.AfterFunc(5*time.Second, func() { late.Done(health.Outcome{Kind: health.OK}) })
				picked += 3
				time.Sleep(2 * time.Second)
				now := m.read(t)
				for series, n := range last {
					if counts := strings.HasPrefix(series, "picks") || strings.HasPrefix(series, "attempts") || strings.HasPrefix(series, "calls"); counts {
						if after, there := now[series]; there && after < n {
							t.Fatalf("%s fell from %v to %v", series, n, after)
						}
					}
				}
				for series, n := range now {
					last[series] = n
				}
			}
		}
		if err := r.Update(oneEach()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		got := m.read(t)
		if picks, attempts, calls := total(got, "picks"), total(got, "attempts"), total(got, "calls"); picks != picked || attempts != picked || calls != picked*2/3 {
			t.Errorf("%v picks, %v attempts, %v calls, want %v, %v and %v", picks, attempts, calls, picked, picked, picked*2/3)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		for key, record := range r.records {
			if n := len(record.past); n > 2 {
				t.Errorf("%v keeps %d targets", key, n)
			}
		}
	})
}

// Configs that come and go don't fill the memory.
func TestRecordsAreBounded(t *testing.T) {
	r := newWorld().router(t, oneEach(), WithMeterProvider(newMeters()))
	for i := range 3 * mostGone / 2 {
		r.mu.Lock()
		s := &service{name: fmt.Sprint(i)}
		r.record(s, "a")
		r.endingsOf(s, "critical")
		r.mu.Unlock()
	}
	if err := r.Update(oneEach()); err != nil {
		t.Fatal(err)
	}
	if len(r.records) > mostGone+2 || len(r.endings) > mostGone+2 {
		t.Errorf("%d records, %d tallies", len(r.records), len(r.endings))
	}
}

// Whatever callers send, the number of series stays.
func TestSeriesAreBounded(t *testing.T) {
	m := newMeters()
	r := newWorld().router(t, testConfig(), WithMeterProvider(m), WithLatencyHistogram())
	use := func(i int) {
		id := fmt.Sprintf("%x", i*2654435761)
		ctx := sla.WithCaller(sla.WithTier(context.Background(), "tier-"+id), sla.Caller{Product: "p" + id, Customer: "c" + id})
		a, err := r.Pick(ctx, Call{Service: "api", Method: "GET /" + id}, nil)
		if err != nil {
			t.Fatal(err)
		}
		a.Done(health.Outcome{Kind: health.Kind(i % 8), Reason: "r" + id})
	}
	for i := range 1000 {
		use(i)
	}
	want := slices.Sorted(maps.Keys(m.read(t)))
	for i := range 100_000 {
		use(i)
	}
	// Reasons of shares follow the state of clouds, which such outcomes change.
	without := func(series []string) []string {
		return slices.DeleteFunc(series, func(s string) bool { return strings.HasPrefix(s, "cloud.share{") })
	}
	got := slices.Sorted(maps.Keys(m.read(t)))
	if len(got) != len(want) || !slices.Equal(without(got), without(want)) {
		t.Errorf("%d series became %d", len(want), len(got))
	}
}

// After Close nothing is reported, and nothing of the router is kept.
func TestCloseUnregisters(t *testing.T) {
	m := newMeters()
	r := newWorld().router(t, testConfig(), WithMeterProvider(m))
	if len(m.read(t)) == 0 {
		t.Fatal("nothing is reported")
	}
	r.Close()
	r.Close()
	if got := m.read(t); len(got) != 0 {
		t.Errorf("after Close there are %d series", len(got))
	}
}

// Two routers in one process: with a provider each, or with names.
func TestTwoRouters(t *testing.T) {
	one, two, shared := newMeters(), newMeters(), newMeters()
	for i, m := range []meters{one, two, shared, shared} {
		r := newWorld().router(t, testConfig(), WithMeterProvider(m), WithName(fmt.Sprintf("r%d", i)))
		for range i + 1 {
			a, err := r.Pick(t.Context(), Call{Service: "api"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			a.Done(health.Outcome{Kind: health.OK})
		}
	}
	picks := func(m meters, router string) (sum float64) {
		for series, n := range m.read(t) {
			if strings.HasPrefix(series, "picks{") && strings.Contains(series, "router="+router+",") {
				sum += n
			}
		}
		return sum
	}
	for i, m := range []meters{one, two, shared, shared} {
		if n := picks(m, fmt.Sprintf("r%d", i)); n != float64(i+1) {
			t.Errorf("router %d reports %v picks, want %d", i, n, i+1)
		}
	}
}

// The age of the config grows from when its file ceased to be what is in force.
func TestConfigAge(t *testing.T) {
	s := newFileSource("f")
	now, good, bad := time.Unix(1000, 0), []byte(goodFile), []byte("clouds: 1")
	judge := func(data []byte) time.Time {
		now = now.Add(time.Second)
		_, _, _ = s.judge(data, nil, now)
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
	judge(other)
	if got := judge(other); !got.Equal(now) {
		t.Errorf("a new file is confirmed at %v, want %v", got, now)
	}
	s.refused(errors.New("no key"))
	if got := s.provenance().Confirmed; !got.Equal(was) {
		t.Errorf("a refused file leaves %v, want %v", got, was)
	}
}

const goodFile = `
clouds: {a: {}}
services: {api: {clouds: {a: {http: ["http://10.0.0.1"]}}}}
`

// largeRouter has ten services in three clouds, and four tiers.
func largeRouter(tb testing.TB, opts ...Option) *Router {
	cfg := &Config{Clouds: map[string]Cloud{}, Services: map[string]Service{}}
	for i := range 4 {
		cfg.Tiers = append(cfg.Tiers, sla.Tier{Name: fmt.Sprintf("t%d", i), Protected: i == 0})
	}
	for c := range 3 {
		cfg.Clouds[fmt.Sprintf("c%d", c)] = Cloud{}
	}
	for s := range 10 {
		clouds := map[string]ServiceCloud{}
		for c := range 3 {
			clouds[fmt.Sprintf("c%d", c)] = ServiceCloud{HTTP: []string{fmt.Sprintf("http://10.%d.%d.1", s, c)}, Capacity: 100}
		}
		cfg.Services[fmt.Sprintf("s%d", s)] = Service{Clouds: clouds}
	}
	r, err := New(cfg, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	r.SetProber(HTTP, func(context.Context, Probe) health.Outcome { return health.Outcome{Kind: health.OK} })
	tb.Cleanup(func() { r.Close() })
	return r
}

// Reading ten services in three clouds and four tiers takes a few milliseconds:
//
//	go test -run '^$' -bench Collect ./balancer
func BenchmarkCollect(b *testing.B) {
	m := newMeters()
	largeRouter(b, WithMeterProvider(m))
	b.ReportAllocs()
	for b.Loop() {
		var all metricdata.ResourceMetrics
		if err := m.reader.Collect(context.Background(), &all); err != nil {
			b.Fatal(err)
		}
	}
}

// The same by count: so many series, and no attributes made for one that was read
// before.
func TestCollectIsBounded(t *testing.T) {
	m := newMeters()
	r := largeRouter(t, WithMeterProvider(m))
	if n := len(m.read(t)); n < 1000 || n > 2000 {
		t.Errorf("%d series, want between 1,000 and 2,000", n)
	}
	known := len(r.labels)
	m.read(t)
	if len(r.labels) != known {
		t.Errorf("a second reading made %d sets of attributes", len(r.labels)-known)
	}
}

// With a provider a pick and its Done allocate nothing either.
func TestAllocPickWithMetrics(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for name, opts := range map[string][]Option{
		"metrics":   {WithMeterProvider(newMeters())},
		"histogram": {WithMeterProvider(newMeters()), WithLatencyHistogram()},
	} {
		r := newWorld().router(t, testConfig(), opts...)
		ctx := sla.WithTier(context.Background(), "critical")
		if n := testing.AllocsPerRun(1000, func() { exchange(t, r, ctx) }); n != 0 {
			t.Errorf("%s: %g allocations", name, n)
		}
	}
}

func exchange(tb testing.TB, r *Router, ctx context.Context) {
	a, err := r.Pick(ctx, Call{Service: "api", Idempotent: true}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	a.Done(health.Outcome{Kind: health.OK})
}

// BenchmarkTelemetry measures a pick and its Done with nothing, with metrics and
// with the histogram: compare those of one run.
func BenchmarkTelemetry(b *testing.B) {
	for _, bench := range []struct {
		name string
		opts []Option
	}{
		{"none", nil},
		{"metrics", []Option{WithMeterProvider(newMeters())}},
		{"histogram", []Option{WithMeterProvider(newMeters()), WithLatencyHistogram()}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			r := newWorld().router(b, testConfig(), bench.opts...)
			ctx := sla.WithTier(context.Background(), "critical")
			b.ReportAllocs()
			for b.Loop() {
				exchange(b, r, ctx)
			}
		})
	}
}
