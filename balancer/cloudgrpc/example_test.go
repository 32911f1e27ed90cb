package cloudgrpc_test

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
	"github.com/fairlead-go/fairlead/sla"
)

// A service runs in two clouds, one of which is lost.
func Example() {
	clouds := serve(cloudName, "onprem", "gcp") // servers in memory
	defer clouds.close()
	clouds.lose("onprem")

	router := clouds.router(clouds.config("routing-api")) // balancer.New with these clouds
	defer router.Close()
	conn, err := cloudgrpc.NewClient(router, "routing-api",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(clouds.dial))
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	client := pb.NewTestServiceClient(conn)

	answer, err := client.UnaryCall(context.Background(), &pb.SimpleRequest{})
	fmt.Println(answer.GetServerId(), err)
	// Output: gcp <nil>
}

// Options for each call travel in its context: its tier, its caller, and that it
// may be carried out twice.
func ExampleNewClient() {
	clouds := serve(cloudName, "onprem", "gcp")
	defer clouds.close()
	cfg := clouds.config("routing-api")
	cfg.Tiers = []sla.Tier{{Name: "critical", Attempts: 3}, {Name: "resident", Clouds: sla.Clouds{Only: []string{"onprem"}}}}
	router := clouds.router(cfg)
	defer router.Close()
	conn, err := cloudgrpc.NewClient(router, "routing-api",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(clouds.dial))
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	client := pb.NewTestServiceClient(conn)

	ctx := cloudgrpc.WithIdempotent(sla.WithTier(context.Background(), "resident"))
	answer, err := client.UnaryCall(ctx, &pb.SimpleRequest{})
	fmt.Println(answer.GetServerId(), err)
	// Output: onprem <nil>
}

// A stream is opened where there is a cloud to open it in.
func ExampleNewClient_stream() {
	clouds := serve(cloudName, "onprem", "gcp")
	defer clouds.close()
	clouds.lose("onprem")
	router := clouds.router(clouds.config("routing-api"))
	defer router.Close()
	conn, err := cloudgrpc.NewClient(router, "routing-api",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(clouds.dial))
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	client := pb.NewTestServiceClient(conn)

	stream, err := client.StreamingOutputCall(context.Background(), &pb.StreamingOutputCallRequest{})
	if err != nil {
		panic(err)
	}
	for {
		answer, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			panic(err)
		}
		fmt.Printf("%s\n", answer.Payload.Body)
	}
	// Output:
	// gcp
	// gcp
	// gcp
}

// The same as with NewClient, for programs that call grpc.NewClient elsewhere. The
// options serve any service of the router.
func ExampleDialOptions() {
	clouds := serve(cloudName, "gcp")
	defer clouds.close()
	router := clouds.router(clouds.config("routing-api", "maps"))
	defer router.Close()
	opts := append(cloudgrpc.DialOptions(router),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(clouds.dial))

	for _, target := range []string{"fairlead:///routing-api", "fairlead:///maps"} {
		conn, err := grpc.NewClient(target, opts...)
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		answer, err := pb.NewTestServiceClient(conn).UnaryCall(context.Background(), &pb.SimpleRequest{})
		fmt.Println(target, answer.GetServerId(), err)
	}
	// Output:
	// fairlead:///routing-api gcp <nil>
	// fairlead:///maps gcp <nil>
}

// The resolver alone divides calls between the clouds and keeps them from those
// that are down. A call that fails isn't tried again.
func ExampleResolverBuilder() {
	clouds := serve(cloudName, "gcp")
	defer clouds.close()
	router := clouds.router(clouds.config("routing-api"))
	defer router.Close()
	conn, err := grpc.NewClient("fairlead:///routing-api", cloudgrpc.ResolverBuilder(router),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(clouds.dial))
	if err != nil {
		panic(err)
	}
	defer conn.Close()

	answer, err := pb.NewTestServiceClient(conn).UnaryCall(context.Background(), &pb.SimpleRequest{})
	fmt.Println(answer.GetServerId(), err)
	// Output: gcp <nil>
}
