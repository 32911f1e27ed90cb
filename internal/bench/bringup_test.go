package bench

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	grpcbalancer "google.golang.org/grpc/balancer"
)

// What endpoints may cost.
const (
	mostPerEndpoint = 2.0 // × the time per endpoint of another number of them
	mostOfUpdate    = 0.1 // × round_robin's time, for an update that changes one of many
	mostMemory      = 1.8 // × round_robin's bytes per endpoint: ours have a record of exact windows
	mostReweigh     = 1e3 // µs, for other weights of the clouds of many
)

// many is how many endpoints a large service has, in two clouds.
const many = 10_000

// roundRobinsMost is how many endpoints round_robin is brought up with: it needs
// n², which is a minute for 10,000.
const roundRobinsMost = 1000

// endpointPolicies are compared in what endpoints cost.
var endpointPolicies = slices.Concat(fairleads[:1], peers[:1])

// TestBringUp prints the CPU time from the first lookup until every endpoint can
// be picked. With -strict it fails if that isn't in proportion to their number.
func TestBringUp(t *testing.T) {
	var b strings.Builder
	fmt.Fprintf(&b, "%-14s %10s %12s %14s %8s\n", "", "endpoints", "ms", "µs/endpoint", "pickers")
	for _, p := range endpointPolicies {
		var each []float64 // µs
		for _, n := range []int{100, 1000, many} {
			if p.peer && n > roundRobinsMost {
				break
			}
			took, pickers := bringUp(t, p, n)
			each = append(each, float64(took.Nanoseconds())/1e3/float64(n))
			fmt.Fprintf(&b, "%-14s %10d %12.2f %14.2f %8d\n", p.name, n, took.Seconds()*1e3, each[len(each)-1], pickers)
		}
		if ratio := slices.Max(each) / slices.Min(each); *strict && !p.peer && ratio > mostPerEndpoint {
			t.Errorf("%s: the time per endpoint varies %.1f-fold, may vary %.1f-fold", p.name, ratio, mostPerEndpoint)
		}
	}
	t.Log("\n" + b.String())
}

// bringUp returns the median time of a few tries, and how many pickers the
// channel was given.
func bringUp(t *testing.T, p policy, n int) (time.Duration, int64) {
	const tries = 5
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // or idle CPUs help the garbage collector
	var times []time.Duration
	var pickers int64
	clouds := twoClouds(n / 2)
	for range tries {
		runtime.GC()
		began := cpuTime()
		c := p.open(t, clouds, false)
		times = append(times, cpuTime()-began)
		pickers = c.conn().updates.Load()
		checkReach(t, p, c, n)
		c.close()
	}
	slices.Sort(times)
	return times[tries/2], pickers
}

// checkReach makes calls that don't end until each endpoint has got one. A
// connection may be up a moment before it is used.
func checkReach(t *testing.T, p policy, c channel, n int) {
	t.Helper()
	reached := make(map[any]bool)
	var open []func(grpcbalancer.DoneInfo)
	for range 100 {
		for range 30 * n {
			r, err := c.conn().picker.Load().Picker.Pick(c.info())
			if err != nil {
				t.Fatalf("%s: %v", p.name, err)
			}
			if r.Done != nil {
				open = append(open, r.Done)
			}
			if reached[r.SubConn] = true; len(reached) == n {
				break
			}
		}
		for _, done := range open {
			done(picked)
		}
		open = open[:0]
		if len(reached) == n {
			return
		}
		runtime.Gosched()
	}
	t.Errorf("%s: %d of %d endpoints are picked", p.name, len(reached), n)
}

// TestUpdateOfOne changes one endpoint of many, and prints the CPU time until the
// new one can be picked. It fails if any other connection is touched. With
// -strict it fails if it takes more than a part of what it takes round_robin.
func TestUpdateOfOne(t *testing.T) {
	const tries = 9
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // or idle CPUs help the garbage collector
	took := make(map[string]float64)                // ms
	for _, p := range slices.Concat(fairleads[:1], peers) {
		c := p.open(t, twoClouds(many/2), true)
		var times []float64
		for i := range tries {
			runtime.GC()
			clouds := twoClouds(many / 2)
			clouds[0][i*500] = fmt.Sprintf("10.9.0.%d:9090", i+1)
			before := c.conn().touched()
			times = append(times, c.resolve(t, clouds).Seconds()*1e3)
			// The one of the update before comes back, and its stand-in goes.
			want := [3]int64{min(int64(i)+1, 2), min(int64(i)+1, 2), min(int64(i)+1, 2)}
			if got := c.conn().touched(); got != plus(before, want) {
				t.Errorf("%s: SubConns created, connected, shut down: %v, then %v, want %v more", p.name, before, got, want)
			}
		}
		took[p.name] = median(times)
		t.Logf("%-22s %8.3f ms", p.name, took[p.name])
		c.close()
	}
	for _, p := range fairleads[:1] {
		if ratio := took[p.name] / took["round_robin"]; *strict && ratio > mostOfUpdate {
			t.Errorf("%s: %.2f × round_robin's time, may be %.2f", p.name, ratio, mostOfUpdate)
		}
	}
}

// TestReweigh changes the weights of two clouds with many endpoints, and prints the
// CPU time. It fails if a connection is touched, with -strict also if it takes
// long.
func TestReweigh(t *testing.T) {
	c := fairleads[0].open(t, twoClouds(many/2), true).(*fairleadChannel)
	defer c.close()
	before := c.conn().touched()
	var times []float64 // µs
	for i := range uint32(9) {
		times = append(times, float64(c.reweigh(t, 10+i, 90-i).Nanoseconds())/1e3)
	}
	// The update of one comes after all that the weights may have led to.
	clouds := twoClouds(many / 2)
	clouds[0][0] = "10.9.0.1:9090"
	c.resolve(t, clouds)
	if got := c.conn().touched(); got != plus(before, [3]int64{1, 1, 1}) {
		t.Errorf("SubConns created, connected, shut down: %v, then %v, want one more of each", before, got)
	}
	t.Logf("%.0f µs", median(times))
	if *strict && median(times) > mostReweigh {
		t.Errorf("%.0f µs, may be %.0f", median(times), mostReweigh)
	}
}

// touched returns how many SubConns were created, told to connect and shut down.
func (c *fakeConn) touched() [3]int64 {
	return [3]int64{c.created.Load(), c.connected.Load(), c.shut.Load()}
}

func plus(a, b [3]int64) [3]int64 {
	for i := range a {
		a[i] += b[i]
	}
	return a
}

// TestMemory prints the bytes that an endpoint occupies, without its connection
// and the address. It fails if they are more than round_robin's.
func TestMemory(t *testing.T) {
	bytes := make(map[string]float64)
	for _, p := range endpointPolicies {
		clouds := twoClouds(many / 2)
		before := liveBytes()
		c := p.open(t, clouds, true)
		bytes[p.name] = float64(liveBytes()-before) / many
		t.Logf("%-14s %6.0f bytes per endpoint", p.name, bytes[p.name])
		runtime.KeepAlive(clouds)
		c.close()
	}
	for _, p := range fairleads[:1] {
		if ratio := bytes[p.name] / bytes["round_robin"]; ratio > mostMemory {
			t.Errorf("%s: %.2f × round_robin's bytes per endpoint, may be %.2f", p.name, ratio, mostMemory)
		}
	}
}

// liveBytes returns what the heap holds that is in use.
func liveBytes() int64 {
	runtime.GC()
	runtime.GC() // what the first one left in pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
