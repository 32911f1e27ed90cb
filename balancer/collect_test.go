package balancer

import (
	"context"
	"fmt"
	"testing"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

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

// BenchmarkCollect reads ten services in three clouds and four tiers. What that may
// cost is checked in internal/bench.
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

// TestCollectIsBounded: so many series, and no attributes made for one that was read
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
