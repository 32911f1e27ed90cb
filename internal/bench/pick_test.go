package bench

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	grpcbalancer "google.golang.org/grpc/balancer"
	grpctesting "google.golang.org/grpc/interop/grpc_testing"
)

// What a pick and its Done through fairlead may cost.
const (
	mostOfFloor = 1.3  // × the floor that takes the time of as many calls
	mostLarge   = 2.2  // × its own time, with 2 × 5,000 endpoints instead of 2 × 5
	mostPickNs  = 100. // with one call in eight timed
)

const (
	pickTurns  = 10
	pickBatch  = 100_000                // picks in one turn
	cpuBatch   = 400_000                // of each CPU, so that the kernel has time to spread them
	pickSettle = 300 * time.Millisecond // until policies know what they learn from calls
)

// sizes are how many endpoints each of the two clouds has.
var sizes = []int{fewest, 50, 500, most}

const (
	fewest = 5
	most   = 5000
)

var tierNames = []string{"critical", "standard", "batch"}

// pickInfo is a call of generated code, as grpc describes it to pickers; picked is
// what it tells them at the end of one that went well.
var (
	pickInfo = grpcbalancer.PickInfo{FullMethodName: grpctesting.TestService_EmptyCall_FullMethodName, Ctx: context.Background()}
	picked   = grpcbalancer.DoneInfo{BytesSent: true, BytesReceived: true}
)

// policies are all that are compared. The first two are the floors, the peers
// come last.
var policies = slices.Concat(floors, fairleads, peers)

// pickLoop makes n calls, one after the other. Its instructions are counted by
// its name.
//
//go:noinline
func pickLoop(p grpcbalancer.Picker, info grpcbalancer.PickInfo, reports bool, n int) error {
	picked := picked
	for range n {
		r, err := p.Pick(info)
		if err != nil {
			return err
		}
		if reports {
			picked.ServerLoad = r.SubConn.(*fakeSubConn).load
		}
		if r.Done != nil {
			r.Done(picked)
		}
	}
	return nil
}

// picking is a policy at its work.
type picking struct {
	policy
	picker  grpcbalancer.Picker
	info    grpcbalancer.PickInfo
	reports bool

	times  []float64 // ns per pick, by round
	allocs float64
}

func newPicking(p policy, c channel) *picking {
	return &picking{policy: p, picker: c.conn().picker.Load().Picker, info: c.info(), reports: c.conn().reports}
}

func (e *picking) run(tb testing.TB, n int) {
	if err := pickLoop(e.picker, e.info, e.reports, n); err != nil {
		tb.Error(e.name, err)
	}
}

// warmUp makes calls until the policy knows what it learns from calls.
func (e *picking) warmUp(tb testing.TB) {
	for began := time.Now(); time.Since(began) < pickSettle; {
		e.run(tb, 1000)
	}
}

// TestPick prints what a pick and its Done cost through each policy. It fails if
// fairlead allocates, with load reports if it allocates more than
// weighted_round_robin. Times are printed and, with -strict, checked.
func TestPick(t *testing.T) {
	small := make(map[string]float64) // the times with the fewest endpoints
	for _, n := range sizes {
		t.Run(fmt.Sprintf("endpoints=2x%d", n), func(t *testing.T) {
			var entries []*picking
			for _, p := range policies {
				entries = append(entries, measurePick(t, p, n))
			}
			for _, e := range entries {
				if small[e.name] == 0 {
					small[e.name] = e.time()
				}
			}
			t.Log("\n" + pickTable(entries, small))
			checkPicks(t, entries, small)
		})
	}
}

// measurePick measures a policy on one CPU, with nothing else in memory, as the
// garbage collector's work counts. It counts CPU time, so that the work of other
// processes doesn't.
func measurePick(t *testing.T, p policy, n int) *picking {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	c := p.open(t, twoClouds(n), true)
	defer c.close()
	e := newPicking(p, c)
	e.warmUp(t)
	runtime.GC()
	for range pickTurns {
		began := cpuTime()
		e.run(t, pickBatch)
		e.times = append(e.times, float64(cpuTime()-began)/pickBatch)
	}
	e.allocs = testing.AllocsPerRun(10_000, func() { e.run(t, 1) })
	e.picker, e.info = nil, grpcbalancer.PickInfo{} // which hold all the rest
	return e
}

func checkPicks(t *testing.T, entries []*picking, small map[string]float64) {
	wrr := find(entries, "weighted_round_robin")
	for _, e := range entries {
		if !strings.HasPrefix(e.name, "fairlead") {
			continue
		}
		allowed := 0.
		if e.reports {
			allowed = wrr.allocs
		}
		if e.allocs > allowed {
			t.Errorf("%s: %g allocations, may be %g", e.name, e.allocs, allowed)
		}
		if !*strict {
			continue
		}
		if e.floor != "" {
			if ratio := e.time() / find(entries, e.floor).time(); ratio > mostOfFloor {
				t.Errorf("%s: %.2f × the time of the %s, may be %.2f", e.name, ratio, e.floor, mostOfFloor)
			}
		}
		if e.floor == sampled && e.time() > mostPickNs {
			t.Errorf("%s: %.0f ns, may be %.0f", e.name, e.time(), mostPickNs)
		}
		if e.time() >= wrr.time() {
			t.Errorf("%s: %.0f ns, %s %.0f ns", e.name, e.time(), wrr.name, wrr.time())
		}
		if ratio := e.time() / small[e.name]; ratio > mostLarge {
			t.Errorf("%s: %.2f × the time with few endpoints, may be %.2f", e.name, ratio, mostLarge)
		}
	}
}

func find(entries []*picking, name string) *picking {
	return entries[slices.IndexFunc(entries, func(e *picking) bool { return e.name == name })]
}

func pickTable(entries []*picking, small map[string]float64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-22s %8s %8s %8s %8s\n", "", "CPU ns", "× floor", "× 2x5", "allocs")
	for _, e := range entries {
		fmt.Fprintf(&b, "%-22s %8.1f %8.2f %8.2f %8.0f\n", e.name,
			e.time(), e.time()/entries[0].time(), e.time()/small[e.name], e.allocs)
	}
	return b.String()
}

// time is the policy's CPU time for a pick: the median of its turns.
func (e *picking) time() float64 { return median(e.times) }

func median(values []float64) float64 { return slices.Sorted(slices.Values(values))[len(values)/2] }

// TestPickTwoCPUs prints what a pick costs when two CPUs make them at the same
// time: the wall time over the number of picks of both, the median of 10 turns.
// With -strict it fails if fairlead's is more than on one CPU, unless other
// processes left it less than one and a half.
func TestPickTwoCPUs(t *testing.T) {
	if runtime.NumCPU() < 2 {
		t.Skip("there is one CPU")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-22s %8s %8s %8s %8s\n", "2x5", "1 CPU", "2 CPUs", "ratio", "CPUs got")
	for _, p := range policies {
		c := p.open(t, twoClouds(fewest), true)
		e := newPicking(p, c)
		e.warmUp(t)
		var one, two, got []float64
		for range pickTurns {
			each, _ := e.parallel(t, 1)
			one = append(one, each)
			each, cpus := e.parallel(t, 2)
			two, got = append(two, each), append(got, cpus)
		}
		ratio := median(two) / median(one)
		fmt.Fprintf(&b, "%-22s %8.1f %8.1f %8.2f %8.2f\n", p.name, median(one), median(two), ratio, median(got))
		if *strict && strings.HasPrefix(p.name, "fairlead") && ratio > 1 && median(got) >= 1.5 {
			t.Errorf("%s: %.2f × the time of one CPU", p.name, ratio)
		}
		c.close()
	}
	t.Log("\n" + b.String())
}

// parallel returns the wall time per pick of so many CPUs, in ns, and how many
// CPUs the process really had.
func (e *picking) parallel(t *testing.T, cpus int) (each, got float64) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cpus))
	var all sync.WaitGroup
	began, beganCPU := time.Now(), cpuTime()
	for range cpus {
		all.Go(func() { e.run(t, cpuBatch) })
	}
	all.Wait()
	wall, cpu := float64(time.Since(began)), float64(cpuTime()-beganCPU)
	return wall / float64(cpus*cpuBatch), cpu / wall
}

// BenchmarkPick measures the policies one by one, for profiles.
func BenchmarkPick(b *testing.B) {
	for _, n := range sizes {
		for _, p := range policies {
			b.Run(fmt.Sprintf("endpoints=2x%d/%s", n, p.name), func(b *testing.B) {
				c := p.open(b, twoClouds(n), true)
				defer c.close()
				e := newPicking(p, c)
				e.warmUp(b)
				b.ReportAllocs()
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						e.run(b, 1)
					}
				})
			})
		}
	}
}
