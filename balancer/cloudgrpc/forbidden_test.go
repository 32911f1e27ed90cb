package cloudgrpc_test

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
	"github.com/fairlead-go/fairlead/health"
)

// A server that forbids retries has perhaps carried out a part of the call: nobody
// else gets it, be it idempotent or not (gRFC A6).
func TestServersForbidRetries(t *testing.T) {
	for _, test := range []struct {
		code codes.Code
		want health.Counts
	}{
		{codes.Unavailable, health.Counts{Begun: 1, Overloaded: 1}},
		{codes.ResourceExhausted, health.Counts{Begun: 1, Overloaded: 1}},
		{codes.Internal, health.Counts{Begun: 1, Bad: 1}},
	} {
		for _, idempotent := range []bool{true, false} {
			streams(t, func(t *testing.T, w *world, r *balancer.Router, client pb.TestServiceClient) {
				w.servers["10.0.0.1:9090"].set(func(ctx context.Context, _ string) error {
					if err := grpc.SetTrailer(ctx, metadata.Pairs("grpc-retry-pushback-ms", "-1")); err != nil {
						t.Error(err)
					}
					return status.Error(test.code, "half done")
				})
				ctx := t.Context()
				if idempotent {
					ctx = cloudgrpc.WithIdempotent(ctx)
				}
				resp, err := client.UnaryCall(ctx, &pb.SimpleRequest{})
				var failed *balancer.CallError
				if !errors.As(err, &failed) || status.Code(err) != test.code || failed.Stop != "the target forbids it" || failed.Ambiguous == idempotent {
					t.Errorf("%v, idempotent %v: %v, %v", test.code, idempotent, resp, err)
				}
				if c := counted(r, "a"); c != test.want {
					t.Errorf("%v: counted %+v, want %+v", test.code, c, test.want)
				}
			})
		}
	}
}
