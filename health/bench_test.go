package health

import (
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

func BenchmarkAttempt(b *testing.B) {
	target := NewTarget(Settings{}, []Objective{{Tier: "critical"}}, 0)
	all := make([]*Endpoint, 64)
	for i := range all {
		all[i] = new(Endpoint)
	}
	target.SetEndpoints(0, all)
	// Endpoints and latencies as different callers meet them.
	attempt := func(e *Endpoint, i int) {
		now := time.Duration(i) * time.Microsecond
		e.Begin(0)
		target.Record(e, 0, now, now+time.Millisecond+time.Duration(i%997)*20*time.Microsecond, Outcome{Kind: OK})
		e.End()
	}
	b.Run("serial", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			attempt(all[i%len(all)], i)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		var callers atomic.Int64
		b.RunParallel(func(pb *testing.PB) {
			for i := int(callers.Add(1)) * 1_000_003; pb.Next(); i++ {
				attempt(all[i*7%len(all)], i)
			}
		})
	})
}

func BenchmarkCost(b *testing.B) {
	e := new(Endpoint)
	e.latency.observe(0, time.Millisecond, peakTau)
	sum := 0.0
	for range b.N {
		sum += float64(e.Cost())
	}
	_ = sum
}

func BenchmarkSweep(b *testing.B) {
	for _, n := range []int{10, 5000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			f := newFleet(Settings{}, n)
			b.ReportAllocs()
			for range b.N {
				f.pass(sweepInterval)
			}
		})
	}
}
