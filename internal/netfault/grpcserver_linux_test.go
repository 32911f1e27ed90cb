package netfault

import (
	"context"
	"net"
	"os"
	"strconv"
	"time"

	"google.golang.org/grpc"
	grpchealthserver "google.golang.org/grpc/health"
	grpchealth "google.golang.org/grpc/health/grpc_health_v1"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
)

// grpcPorts is how far a server's port for gRPC is from the one for HTTP.
const grpcPorts = 1000

// grpcAddress is where the server with an HTTP address speaks gRPC.
func grpcAddress(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		panic(err) // the test made it
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		panic(err)
	}
	return net.JoinHostPort(host, strconv.Itoa(n+grpcPorts))
}

// serveGRPC makes a server process speak gRPC, too, and returns when it listens.
func serveGRPC(address string) error {
	listener, err := net.Listen("tcp", grpcAddress(address))
	if err != nil {
		return err
	}
	s := grpc.NewServer()
	pb.RegisterTestServiceServer(s, routeServer{})
	grpchealth.RegisterHealthServer(s, grpchealthserver.NewServer())
	go s.Serve(listener)
	return nil
}

// routeServer answers calls as the HTTP server does.
type routeServer struct {
	pb.UnimplementedTestServiceServer
}

func (routeServer) UnaryCall(ctx context.Context, _ *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	os.Stdout.Write([]byte{'\n'})
	done := time.NewTimer(pace)
	defer done.Stop()
	select {
	case <-done.C:
		return &pb.SimpleResponse{Payload: &pb.Payload{Body: []byte(answer)}}, nil
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
}
