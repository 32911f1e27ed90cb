package cloudgrpc_test

import (
	"io"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
)

// threeAnswers answers every question three times.
type threeAnswers struct {
	pb.UnimplementedTestServiceServer
}

func (threeAnswers) StreamingOutputCall(_ *pb.StreamingOutputCallRequest, ss grpc.ServerStreamingServer[pb.StreamingOutputCallResponse]) error {
	for range 3 {
		if err := ss.Send(&pb.StreamingOutputCallResponse{}); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkServerStream is a stream of three answers over loopback, through
// fairlead and through round_robin. Allocations are those of client and server.
func BenchmarkServerStream(b *testing.B) {
	var addresses []string
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		s := grpc.NewServer()
		pb.RegisterTestServiceServer(s, threeAnswers{})
		go s.Serve(l)
		b.Cleanup(s.Stop)
		addresses = append(addresses, l.Addr().String())
	}
	for _, c := range []struct {
		name string
		dial func(testing.TB, []string) (*grpc.ClientConn, error)
	}{{"round_robin", dialRoundRobin}, {"fairlead", dialFairlead}} {
		b.Run(c.name, func(b *testing.B) {
			conn, err := c.dial(b, addresses)
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			client := pb.NewTestServiceClient(conn)
			b.ReportAllocs()
			for b.Loop() {
				s, err := client.StreamingOutputCall(b.Context(), &pb.StreamingOutputCallRequest{}, grpc.WaitForReady(true))
				for err == nil {
					_, err = s.Recv()
				}
				if err != io.EOF {
					b.Fatal(err)
				}
			}
		})
	}
}

func dialRoundRobin(_ testing.TB, addresses []string) (*grpc.ClientConn, error) {
	found := manual.NewBuilderWithScheme("bench")
	var state resolver.State
	for _, address := range addresses {
		state.Endpoints = append(state.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{{Addr: address}}})
	}
	found.InitialState(state)
	return grpc.NewClient("bench:///api", grpc.WithResolvers(found), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig": [{"round_robin": {}}]}`))
}

func dialFairlead(tb testing.TB, addresses []string) (*grpc.ClientConn, error) {
	cfg := testConfig(0)
	cfg.Services["api"] = balancer.Service{Clouds: map[string]balancer.ServiceCloud{
		"a": {GRPC: addresses[:1]}, "b": {GRPC: addresses[1:]},
	}}
	router, err := balancer.New(cfg)
	if err != nil {
		return nil, err
	}
	tb.Cleanup(func() { router.Close() })
	return cloudgrpc.NewClient(router, "api", grpc.WithTransportCredentials(insecure.NewCredentials()))
}
