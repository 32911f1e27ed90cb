package cloudgrpc_test

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
)

// One address that two clouds have in common is an endpoint of each.
func TestOneAddressInTwoClouds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		cfg.Services["api"].Clouds["b"] = cfg.Services["api"].Clouds["a"]
		w := newWorld(t, cfg)
		var mu sync.Mutex
		seen := map[string]int{}
		r := w.router(cfg, balancer.WithTrace(balancer.Trace{Picked: func(a balancer.Attempt) {
			mu.Lock()
			defer mu.Unlock()
			seen[a.Cloud()]++
		}}))
		client := w.client(r)
		for range 200 {
			if _, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{}); err != nil {
				t.Fatal(err)
			}
		}
		if seen["a"] < 100 || seen["b"] < 30 {
			t.Errorf("calls by cloud: %v", seen)
		}
	})
}

// A cloud whose name DNS doesn't know hurts nobody else, and keeps what was good.
func TestDNSOfOneCloudFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		w := newWorld(t, cfg)
		cfg.Services["api"].Clouds["a"] = balancer.ServiceCloud{GRPC: []string{"dns:///a.example:9090"}}
		var mu sync.Mutex
		answer := []netip.Addr{}
		lookup := func(context.Context, string) ([]netip.Addr, error) {
			mu.Lock()
			defer mu.Unlock()
			if len(answer) == 0 {
				return nil, errors.New("no such host")
			}
			return answer, nil
		}
		r := w.router(cfg, balancer.WithResolver(lookup))
		client := w.client(r)
		calls := func() map[string]int {
			seen := map[string]int{}
			for range 100 {
				resp, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{})
				if err != nil {
					t.Fatal(err)
				}
				seen[resp.ServerId]++
			}
			return seen
		}
		if got := calls(); !maps.Equal(got, map[string]int{"b": 100}) {
			t.Errorf("without an address of a: %v", got)
		}
		mu.Lock()
		answer = []netip.Addr{netip.MustParseAddr("10.0.0.1")}
		mu.Unlock()
		time.Sleep(2 * time.Minute) // to be found, and to get its share at the slope
		if got := calls(); got["a"] < 50 {
			t.Errorf("with an address of a: %v", got)
		}
		mu.Lock()
		answer = nil
		mu.Unlock()
		time.Sleep(2 * time.Minute)
		if got := calls(); got["a"] < 50 {
			t.Errorf("once DNS has failed again: %v", got)
		}
	})
}

// Any target that gRPC can resolve may be in a cloud.
func TestTargetsOfGRPC(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "b.sock")
	lis, err := net.Listen("unix", socket)
	if err != nil {
		t.Skipf("no unix sockets here: %v", err)
	}
	unix := &server{world: &world{}, cloud: "b"}
	unix.grpc = grpc.NewServer()
	pb.RegisterTestServiceServer(unix.grpc, unix)
	var serving sync.WaitGroup
	serving.Go(func() { unix.grpc.Serve(lis) })
	defer serving.Wait()
	defer unix.grpc.Stop()

	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	other := &server{world: &world{}, cloud: "a"}
	other.grpc = grpc.NewServer()
	pb.RegisterTestServiceServer(other.grpc, other)
	serving.Go(func() { other.grpc.Serve(tcp) })
	defer other.grpc.Stop()

	scheme := manual.NewBuilderWithScheme("fairlead-test")
	scheme.InitialState(resolver.State{Addresses: []resolver.Address{{Addr: tcp.Addr().String()}}})
	resolver.Register(scheme)
	cfg := testConfig(1)
	cfg.Services["api"].Clouds["a"] = balancer.ServiceCloud{GRPC: []string{"fairlead-test:///anything"}}
	cfg.Services["api"].Clouds["b"] = balancer.ServiceCloud{GRPC: []string{"unix://" + socket}}
	r, err := balancer.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	conn, err := cloudgrpc.NewClient(r, "api", grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	seen := map[string]int{}
	for range 200 {
		resp, err := pb.NewTestServiceClient(conn).UnaryCall(t.Context(), &pb.SimpleRequest{}, grpc.WaitForReady(true))
		if err != nil {
			t.Fatal(err)
		}
		seen[resp.ServerId]++
	}
	if seen["a"] == 0 || seen["b"] == 0 {
		t.Errorf("calls by cloud: %v", seen)
	}
}

// Two routers in one process don't see each other.
func TestTwoRouters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, other := testConfig(1), testConfig(1)
		w := newWorld(t, cfg)
		delete(cfg.Services["api"].Clouds, "b")
		delete(other.Services["api"].Clouds, "a")
		one, two := w.client(w.router(cfg)), w.client(w.router(other))
		for range 20 {
			x, err := one.UnaryCall(t.Context(), &pb.SimpleRequest{})
			if err != nil || x.ServerId != "a" {
				t.Fatal(x, err)
			}
			y, err := two.UnaryCall(t.Context(), &pb.SimpleRequest{})
			if err != nil || y.ServerId != "b" {
				t.Fatal(y, err)
			}
		}
	})
}

// Endpoints that stay keep their connections when others come and go, and when
// weights change.
func TestConnectionsSurviveUpdates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(3)
		w := newWorld(t, cfg)
		var mu sync.Mutex
		dials := map[string]int{}
		r := w.router(cfg)
		client := w.client(r, grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			mu.Lock()
			dials[address]++
			mu.Unlock()
			return w.dial(ctx, address)
		}))
		call := func() {
			for range 20 {
				if _, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{}); err != nil {
					t.Fatal(err)
				}
			}
		}
		call()
		next := testConfig(3)
		next.Clouds["a"] = balancer.Cloud{Weight: 10}
		runs := next.Services["api"].Clouds["a"]
		runs.GRPC = runs.GRPC[1:]
		next.Services["api"].Clouds["a"] = runs
		if err := r.Update(next); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		call()
		if err := r.Update(cfg); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		call()
		for address, n := range dials {
			want := 1
			if address == "10.0.0.1:9090" {
				want = 2 // it went and came back
			}
			if n != want {
				t.Errorf("%s was dialed %d times, want %d", address, n, want)
			}
		}
	})
}

// A connection that fails has DNS asked again, long before it is time.
func TestFailureLooksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		w := newWorld(t, cfg)
		cfg.Services["api"].Clouds["a"] = balancer.ServiceCloud{GRPC: []string{"a.example:9090"}}
		var mu sync.Mutex
		address, asked := "10.0.0.9", 0 // where nobody is
		r := w.router(cfg, balancer.WithResolver(func(context.Context, string) ([]netip.Addr, error) {
			mu.Lock()
			defer mu.Unlock()
			asked++
			return []netip.Addr{netip.MustParseAddr(address)}, nil
		}))
		client := w.client(r)
		for range 50 {
			if _, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{}); err != nil {
				t.Fatal(err)
			}
		}
		mu.Lock()
		address = "10.0.0.1"
		mu.Unlock()
		time.Sleep(5 * time.Second) // otherwise DNS is asked every 30 s
		places, _, err := r.Places("api", balancer.GRPC)
		if err != nil || len(places) != 2 || places[0].Endpoint.Address != "10.0.0.1:9090" {
			t.Errorf("5 s later the places are %v, %v", places, err)
		}
		if asked > 6 {
			t.Errorf("DNS was asked %d times in 5 s", asked)
		}
	})
}
