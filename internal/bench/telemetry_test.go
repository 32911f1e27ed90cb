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

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

var (
	reported  = flag.String("callgrind.telemetry", "", "make picks that are reported so: what runs under valgrind")
	exchanges = flag.Int("callgrind.exchanges", 0, "number of these picks")
)

// mostTelemetry is what a pick and its Done may be with metrics, × what they are
// without.
const mostTelemetry = 1.05

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
	if *reported != "" || *countedName != "" {
		t.Skip("is counted itself")
	}
	if _, err := exec.LookPath("valgrind"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("valgrind is not installed")
		}
		t.Skip("valgrind is not installed")
	}
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
