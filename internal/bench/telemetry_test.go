package bench

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

var (
	reported  = flag.String("callgrind.telemetry", "", "make picks that are reported so: what runs under valgrind")
	exchanges = flag.Int("callgrind.exchanges", 0, "number of these picks")
	readings  = flag.Int("callgrind.collections", 0, "collect so often: what runs under valgrind")
)

// mostTelemetry is what a pick and its Done may be with metrics, × what they are
// without.
const mostTelemetry = 1.05

// Limits of a collection of ten services in three clouds and four tiers, some 1,700
// series. Nine tenths of it are the SDK's work.
const (
	mostCollection     = 15_000_000            // instructions
	mostCollectionTime = 10 * time.Millisecond // CPU time, checked with -strict
)

// telemetries are the ways to report, each with the options that it takes. A
// histogram is recorded in by each attempt, in the SDK: it has no limit.
var telemetries = []struct {
	name string
	opts func(reader metric.Reader) []balancer.Option
}{
	{"nothing", func(metric.Reader) []balancer.Option { return nil }},
	{"metrics", func(r metric.Reader) []balancer.Option {
		return []balancer.Option{balancer.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(r)))}
	}},
	{"metrics, histogram", func(r metric.Reader) []balancer.Option {
		return []balancer.Option{balancer.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(r))), balancer.WithLatencyHistogram()}
	}},
}

// TestTelemetryCost counts the instructions of a pick and its Done with metrics and
// without. They are the same to some instructions, as counters are kept anyway and
// read when somebody collects.
func TestTelemetryCost(t *testing.T) {
	needsValgrind(t)
	const few, many = 20_000, 220_000
	binary := buildTests(t)
	cost := func(name string) float64 {
		run := func(n int) int {
			return collect(t, binary, "exchangeLoop", "TestReported", "-callgrind.telemetry="+name, "-callgrind.exchanges="+strconv.Itoa(n))
		}
		return float64(run(many)-run(few)) / (many - few)
	}
	var b strings.Builder
	costs := make([]float64, len(telemetries))
	for i, with := range telemetries {
		costs[i] = cost(with.name)
		fmt.Fprintf(&b, "%-20s %6.0f instructions, %.3f ×\n", with.name, costs[i], costs[i]/costs[0])
	}
	t.Log("\n" + b.String())
	if costs[1] > mostTelemetry*costs[0] {
		t.Errorf("%.0f instructions with metrics, %.0f without", costs[1], costs[0])
	}
}

// TestCollectionCost counts the instructions of a collection.
func TestCollectionCost(t *testing.T) {
	needsValgrind(t)
	binary := buildTests(t)
	run := func(n int) int {
		return collect(t, binary, "collectLoop", "TestCollected", "-callgrind.collections="+strconv.Itoa(n))
	}
	const few, many = 5, 25
	n := float64(run(many)-run(few)) / (many - few)
	t.Logf("%.0f instructions", n)
	if n > mostCollection {
		t.Errorf("%.0f instructions, may be %d", n, mostCollection)
	}
}

// TestCollectionTime prints the CPU time of a collection. With -strict it is checked.
func TestCollectionTime(t *testing.T) {
	reader := openLarge(t)
	const n = 100
	var all metricdata.ResourceMetrics
	began := cpuTime()
	if err := collectLoop(t.Context(), reader, &all, n); err != nil {
		t.Fatal(err)
	}
	took := (cpuTime() - began) / n
	t.Logf("%v of CPU time for %d series", took, seriesOf(&all))
	if n := seriesOf(&all); n < 1000 {
		t.Errorf("%d series: that is not all", n)
	}
	if *strict && took > mostCollectionTime {
		t.Errorf("%v of CPU time, may be %v", took, mostCollectionTime)
	}
}

// needsValgrind skips a test that can't count, or mustn't count itself.
func needsValgrind(t *testing.T) {
	if *reported != "" || *countedName != "" || *readings != 0 {
		t.Skip("is counted itself")
	}
	if _, err := exec.LookPath("valgrind"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("valgrind is not installed")
		}
		t.Skip("valgrind is not installed")
	}
}

// TestReported is what runs under valgrind. Somebody collects before and after.
func TestReported(t *testing.T) {
	if *reported == "" {
		t.Skip("TestTelemetryCost runs it")
	}
	for _, with := range telemetries {
		if with.name != *reported {
			continue
		}
		reader := metric.NewManualReader()
		r, err := balancer.New(&balancer.Config{
			Clouds: map[string]balancer.Cloud{"gcp": {Weight: 30}, "onprem": {Weight: 70}},
			Services: map[string]balancer.Service{"routing-api": {Clouds: map[string]balancer.ServiceCloud{
				"gcp":    {HTTP: []string{"http://10.0.0.1", "http://10.0.0.2"}},
				"onprem": {HTTP: []string{"http://10.0.1.1", "http://10.0.1.2"}},
			}}},
			Tiers: []sla.Tier{{Name: "critical", Protected: true}, {Name: "standard"}},
		}, with.opts(reader)...)
		if err != nil {
			t.Fatal(err)
		}
		collect := func() {
			if with.name != telemetries[0].name {
				if err := reader.Collect(t.Context(), new(metricdata.ResourceMetrics)); err != nil {
					t.Fatal(err)
				}
			}
		}
		ctx := sla.WithTier(t.Context(), "critical")
		if err := exchangeLoop(ctx, r, 1000); err != nil { // until all that is made once has been made
			t.Fatal(err)
		}
		collect()
		runtime.LockOSThread() // for good: the test ends here
		if err := exchangeLoop(ctx, r, *exchanges); err != nil {
			t.Fatal(err)
		}
		collect()
		return
	}
	t.Fatalf("there is no telemetry %q", *reported)
}

// exchangeLoop makes n picks that end well, one after the other. Its instructions
// are counted by its name.
//
//go:noinline
func exchangeLoop(ctx context.Context, r *balancer.Router, n int) error {
	for range n {
		a, err := r.Pick(ctx, balancer.Call{Service: "routing-api", Idempotent: true}, nil)
		if err != nil {
			return err
		}
		a.Done(health.Outcome{Kind: health.OK})
	}
	return nil
}

// TestCollected is what runs under valgrind.
func TestCollected(t *testing.T) {
	if *readings == 0 {
		t.Skip("TestCollectionCost runs it")
	}
	reader := openLarge(t)
	runtime.LockOSThread() // for good: the test ends here
	var all metricdata.ResourceMetrics
	if err := collectLoop(t.Context(), reader, &all, *readings); err != nil {
		t.Fatal(err)
	}
	if n := seriesOf(&all); n < 1000 {
		t.Fatalf("%d series: that is not all", n)
	}
}

// openLarge opens a router with ten services in three clouds and four tiers, each of
// which was called, and returns what reads its metrics.
func openLarge(t *testing.T) *metric.ManualReader {
	cfg := &balancer.Config{Clouds: map[string]balancer.Cloud{}, Services: map[string]balancer.Service{}}
	for i := range 4 {
		cfg.Tiers = append(cfg.Tiers, sla.Tier{Name: fmt.Sprintf("t%d", i), Protected: i == 0})
	}
	for c := range 3 {
		cfg.Clouds[fmt.Sprintf("c%d", c)] = balancer.Cloud{}
	}
	for s := range 10 {
		clouds := map[string]balancer.ServiceCloud{}
		for c := range 3 {
			clouds[fmt.Sprintf("c%d", c)] = balancer.ServiceCloud{HTTP: []string{fmt.Sprintf("http://10.%d.%d.1", s, c)}, Capacity: 100}
		}
		cfg.Services[fmt.Sprintf("s%d", s)] = balancer.Service{Clouds: clouds}
	}
	reader := metric.NewManualReader()
	r, err := balancer.New(cfg, balancer.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(reader))))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	for s := range 10 {
		for i := range 4 {
			a, err := r.Pick(sla.WithTier(t.Context(), fmt.Sprintf("t%d", i)), balancer.Call{Service: fmt.Sprintf("s%d", s)}, nil)
			if err != nil {
				t.Fatal(err)
			}
			a.Done(health.Outcome{Kind: health.OK})
		}
	}
	return reader
}

// seriesOf counts the series.
func seriesOf(all *metricdata.ResourceMetrics) (n int) {
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				n += len(data.DataPoints)
			case metricdata.Gauge[int64]:
				n += len(data.DataPoints)
			case metricdata.Gauge[float64]:
				n += len(data.DataPoints)
			}
		}
	}
	return n
}

// collectLoop collects n times. Its instructions are counted by its name.
//
//go:noinline
func collectLoop(ctx context.Context, from *metric.ManualReader, to *metricdata.ResourceMetrics, n int) error {
	for range n {
		if err := from.Collect(ctx, to); err != nil {
			return err
		}
	}
	return nil
}
