package bench

import (
	"flag"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

var strict = flag.Bool("strict", false, "fail if a limit of time is broken; for a machine with nothing else to do")

// What a call through fairlead may cost at most. Allocations are counted in
// memory: net/http makes four more of its own on a connection whenever the context
// of a request can end.
const (
	mostAllocs         = 6    // over bare, without a deadline
	mostAllocsDeadline = 12   // over bare, with one
	mostInMemory       = 1.5  // × the clone's time, without a deadline
	mostLoopback       = 1.03 // × bare, without a deadline
	mostConnections    = 2    // for each endpoint, one call after the other: a call's and a probe's
)

const (
	rounds = 300
	turn   = time.Millisecond        // of one contender in one round
	settle = 1200 * time.Millisecond // until a router knows its latencies
)

// places are where the servers may be.
var places = []struct {
	name    string
	network func(testing.TB) *network
}{
	{"memory", newMemory},
	{"loopback", newLoopback},
}

// entry is a contender at its work.
type entry struct {
	contender
	network *network
	rt      http.RoundTripper
	req     *http.Request

	times  []float64 // ns per call, by round
	bytes  float64   // per call
	allocs float64
}

func newEntry(tb testing.TB, c contender, network func(testing.TB) *network) *entry {
	n := network(tb)
	url := "http://" + n.addresses[0] + "/v1/route"
	if c.name == "fairlead" {
		url = "http://routing-api/v1/route"
	}
	return &entry{contender: c, network: n, rt: c.make(tb, n), req: newRequest(tb, url)}
}

// warmUp makes calls until a router knows its latencies.
func (e *entry) warmUp(tb testing.TB) {
	for began := time.Now(); time.Since(began) < settle; {
		call(tb, e.rt, e.req)
	}
}

// TestOverhead prints what a call costs through each contender. It fails if
// fairlead allocates more than it may, or as much as a peer that does less, or
// opens more connections. Times are printed and, with -strict, checked.
func TestOverhead(t *testing.T) {
	for _, place := range places {
		t.Run(place.name, func(t *testing.T) {
			var entries []*entry
			for _, c := range contenders {
				entries = append(entries, newEntry(t, c, place.network))
			}
			measure(t, entries)
			t.Log("\n" + table(entries))
			for _, e := range entries {
				if e.name == "fairlead" {
					e.checkConnections(t)
				}
				if e.name == "fairlead" && place.name == "memory" {
					e.checkAllocs(t, entries)
				}
			}
			if *strict {
				checkTimes(t, place.name, entries)
			}
		})
	}
}

// measure lets the contenders take turns.
func measure(t *testing.T, entries []*entry) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // no turn overlaps with another's leftovers
	for began := time.Now(); time.Since(began) < settle; {
		for _, e := range entries {
			call(t, e.rt, e.req)
		}
	}
	for range rounds {
		for _, e := range entries {
			n, began := 0, time.Now()
			for n%8 != 0 || time.Since(began) < turn {
				call(t, e.rt, e.req)
				n++
			}
			e.times = append(e.times, float64(time.Since(began))/float64(n))
		}
	}
	for _, e := range entries {
		const calls = 1000
		e.allocs = testing.AllocsPerRun(calls, func() { call(t, e.rt, e.req) })
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range calls {
			call(t, e.rt, e.req)
		}
		runtime.ReadMemStats(&after)
		e.bytes = float64(after.TotalAlloc-before.TotalAlloc) / calls
	}
}

// checkAllocs compares the entry with bare without a deadline, and with the
// peers that have a deadline if it has.
func (e *entry) checkAllocs(t *testing.T, entries []*entry) {
	most := entries[0].allocs + mostAllocs
	if e.deadline {
		most = entries[0].allocs + mostAllocsDeadline
	}
	if e.allocs > most {
		t.Errorf("%s: %g allocations, may be %g", e.title(), e.allocs, most)
	}
	for _, peer := range entries {
		if peer.peer && peer.deadline == e.deadline && e.allocs >= peer.allocs {
			t.Errorf("%s: %g allocations, %s %g", e.title(), e.allocs, peer.name, peer.allocs)
		}
	}
}

func (e *entry) checkConnections(t *testing.T) {
	if n, most := e.network.opened.Load(), int64(mostConnections*len(e.network.addresses)); n > most {
		t.Errorf("%s: opened %d connections, may be %d", e.title(), n, most)
	}
}

func checkTimes(t *testing.T, place string, entries []*entry) {
	bare, floor, fairlead := entries[0], entries[1], entries[2]
	switch {
	case place == "memory" && fairlead.ratio(floor) > mostInMemory:
		t.Errorf("%.2f × the time of the clone, may be %.2f", fairlead.ratio(floor), mostInMemory)
	case place == "loopback" && fairlead.ratio(bare) > mostLoopback:
		t.Errorf("%.3f × the time of bare, may be %.3f", fairlead.ratio(bare), mostLoopback)
	}
}

// table shows everything. The first two entries are bare and the floor.
func table(entries []*entry) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-26s %8s %8s %8s %8s %8s %12s\n", "", "ns", "× bare", "× clone", "bytes", "allocs", "connections")
	for _, e := range entries {
		fmt.Fprintf(&b, "%-26s %8.0f %8.3f %8.3f %8.0f %8.0f %12d\n", e.title(),
			e.time(), e.ratio(entries[0]), e.ratio(entries[1]), e.bytes, e.allocs, e.network.opened.Load())
	}
	return b.String()
}

// time is the entry's time for a call: what a quarter of its turns stayed below.
// What else the machine does only ever adds to it.
func (e *entry) time() float64 {
	return slices.Sorted(slices.Values(e.times))[len(e.times)/4]
}

func (e *entry) ratio(to *entry) float64 { return e.time() / to.time() }
