package cloudgrpc_test

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
	"github.com/fairlead-go/fairlead/sla"
)

// onpremFails is a handler whose answers from onprem are failures.
func onpremFails(_ context.Context, cloud string) (string, error) {
	if cloud == "onprem" {
		return "", status.Error(codes.Unavailable, "out of order")
	}
	return cloud, nil
}

// A call that may be carried out twice is tried again when a server fails it.
func ExampleWithIdempotent() {
	clouds := serve(onpremFails, "onprem", "gcp")
	defer clouds.close()
	cfg := clouds.config("routing-api")
	cfg.Tiers = []sla.Tier{{Name: "all", Clouds: sla.Clouds{Prefer: []string{"onprem", "gcp"}}}}
	router := clouds.router(cfg)
	defer router.Close()
	conn, err := cloudgrpc.NewClient(router, "routing-api",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(clouds.dial))
	if err != nil {
		panic(err)
	}
	defer conn.Close()

	ctx := cloudgrpc.WithIdempotent(context.Background())
	answer, err := pb.NewTestServiceClient(conn).UnaryCall(ctx, &pb.SimpleRequest{})
	fmt.Println(answer.GetServerId(), err)
	// Output: gcp <nil>
}

// A retry policy of gRPC's own decides which calls are tried again, and how often.
// Its attempts leave the cloud that failed.
func ExampleWithServiceConfig() {
	clouds := serve(onpremFails, "onprem", "gcp")
	defer clouds.close()
	cfg := clouds.config("routing-api")
	cfg.Tiers = []sla.Tier{{Name: "all", Clouds: sla.Clouds{Prefer: []string{"onprem", "gcp"}}}}
	router := clouds.router(cfg)
	defer router.Close()
	conn, err := cloudgrpc.NewClient(router, "routing-api",
		cloudgrpc.WithServiceConfig(`{"methodConfig": [{
			"name": [{"service": "grpc.testing.TestService"}],
			"retryPolicy": {
				"maxAttempts": 3, "initialBackoff": "0.01s", "maxBackoff": "0.1s", "backoffMultiplier": 2,
				"retryableStatusCodes": ["UNAVAILABLE"]
			}
		}]}`),
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

// What an error says: a status code as ever, and each attempt and each cloud.
func Example_errors() {
	clouds := serve(func(context.Context, string) (string, error) {
		return "", status.Error(codes.Unavailable, "out of order")
	}, "onprem", "gcp")
	defer clouds.close()
	router := clouds.router(clouds.config("orders"))
	defer router.Close()
	conn, err := cloudgrpc.NewClient(router, "orders",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(clouds.dial))
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	client := pb.NewTestServiceClient(conn)

	for _, ctx := range []context.Context{context.Background(), cloudgrpc.WithIdempotent(context.Background())} {
		_, err := client.UnaryCall(ctx, &pb.SimpleRequest{})
		fmt.Println(status.Code(err))
		var call *balancer.CallError
		if errors.As(err, &call) {
			fmt.Printf("%s failed after %d of 2 attempts, %d clouds\n", call.Service, len(call.Attempts), len(call.Clouds))
		}
		fmt.Println("perhaps carried out, so not tried again:", errors.Is(err, balancer.ErrAmbiguous))
	}
	// Output:
	// Unavailable
	// orders failed after 1 of 2 attempts, 2 clouds
	// perhaps carried out, so not tried again: true
	// Unavailable
	// orders failed after 2 of 2 attempts, 2 clouds
	// perhaps carried out, so not tried again: false
}
