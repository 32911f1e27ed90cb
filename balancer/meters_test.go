package balancer

import (
	"context"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
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
