package cloudgrpc_test

import (
	"context"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	grpchealthserver "google.golang.org/grpc/health"
	grpchealth "google.golang.org/grpc/health/grpc_health_v1"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/test/bufconn"

	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
	"github.com/fairlead-go/fairlead/sla"
)

// handled is a server whose unary calls and streams a function handles, and a plain
// client of gRPC's.
type handled struct {
	pb.UnimplementedTestServiceServer
	handle func(context.Context) error
	client pb.TestServiceClient
	health grpchealth.HealthClient
}

// newHandled starts a server. Its options come before those of this package, as if
// they were a part of gRPC.
func newHandled(t testing.TB, handle func(context.Context) error, opts []cloudgrpc.ServerOption, before ...grpc.ServerOption) *handled {
	t.Helper()
	return serveHandled(t, handle, append(before, cloudgrpc.ServerOptions(opts...)...))
}

// serveHandled starts a server with any options.
func serveHandled(t testing.TB, handle func(context.Context) error, opts []grpc.ServerOption) *handled {
	t.Helper()
	h := &handled{handle: handle}
	server := grpc.NewServer(opts...)
	pb.RegisterTestServiceServer(server, h)
	grpchealth.RegisterHealthServer(server, grpchealthserver.NewServer())
	listener := bufconn.Listen(1 << 16)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:///server", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	h.client, h.health = pb.NewTestServiceClient(conn), grpchealth.NewHealthClient(conn)
	return h
}

func (h *handled) UnaryCall(ctx context.Context, _ *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	return &pb.SimpleResponse{}, h.handle(ctx)
}

func (h *handled) StreamingInputCall(ss pb.TestService_StreamingInputCallServer) error {
	if err := h.handle(ss.Context()); err != nil {
		return err
	}
	return ss.SendAndClose(&pb.StreamingInputCallResponse{})
}

// calls are the two ways to call a server.
var calls = map[string]func(*handled, context.Context, ...grpc.CallOption) error{
	"unary": func(h *handled, ctx context.Context, opts ...grpc.CallOption) error {
		_, err := h.client.UnaryCall(ctx, &pb.SimpleRequest{}, opts...)
		return err
	},
	"stream": func(h *handled, ctx context.Context, opts ...grpc.CallOption) error {
		ss, err := h.client.StreamingInputCall(ctx, opts...)
		if err != nil {
			return err
		}
		_, err = ss.CloseAndRecv()
		return err
	},
}

// threeTiers gives critical to a product, and batch to streams.
func threeTiers() *sla.Classifier {
	c, err := sla.NewClassifier([]sla.Tier{{Name: "critical"}, {Name: "standard"}, {Name: "batch"}}, []sla.Rule{
		{Product: "dispatch", Tier: "critical"}, {Method: "/grpc.testing.TestService/Streaming*", Tier: "batch"},
	}, "standard", sla.LevelKey{})
	if err != nil {
		panic(err)
	}
	return c
}

func everybody(context.Context) bool { return true }
