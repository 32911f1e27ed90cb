package bench

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	orcapb "github.com/cncf/xds/go/xds/data/orca/v3"
	"google.golang.org/grpc"
	grpcbalancer "google.golang.org/grpc/balancer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	grpcstats "google.golang.org/grpc/experimental/stats"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/status"
)

// fakeConn is what a policy sees of a gRPC channel, without connections. Like a
// channel it delivers what happens to its SubConns one after the other, on a
// goroutine of its own; a SubConn becomes READY as soon as it is told to connect.
type fakeConn struct {
	grpcbalancer.ClientConn // nil: a policy that calls more than is here panics
	serial                  *serializer
	// early delivers READY to SubConns while the policy is still taking in its
	// endpoints, which a channel can't. Without it the peers need n² to come up.
	early bool

	picker atomic.Pointer[grpcbalancer.State] // the newest

	// reports says that answers carry load reports, another for each server.
	reports bool

	created, connected, ready, shut atomic.Int64 // SubConns, so far
	updates                         atomic.Int64 // of the picker

	goal atomic.Pointer[goal]
}

// goal is what somebody waits for: so many SubConns created and READY, and so
// many shut down.
type goal struct {
	ready, shut int64
	reached     chan struct{}
}

// await returns when do has led to so many new SubConns that are READY, and to so
// many that are shut down.
func (c *fakeConn) await(tb testing.TB, fresh, shut int, do func()) {
	tb.Helper()
	g := &goal{c.ready.Load() + int64(fresh), c.shut.Load() + int64(shut), make(chan struct{})}
	c.goal.Store(g)
	do()
	c.serial.schedule(c.look)
	select {
	case <-g.reached:
	case <-time.After(20 * time.Second):
		tb.Fatalf("%d SubConns were READY and %d shut down in 20s, want %d and %d", c.ready.Load(), c.shut.Load(), g.ready, g.shut)
	}
}

// look sees whether the goal is reached.
func (c *fakeConn) look() {
	if g := c.goal.Load(); g != nil && c.ready.Load() >= g.ready && c.shut.Load() >= g.shut {
		c.goal.Store(nil)
		close(g.reached)
	}
}

func newFakeConn(early bool) *fakeConn {
	return &fakeConn{serial: newSerializer(), early: early}
}

func (c *fakeConn) NewSubConn(addresses []resolver.Address, opts grpcbalancer.NewSubConnOptions) (grpcbalancer.SubConn, error) {
	k := c.created.Add(1)
	s := &fakeSubConn{conn: c, address: addresses[0].Addr, listener: opts.StateListener}
	if c.reports {
		s.load = &orcapb.OrcaLoadReport{ApplicationUtilization: 0.3 + 0.1*float64(k%5), RpsFractional: 100}
	}
	return s, nil
}

func (c *fakeConn) UpdateState(s grpcbalancer.State) {
	c.updates.Add(1)
	c.picker.Store(&s)
}

func (c *fakeConn) ResolveNow(resolver.ResolveNowOptions) {}

func (c *fakeConn) Target() string { return "bench:///routing-api" }

func (c *fakeConn) MetricsRecorder() grpcstats.MetricsRecorder {
	return grpcstats.UnimplementedMetricsRecorder{}
}

// fakeSubConn is a connection that always can be made, and never fails.
type fakeSubConn struct {
	grpcbalancer.SubConn // nil
	conn                 *fakeConn
	address              string
	listener             func(grpcbalancer.SubConnState)
	load                 *orcapb.OrcaLoadReport // what its server reports, if anything
	state                connectivity.State     // belongs to the serializer
}

func (s *fakeSubConn) Connect() {
	s.conn.connected.Add(1)
	if s.conn.early {
		s.conn.serial.drain()
	}
	s.enter(connectivity.Connecting)
	s.enter(connectivity.Ready)
}

func (s *fakeSubConn) Shutdown() {
	s.conn.shut.Add(1)
	s.enter(connectivity.Shutdown)
}

// RegisterHealthListener reports READY, as a channel without health checks does.
func (s *fakeSubConn) RegisterHealthListener(listener func(grpcbalancer.SubConnState)) {
	s.conn.serial.schedule(func() {
		if s.state == connectivity.Ready {
			listener(grpcbalancer.SubConnState{ConnectivityState: connectivity.Ready})
		}
	})
}

// GetOrBuildProducer hands out a connection to a server that offers nothing.
func (s *fakeSubConn) GetOrBuildProducer(b grpcbalancer.ProducerBuilder) (grpcbalancer.Producer, func()) {
	return b.Build(nothingOffered{})
}

// nothingOffered answers that there is no such method.
type nothingOffered struct{}

var errNothingOffered = status.Error(codes.Unimplemented, "unknown service")

func (nothingOffered) Invoke(context.Context, string, any, any, ...grpc.CallOption) error {
	return errNothingOffered
}

func (nothingOffered) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, errNothingOffered
}

func (s *fakeSubConn) enter(state connectivity.State) {
	s.conn.serial.schedule(func() {
		if s.state != connectivity.Shutdown {
			s.state = state
			s.listener(grpcbalancer.SubConnState{ConnectivityState: state})
		}
		if state == connectivity.Ready {
			s.conn.ready.Add(1)
		}
		s.conn.look()
	})
}

// serializer runs functions one after the other.
type serializer struct {
	mu     sync.Mutex
	more   sync.Cond
	queue  []func()
	closed bool
	ended  chan struct{}
}

func newSerializer() *serializer {
	s := &serializer{ended: make(chan struct{})}
	s.more.L = &s.mu
	go s.run()
	return s
}

func (s *serializer) run() {
	defer close(s.ended)
	for {
		s.mu.Lock()
		for len(s.queue) == 0 && !s.closed {
			s.more.Wait()
		}
		closed := s.closed
		s.mu.Unlock()
		if closed {
			return
		}
		s.drain()
	}
}

// drain runs what is queued, and what that queues. Only the serializer's own
// goroutine may call it, also from a function that it runs.
func (s *serializer) drain() {
	for {
		s.mu.Lock()
		if len(s.queue) == 0 {
			s.mu.Unlock()
			return
		}
		f := s.queue[0]
		s.queue = s.queue[1:]
		s.mu.Unlock()
		f()
	}
}

func (s *serializer) schedule(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = append(s.queue, f)
	s.more.Signal()
}

// do runs f and everything that f queues.
func (s *serializer) do(f func()) {
	done := make(chan struct{})
	s.schedule(func() {
		f()
		s.drain()
		close(done)
	})
	<-done
}

// close drops what is queued and waits for what runs.
func (s *serializer) close() {
	s.mu.Lock()
	s.closed = true
	s.more.Signal()
	s.mu.Unlock()
	<-s.ended
}
