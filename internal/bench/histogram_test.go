package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/DataDog/sketches-go/ddsketch"
	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/caio/go-tdigest/v4"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/fairlead-go/fairlead/internal/histogram"
)

// recorder is a way to count a latency that any goroutine may use.
type recorder struct {
	name   string
	record func(time.Duration)

	times  []float64 // ns per record, by round
	allocs float64
}

// recorders returns internal/histogram and its peers. Those that aren't safe for
// concurrent use have a mutex, as they would need. Relative errors are 1.6 % for ours,
// and 1 % or two digits for the others, which is the nearest they offer.
func recorders(tb testing.TB) []*recorder {
	ring := histogram.NewRing(2, 5*time.Second)
	locked := func(name string, record func(time.Duration)) *recorder {
		var mu sync.Mutex
		return &recorder{name: name, record: func(d time.Duration) {
			mu.Lock()
			record(d)
			mu.Unlock()
		}}
	}
	hdr := hdrhistogram.New(1, int64(2*time.Minute), 2)
	sketch, err := ddsketch.LogUnboundedDenseDDSketch(0.01)
	if err != nil {
		tb.Fatal(err)
	}
	digest, err := tdigest.New(tdigest.Compression(100))
	if err != nil {
		tb.Fatal(err)
	}
	return []*recorder{
		{name: "fairlead", record: ring.Record},
		locked("HDR, mutex", func(d time.Duration) { hdr.RecordValue(int64(d)) }),
		locked("DDSketch, mutex", func(d time.Duration) { sketch.Add(float64(d)) }),
		locked("t-digest, mutex", func(d time.Duration) { digest.Add(float64(d)) }),
		otelRecorder(tb, "OTel, explicit buckets", nil),
		otelRecorder(tb, "OTel, exponential", sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}),
	}
}

// otelRecorder is a histogram of OpenTelemetry's SDK, with one set of attributes.
func otelRecorder(tb testing.TB, name string, a sdkmetric.Aggregation) *recorder {
	view := sdkmetric.NewView(sdkmetric.Instrument{Name: "latency"}, sdkmetric.Stream{Aggregation: a})
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()), sdkmetric.WithView(view))
	tb.Cleanup(func() { provider.Shutdown(context.Background()) })
	h, err := provider.Meter("bench").Float64Histogram("latency", metric.WithUnit("s"))
	if err != nil {
		tb.Fatal(err)
	}
	ctx := context.Background()
	return &recorder{name: name, record: func(d time.Duration) { h.Record(ctx, d.Seconds()) }}
}

// latencies are like those of a service: 5 ms and more, with a long tail.
func latencies() []time.Duration {
	r := rand.New(rand.NewPCG(1, 2))
	all := make([]time.Duration, 1<<12)
	for i := range all {
		all[i] = 5*time.Millisecond + time.Duration(r.ExpFloat64()*float64(3*time.Millisecond))
		if r.Float64() < 0.01 {
			all[i] *= 100
		}
	}
	return all
}

// TestRecord prints what one record costs in each kind of histogram, with nobody else
// recording. Ours must not allocate and, with -strict, must be the cheapest.
func TestRecord(t *testing.T) {
	all, values := recorders(t), latencies()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, r := range all {
		for _, d := range values {
			r.record(d)
		}
	}
	for range rounds {
		for _, r := range all {
			began := time.Now()
			for _, d := range values {
				r.record(d)
			}
			r.times = append(r.times, float64(time.Since(began))/float64(len(values)))
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-24s %8s %8s %8s\n", "", "ns", "× ours", "allocs")
	for _, r := range all {
		i := 0
		r.allocs = testing.AllocsPerRun(len(values), func() { r.record(values[i%len(values)]); i++ })
		fmt.Fprintf(&b, "%-24s %8.1f %8.1f %8.0f\n", r.name, r.time(), r.time()/all[0].time(), r.allocs)
		if *strict && r != all[0] && r.time() <= all[0].time() {
			t.Errorf("%s: %.1f ns, %s %.1f ns", all[0].name, all[0].time(), r.name, r.time())
		}
	}
	t.Log("\n" + b.String())
	if all[0].allocs != 0 {
		t.Errorf("%g allocations", all[0].allocs)
	}
}

func (r *recorder) time() float64 { return slices.Sorted(slices.Values(r.times))[len(r.times)/4] }

// BenchmarkRecord measures them one by one, and with all cores recording.
func BenchmarkRecord(b *testing.B) {
	values := latencies()
	for _, r := range recorders(b) {
		b.Run(r.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				r.record(values[i%len(values)])
			}
		})
		b.Run(r.name+"/parallel", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					r.record(values[i%len(values)])
				}
			})
		})
	}
}
