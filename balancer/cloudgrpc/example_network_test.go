package cloudgrpc_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"google.golang.org/grpc"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/test/bufconn"

	"github.com/fairlead-go/fairlead/balancer"
)

// network is what the examples run in: a server in memory for each cloud.
type network struct {
	addresses map[string]string // by cloud

	mu        sync.Mutex
	listeners map[string]*bufconn.Listener // by address
	servers   map[string]*grpc.Server      // by cloud
}

// handler answers a call in a cloud.
type handler func(ctx context.Context, cloud string) (answer string, err error)

// cloudName is the handler that says which cloud it is in.
func cloudName(_ context.Context, cloud string) (string, error) { return cloud, nil }

func newNetwork() *network {
	return &network{
		addresses: make(map[string]string), listeners: make(map[string]*bufconn.Listener), servers: make(map[string]*grpc.Server),
	}
}

// serve returns a network in which the handler answers in each of the clouds.
func serve(h handler, clouds ...string) *network {
	n := newNetwork()
	for _, cloud := range clouds {
		server := grpc.NewServer()
		pb.RegisterTestServiceServer(server, &exampleServer{cloud: cloud, handler: h})
		n.start(cloud, server)
	}
	return n
}

// start starts a server. Its address is for benchmarks, which leads nowhere
// (RFC 2544).
func (n *network) start(cloud string, server *grpc.Server) {
	address := fmt.Sprintf("198.18.%d.1:9090", len(n.addresses))
	listener := bufconn.Listen(1 << 16)
	n.addresses[cloud], n.listeners[address], n.servers[cloud] = address, listener, server
	go server.Serve(listener)
}

// config is that of the network with services that run in all of its clouds.
func (n *network) config(services ...string) *balancer.Config {
	cfg := &balancer.Config{Clouds: make(map[string]balancer.Cloud), Services: make(map[string]balancer.Service)}
	for cloud := range n.addresses {
		cfg.Clouds[cloud] = balancer.Cloud{}
	}
	for _, service := range services {
		clouds := make(map[string]balancer.ServiceCloud)
		for cloud, address := range n.addresses {
			clouds[cloud] = balancer.ServiceCloud{GRPC: []string{address}}
		}
		cfg.Services[service] = balancer.Service{Clouds: clouds}
	}
	return cfg
}

// dial connects to a server of the network, for gRPC.
func (n *network) dial(ctx context.Context, address string) (net.Conn, error) {
	n.mu.Lock()
	listener := n.listeners[address]
	n.mu.Unlock()
	if listener == nil {
		return nil, errors.New("connection refused")
	}
	return listener.DialContext(ctx)
}

// router returns a router that stays in the network.
func (n *network) router(cfg *balancer.Config) *balancer.Router {
	router, err := balancer.New(cfg, balancer.WithDialer(func(ctx context.Context, _, address string) (net.Conn, error) {
		return n.dial(ctx, address)
	}))
	if err != nil {
		panic(err)
	}
	return router
}

// lose ends the server of a cloud.
func (n *network) lose(cloud string) {
	n.mu.Lock()
	delete(n.listeners, n.addresses[cloud])
	n.mu.Unlock()
	n.servers[cloud].Stop()
}

func (n *network) close() {
	for cloud := range n.servers {
		n.lose(cloud)
	}
}

// exampleServer answers calls and streams as its handler says.
type exampleServer struct {
	pb.UnimplementedTestServiceServer
	cloud   string
	handler handler
}

func (s *exampleServer) UnaryCall(ctx context.Context, _ *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	answer, err := s.handler(ctx, s.cloud)
	return &pb.SimpleResponse{ServerId: answer}, err
}

// StreamingOutputCall answers three times.
func (s *exampleServer) StreamingOutputCall(_ *pb.StreamingOutputCallRequest, stream grpc.ServerStreamingServer[pb.StreamingOutputCallResponse]) error {
	for range 3 {
		answer, err := s.handler(stream.Context(), s.cloud)
		if err == nil {
			err = stream.Send(&pb.StreamingOutputCallResponse{Payload: &pb.Payload{Body: []byte(answer)}})
		}
		if err != nil {
			return err
		}
	}
	return nil
}
