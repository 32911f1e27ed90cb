package bench

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	grpcbalancer "google.golang.org/grpc/balancer"
	"google.golang.org/grpc/connectivity"
)

// floor is the least that a picker can do that chooses a cloud by the call's
// tier and an endpoint by what it costs: a tier out of the context, one random
// number for both choices, power of two choices on (in flight + 1) × latency,
// two looks at the clock, and a Done that needs no allocation. There is nothing
// around it: no health, no counts, no change of the table.
type floor struct {
	epoch time.Time
	// every is how many calls there are to one whose time is taken, a power of 2.
	every uint64
	tiers []floorTier
	calls sync.Pool // of *floorCall
}

type floorTier struct {
	name   string
	shares []uint32 // cumulative, of 2³²
	clouds [][]*floorEndpoint
}

// floorEndpoint has a pair of cache lines for itself.
type floorEndpoint struct {
	subConn  grpcbalancer.SubConn
	done     func(grpcbalancer.DoneInfo) // of calls whose time isn't taken
	inFlight atomic.Int64
	latency  atomic.Int64 // a peak EWMA in ns
	_        [96]byte
}

// floorCall is a call whose time is taken. They are pooled, so that the closure
// is made once.
type floorCall struct {
	floor    *floor
	endpoint *floorEndpoint
	began    time.Duration
	done     func(grpcbalancer.DoneInfo)
}

type floorTierKey struct{}

func (f *floor) Pick(info grpcbalancer.PickInfo) (grpcbalancer.PickResult, error) {
	name, _ := info.Ctx.Value(floorTierKey{}).(string)
	tier := &f.tiers[0]
	for i := range f.tiers {
		if f.tiers[i].name == name {
			tier = &f.tiers[i]
			break
		}
	}
	draw := rand.Uint64()
	e := tier.choose(draw)
	e.inFlight.Add(1)
	if draw&(f.every-1) != 0 {
		return grpcbalancer.PickResult{SubConn: e.subConn, Done: e.done}, nil
	}
	c, _ := f.calls.Get().(*floorCall)
	if c == nil {
		c = &floorCall{floor: f}
		c.done = c.end
	}
	c.endpoint, c.began = e, time.Since(f.epoch)
	return grpcbalancer.PickResult{SubConn: e.subConn, Done: c.done}, nil
}

func (t *floorTier) choose(draw uint64) *floorEndpoint {
	k := 0
	for uint32(draw>>32) > t.shares[k] {
		k++
	}
	endpoints := t.clouds[k]
	n := uint64(len(endpoints))
	product := draw & (1<<32 - 1) * n
	i := product >> 32
	j := (product & (1<<32 - 1)) * (n - 1) >> 32
	if j >= i {
		j++
	}
	e, o := endpoints[i], endpoints[j]
	if (o.inFlight.Load()+1)*o.latency.Load() < (e.inFlight.Load()+1)*e.latency.Load() {
		return o
	}
	return e
}

// end notes the latency and gives the call back.
func (c *floorCall) end(info grpcbalancer.DoneInfo) {
	e := c.endpoint
	if info.Err == nil && info.BytesReceived {
		took := int64(time.Since(c.floor.epoch) - c.began)
		if was := e.latency.Load(); took > was {
			e.latency.Store(took)
		} else {
			e.latency.Store(was + (took-was)/8)
		}
	}
	e.inFlight.Add(-1)
	c.floor.calls.Put(c)
}

// floors are the floor with each call's time taken, and with one in eight.
var floors = []policy{
	{everyTimed, false, "", openFloor(1)},
	{sampled, false, "", openFloor(8)},
}

const (
	everyTimed = "floor"
	sampled    = "floor, 1 of 8 timed"
)

// floorChannel has only a picker.
type floorChannel struct{ fake *fakeConn }

func openFloor(every uint64) func(testing.TB, [][]string, bool) channel {
	return func(_ testing.TB, clouds [][]string, _ bool) channel {
		table := make([][]*floorEndpoint, len(clouds))
		for k, cloud := range clouds {
			for range cloud {
				e := &floorEndpoint{subConn: &fakeSubConn{}}
				e.done = func(grpcbalancer.DoneInfo) { e.inFlight.Add(-1) }
				table[k] = append(table[k], e)
			}
		}
		f := &floor{epoch: time.Now(), every: every}
		for _, name := range tierNames {
			f.tiers = append(f.tiers, floorTier{name, []uint32{7 << 28, 1<<32 - 1}, table})
		}
		c := floorChannel{newFakeConn(false)}
		c.fake.UpdateState(grpcbalancer.State{ConnectivityState: connectivity.Ready, Picker: f})
		return c
	}
}

func (c floorChannel) conn() *fakeConn { return c.fake }

func (c floorChannel) info() grpcbalancer.PickInfo {
	info := pickInfo
	info.Ctx = context.WithValue(info.Ctx, floorTierKey{}, tierNames[1])
	return info
}

func (c floorChannel) resolve(testing.TB, [][]string) time.Duration { return 0 }

func (c floorChannel) close() { c.fake.serial.close() }
