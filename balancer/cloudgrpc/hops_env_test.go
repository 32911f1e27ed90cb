package cloudgrpc_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/test/bufconn"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
	"github.com/fairlead-go/fairlead/balancer/cloudhttp"
	"github.com/fairlead-go/fairlead/sla"
)

// way leads over three servers, by HTTP, gRPC and HTTP. Each calls the next one
// with the context that it was called with, through a router of its own.
type way struct {
	t        testing.TB
	loopback bool
	memory   map[string]listener // by address, if not over loopback
	client   *http.Client        // of a program that calls the first
	first    string              // the address of that
	next     [2]func(context.Context) error
	routers  []*balancer.Router

	// What the servers do, to be set between calls: let a call wait before this
	// library sees it, and take time to handle it.
	queue [3]func(ctx context.Context, serve func())
	spend [3]time.Duration

	mu     sync.Mutex
	visits [3]visit
}

// listener is one in memory.
type listener interface {
	net.Listener
	DialContext(context.Context) (net.Conn, error)
}

// visit is what a handler saw of a call.
type visit struct {
	calls          int
	tier           string
	level          uint8
	attempt        []string
	came, deadline time.Time
	left, passedOn time.Duration // of the call's time: when it came, and when the next one was called
}

func newWay(t testing.TB, loopback bool) *way {
	w := &way{t: t, loopback: loopback, memory: make(map[string]listener)}
	last := w.serveHTTP(2)
	w.next[1] = w.httpClient(last).get
	middle := w.serveGRPC(1)
	w.next[0] = w.grpcClient(middle)
	w.first = w.serveHTTP(0)
	w.client = &http.Client{Transport: w.httpClient(w.first).transport}
	return w
}

// listen returns a listener, the given one if the way is in memory.
func (w *way) listen(memory listener) (net.Listener, string) {
	if !w.loopback {
		address := fmt.Sprintf("10.9.0.%d:80", len(w.memory)+1)
		w.memory[address] = memory
		return memory, address
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	return l, l.Addr().String()
}

func (w *way) dial(ctx context.Context, address string) (net.Conn, error) {
	if l := w.memory[address]; l != nil {
		return l.DialContext(ctx)
	}
	return new(net.Dialer).DialContext(ctx, "tcp", address)
}

// dialer is dial for net/http.
func (w *way) dialer() func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, _, address string) (net.Conn, error) { return w.dial(ctx, address) }
}

// handle is the i-th server's handler.
func (w *way) handle(i int, ctx context.Context, attempt []string) error {
	v := visit{came: time.Now(), attempt: attempt}
	v.tier, _ = sla.TierFrom(ctx)
	v.level, _ = sla.LevelFrom(ctx)
	v.deadline, _ = ctx.Deadline()
	v.left = v.deadline.Sub(v.came)
	if w.spend[i] > 0 {
		time.Sleep(w.spend[i]) // in a bubble
	}
	v.passedOn = time.Until(v.deadline)
	w.mu.Lock()
	v.calls = w.visits[i].calls + 1
	w.visits[i] = v
	w.mu.Unlock()
	if i == 2 {
		return nil
	}
	return w.next[i](ctx)
}

// take returns what the servers saw since it was last called.
func (w *way) take() [3]visit {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := w.visits
	w.visits = [3]visit{}
	return seen
}

// arrive lets a call that has come to the i-th server wait.
func (w *way) arrive(i int, ctx context.Context, serve func()) {
	if queue := w.queue[i]; queue != nil {
		queue(ctx, serve)
		return
	}
	serve()
}

func (w *way) serveHTTP(i int) (address string) {
	handler := cloudhttp.Middleware(cloudhttp.WithCap(10), cloudhttp.WithClassifier(threeTiers()), cloudhttp.WithTrusted(func(*http.Request) bool { return true }))(
		http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if err := w.handle(i, r.Context(), r.Header["X-Sla-Attempt"]); err != nil {
				http.Error(rw, err.Error(), http.StatusInternalServerError)
			}
		}))
	server := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.UserAgent() != cloudhttp.ProbeUserAgent {
			w.arrive(i, r.Context(), func() { handler.ServeHTTP(rw, r) })
		}
	})}
	l, address := w.listen(newPipes())
	var serving sync.WaitGroup
	serving.Go(func() { server.Serve(l) })
	w.t.Cleanup(func() {
		server.Close()
		serving.Wait()
	})
	return address
}

func (w *way) serveGRPC(i int) (address string) {
	options := cloudgrpc.ServerOptions(cloudgrpc.WithCap(10), cloudgrpc.WithClassifier(threeTiers()), cloudgrpc.WithTrusted(everybody))
	server := grpc.NewServer(append(options, grpc.UnaryInterceptor(
		func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
			w.arrive(i, ctx, func() { resp, err = handler(ctx, req) })
			return resp, err
		}))...)
	pb.RegisterTestServiceServer(server, &handled{handle: func(ctx context.Context) error {
		return w.handle(i, ctx, metadata.ValueFromIncomingContext(ctx, "x-sla-attempt"))
	}})
	l, address := w.listen(bufconn.Listen(1 << 16))
	go server.Serve(l)
	w.t.Cleanup(server.Stop)
	return address
}

// router knows one service, next, which runs at one place.
func (w *way) router(place balancer.ServiceCloud) *balancer.Router {
	router, err := balancer.New(&balancer.Config{
		Clouds:   map[string]balancer.Cloud{"onprem": {}},
		Services: map[string]balancer.Service{"next": {Clouds: map[string]balancer.ServiceCloud{"onprem": place}}},
		Tiers:    []sla.Tier{{Name: "critical"}, {Name: "standard"}, {Name: "batch"}},
		Default:  "standard",
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { router.Close() })
	w.routers = append(w.routers, router)
	return router
}

type httpClient struct{ transport *cloudhttp.Transport }

func (w *way) httpClient(address string) httpClient {
	transport := cloudhttp.NewTransport(w.router(balancer.ServiceCloud{HTTP: []string{"http://" + address}}),
		cloudhttp.WithBase(func(_ string, t *http.Transport) http.RoundTripper {
			t.DialContext = w.dialer()
			return t
		}))
	w.t.Cleanup(transport.CloseIdleConnections)
	return httpClient{transport}
}

func (c httpClient) get(ctx context.Context) error {
	return get(ctx, &http.Client{Transport: c.transport}, "http://next/", nil)
}

func (w *way) grpcClient(address string) func(context.Context) error {
	conn, err := cloudgrpc.NewClient(w.router(balancer.ServiceCloud{GRPC: []string{address}}), "next",
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(w.dial))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	client := pb.NewTestServiceClient(conn)
	return func(ctx context.Context) error {
		_, err := client.UnaryCall(ctx, &pb.SimpleRequest{})
		return err
	}
}

// get fails unless the answer is 200.
func get(ctx context.Context, client *http.Client, url string, header http.Header) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	if header != nil {
		req.Header = header
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, text)
	}
	return err
}

// pipes is a listener for HTTP. The read deadlines of bufconn, by which net/http's
// server ends a read, can fire late.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) DialContext(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }
