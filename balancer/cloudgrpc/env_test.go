package cloudgrpc_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	grpchealthserver "google.golang.org/grpc/health"
	grpchealth "google.golang.org/grpc/health/grpc_health_v1"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
	"github.com/fairlead-go/fairlead/sla"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a network of gRPC servers in memory.
type world struct {
	t       testing.TB
	mu      sync.Mutex
	servers map[string]*server // by address
	cuts    map[string]*cut
}

// server is one of them.
type server struct {
	pb.UnimplementedTestServiceServer
	world   *world
	cloud   string
	address string
	health  *grpchealthserver.Server
	grpc    *grpc.Server
	lis     *bufconn.Listener
	fault   func(context.Context, string) error // nil: none
	stalled chan struct{}                       // not nil: new connections get no answer
	mute    bool                                // its health can be asked for, not watched
	asks    bool                                // for a token, from probes, too
	calls   int
	seen    []context.Context
}

// testConfig has one service, api, in clouds a (70) and b (30) with n endpoints
// each, and the tiers critical and standard.
func testConfig(n int) *balancer.Config {
	cfg := &balancer.Config{
		Clouds:   map[string]balancer.Cloud{"a": {Weight: 70}, "b": {Weight: 30}},
		Services: map[string]balancer.Service{"api": {Clouds: map[string]balancer.ServiceCloud{}}},
		Tiers: []sla.Tier{
			{Name: "critical", Protected: true, Timeout: 800 * time.Millisecond, Attempts: 3},
			{Name: "standard"},
		},
		Default: "standard",
	}
	for i, cloud := range []string{"a", "b"} {
		var runs balancer.ServiceCloud
		for k := range n {
			runs.GRPC = append(runs.GRPC, fmt.Sprintf("10.0.%d.%d:9090", i, k+1))
		}
		cfg.Services["api"].Clouds[cloud] = runs
	}
	return cfg
}

// newWorld starts a server at each address of the config.
func newWorld(t testing.TB, cfg *balancer.Config) *world {
	w := &world{t: t, servers: make(map[string]*server), cuts: make(map[string]*cut)}
	for name, cloud := range cfg.Services["api"].Clouds {
		for _, address := range cloud.GRPC {
			if w.servers[address] != nil {
				continue
			}
			w.servers[address] = &server{world: w, cloud: name, address: address}
			w.servers[address].start()
		}
	}
	t.Cleanup(func() {
		for _, s := range w.servers {
			s.stop()
		}
	})
	return w
}

func (s *server) start() {
	s.lis = bufconn.Listen(1 << 16)
	s.grpc = grpc.NewServer(grpc.UnaryInterceptor(s.unary), grpc.StreamInterceptor(s.streaming))
	s.health = grpchealthserver.NewServer()
	grpchealth.RegisterHealthServer(s.grpc, s.health)
	pb.RegisterTestServiceServer(s.grpc, s)
	go s.grpc.Serve(s.lis)
}

// stop ends the server and its connections.
func (s *server) stop() {
	if s.grpc != nil {
		s.health.Shutdown()
		s.grpc.Stop()
	}
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	s.grpc, s.lis = nil, nil
}

func (s *server) restart() {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	s.start()
}

// set changes how the server answers calls; nil is well.
func (s *server) set(fault func(context.Context, string) error) {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	s.fault = fault
}

func (s *server) count() int {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	return s.calls
}

// enter counts a call and returns its fault.
func (s *server) enter(ctx context.Context, method string) error {
	s.world.mu.Lock()
	s.calls++
	s.seen = append(s.seen, ctx)
	fault := s.fault
	s.world.mu.Unlock()
	if fault == nil {
		return nil
	}
	return fault(ctx, method)
}

func isHealth(method string) bool { return method[:len("/grpc.health")] == "/grpc.health" }

func (s *server) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if s.asks && isHealth(info.FullMethod) {
		return nil, status.Error(codes.Unauthenticated, "who are you?")
	}
	if !isHealth(info.FullMethod) {
		if err := s.enter(ctx, info.FullMethod); err != nil {
			return nil, err
		}
	}
	return handler(ctx, req)
}

func (s *server) streaming(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if s.asks && isHealth(info.FullMethod) {
		return status.Error(codes.Unauthenticated, "who are you?")
	}
	if s.mute && isHealth(info.FullMethod) {
		return status.Error(codes.Unimplemented, "ask me")
	}
	if !isHealth(info.FullMethod) {
		if err := s.enter(ss.Context(), info.FullMethod); err != nil {
			return err
		}
	}
	return handler(srv, ss)
}

// UnaryCall answers with the cloud and the address.
func (s *server) UnaryCall(context.Context, *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	time.Sleep(time.Millisecond)
	return &pb.SimpleResponse{Hostname: s.address, ServerId: s.cloud}, nil
}

func (s *server) EmptyCall(context.Context, *pb.Empty) (*pb.Empty, error) { return &pb.Empty{}, nil }

// dial connects in this world, as patiently as the default dialer.
func (w *world) dial(ctx context.Context, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	w.mu.Lock()
	s := w.servers[address]
	if s == nil || s.lis == nil {
		w.mu.Unlock()
		return nil, errors.New("connection refused")
	}
	lis, stalled, cut := s.lis, s.stalled, w.cuts[address]
	w.mu.Unlock()
	if cut != nil {
		return cut.dial(ctx, lis.DialContext)
	}
	if stalled != nil {
		select {
		case <-stalled:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return lis.DialContext(ctx)
}

// router returns a router whose probes stay in this world.
func (w *world) router(cfg *balancer.Config, opts ...balancer.Option) *balancer.Router {
	w.t.Helper()
	opts = append(opts, balancer.WithDialer(func(ctx context.Context, _, address string) (net.Conn, error) {
		return w.dial(ctx, address)
	}))
	r, err := balancer.New(cfg, opts...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { r.Close() })
	return r
}

// client returns a client of the service api.
func (w *world) client(r *balancer.Router, opts ...grpc.DialOption) pb.TestServiceClient {
	return pb.NewTestServiceClient(w.conn(r, opts...))
}

func (w *world) conn(r *balancer.Router, opts ...grpc.DialOption) *grpc.ClientConn {
	w.t.Helper()
	opts = append([]grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(w.dial)}, opts...)
	conn, err := cloudgrpc.NewClient(r, "api", opts...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	return conn
}

// fails is a fault with a code.
func fails(code codes.Code) func(context.Context, string) error {
	return func(context.Context, string) error { return status.Error(code, "out of order") }
}

// hangs is a fault that lasts as long as the call.
func hangs(ctx context.Context, _ string) error {
	<-ctx.Done()
	return status.FromContextError(ctx.Err()).Err()
}

func cloudStatus(r *balancer.Router, cloud string) balancer.CloudStatus {
	for _, c := range r.Status().Services[0].Clouds {
		if c.Name == cloud {
			return c
		}
	}
	panic("no cloud " + cloud)
}

// cut lets what is sent to and from an address vanish.
func (w *world) cut(address string) *cut {
	c := &cut{}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cuts[address] = c
	return c
}

// cut is a way that packets are lost on. Connections that were made before it
// healed stay dead, as they do for minutes where TCP repeats itself ever more
// slowly.
type cut struct {
	mu      sync.Mutex
	dropped bool
	healed  chan struct{}
	conns   []*cutConn
}

func (c *cut) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropped, c.healed = true, make(chan struct{})
	for _, conn := range c.conns {
		conn.dead.Store(true)
	}
}

func (c *cut) heal() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropped = false
	close(c.healed)
}

// dial returns a connection, or waits while packets are lost.
func (c *cut) dial(ctx context.Context, dial func(context.Context) (net.Conn, error)) (net.Conn, error) {
	c.mu.Lock()
	healed := c.healed
	dropped := c.dropped
	c.mu.Unlock()
	if dropped {
		select {
		case <-healed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		select {
		case <-time.After(250 * time.Millisecond): // until the host is asked again
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	conn, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	cc := &cutConn{Conn: conn, closed: make(chan struct{})}
	c.mu.Lock()
	c.conns = append(c.conns, cc)
	c.mu.Unlock()
	return cc, nil
}

type cutConn struct {
	net.Conn
	dead   atomic.Bool
	once   sync.Once
	closed chan struct{}
}

func (c *cutConn) Write(p []byte) (int, error) {
	if c.dead.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func (c *cutConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.dead.Load() {
		<-c.closed
		return 0, net.ErrClosed
	}
	return n, err
}

func (c *cutConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// count returns the calls that a cloud got.
func (w *world) count(cloud string) (n int) {
	for _, s := range w.servers {
		if s.cloud == cloud {
			n += s.count()
		}
	}
	return n
}
