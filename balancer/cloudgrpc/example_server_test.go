package cloudgrpc_test

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
	"github.com/fairlead-go/fairlead/sla"
)

// A server for two calls at a time is busy with one. A batch call has to wait, a
// critical one need not.
func ExampleServerOptions() {
	tiers := []sla.Tier{{Name: "critical"}, {Name: "batch"}}
	classifier, err := sla.NewClassifier(tiers, nil, "batch", sla.LevelKey{})
	if err != nil {
		panic(err)
	}
	server := grpc.NewServer(cloudgrpc.ServerOptions(
		cloudgrpc.WithCap(2),
		cloudgrpc.WithClassifier(classifier),
		cloudgrpc.WithTrusted(func(context.Context) bool { return true }), // there are no strangers here
	)...)

	var client pb.TestServiceClient
	call := func(tier string) {
		ctx := metadata.AppendToOutgoingContext(context.Background(), sla.TierHeader, tier) // as NewClient's do
		_, err := client.UnaryCall(ctx, &pb.SimpleRequest{})
		fmt.Println(tier, status.Code(err))
	}
	busy := false
	pb.RegisterTestServiceServer(server, &exampleServer{handler: func(context.Context, string) (string, error) {
		if !busy { // one call is in flight, others come
			busy = true
			call("batch")
			call("critical")
		}
		return "", nil
	}})
	clouds := newNetwork()
	defer clouds.close()
	clouds.start("gcp", server)
	conn, err := grpc.NewClient("passthrough:///"+clouds.addresses["gcp"],
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(clouds.dial))
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	client = pb.NewTestServiceClient(conn)
	call("critical")
	// Output:
	// batch ResourceExhausted
	// critical OK
	// critical OK
}
