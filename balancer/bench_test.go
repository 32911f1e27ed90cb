package balancer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// BenchmarkPick measures a pick and its Done beside the floor: what the bare
// choice costs that reads the same clocks and writes the same counters, with
// nothing around it. Run it with -cpu 1,2 and compare pairs of one run:
//
//	go test -run '^$' -bench Pick -cpu 1,2 -count 10 ./balancer
func BenchmarkPick(b *testing.B) {
	for _, n := range []int{5, 50, 500, 5000} {
		b.Run(fmt.Sprintf("endpoints=2x%d/floor", n), func(b *testing.B) {
			f := newFloor(n)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					f.exchange()
				}
			})
		})
		b.Run(fmt.Sprintf("endpoints=2x%d/router", n), func(b *testing.B) {
			r := benchRouter(b, n)
			ctx := sla.WithTier(context.Background(), "critical")
			call := Call{Service: "api", Idempotent: true}
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					a, err := r.Pick(ctx, call, nil)
					if err != nil {
						b.Error(err)
						return
					}
					a.Done(health.Outcome{Kind: health.OK})
				}
			})
		})
	}
}

// benchRouter has n endpoints in each of two clouds.
func benchRouter(tb testing.TB, n int) *Router {
	cfg := testConfig()
	for i, cloud := range []string{"a", "b"} {
		var urls []string
		for k := range n {
			urls = append(urls, fmt.Sprintf("http://10.%d.%d.%d", i, k/250, k%250+1))
		}
		cfg.Services["api"].Clouds[cloud] = ServiceCloud{HTTP: urls}
	}
	r, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	r.SetProber(HTTP, func(context.Context, Probe) health.Outcome { return health.Outcome{Kind: health.OK} })
	tb.Cleanup(func() { r.Close() })
	return r
}

// floor is a two-level power of two choices over slices.
type floor struct {
	epoch  time.Time
	shares []uint32 // cumulative, of 2³²
	clouds [][]*floorEndpoint
	// recent counts answers by duration, as every attempt time and quantile
	// needs.
	recent [64]atomic.Uint32
}

type floorEndpoint struct {
	_        [128]byte
	inFlight atomic.Int64
	begun    atomic.Uint64
	_        [112]byte
	done     atomic.Uint64
	latency  atomic.Int64
	_        [112]byte
}

func newFloor(n int) *floor {
	f := &floor{epoch: time.Now(), shares: []uint32{7 << 28, 1<<32 - 1}}
	for range 2 {
		var endpoints []*floorEndpoint
		for range n {
			endpoints = append(endpoints, &floorEndpoint{})
		}
		f.clouds = append(f.clouds, endpoints)
	}
	return f
}

// exchange picks, notes the beginning, and notes the end.
func (f *floor) exchange() {
	draw := rand.Uint64()
	k := 0
	for uint32(draw>>32) > f.shares[k] {
		k++
	}
	endpoints := f.clouds[k]
	n := uint64(len(endpoints))
	product := draw & (1<<32 - 1) * n
	i := product >> 32
	j := (product & (1<<32 - 1)) * (n - 1) >> 32
	if j >= i {
		j++
	}
	e := endpoints[i]
	if o := endpoints[j]; (o.inFlight.Load()+1)*o.latency.Load() < (e.inFlight.Load()+1)*e.latency.Load() {
		e = o
	}
	began := time.Since(f.epoch)
	e.inFlight.Add(1)
	e.begun.Add(1)

	took := time.Since(f.epoch) - began
	e.done.Add(1)
	if was := e.latency.Load(); int64(took) > was {
		e.latency.Store(int64(took))
	} else {
		e.latency.Store(was + (int64(took)-was)/8)
	}
	f.recent[min(63, took>>5)].Add(1)
	e.inFlight.Add(-1)
}
