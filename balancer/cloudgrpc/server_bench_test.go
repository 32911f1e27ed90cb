package cloudgrpc_test

import (
	"context"
	"testing"

	"google.golang.org/grpc"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"

	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
)

// BenchmarkServerOptions is a call to a server in memory without this package's
// server side, and with more and more of it. Allocations are those of client and
// server.
func BenchmarkServerOptions(b *testing.B) {
	class := []cloudgrpc.ServerOption{cloudgrpc.WithTrusted(everybody), cloudgrpc.WithClassifier(threeTiers())}
	claim := []string{"x-sla-tier", "batch", "x-sla-level", "7", "x-sla-attempt", "1"}
	for _, c := range []struct {
		name     string
		opts     []grpc.ServerOption
		metadata []string
	}{
		{"bare", nil, nil},
		{"deadlines", cloudgrpc.ServerOptions(), nil},
		{"classes by rules", cloudgrpc.ServerOptions(class...), nil},
		{"classes by callers", cloudgrpc.ServerOptions(class...), claim},
		{"cap and reports", cloudgrpc.ServerOptions(cloudgrpc.WithCap(10)), nil},
	} {
		b.Run(c.name, func(b *testing.B) {
			h := serveHandled(b, func(context.Context) error { return nil }, c.opts)
			ctx := metadata.AppendToOutgoingContext(b.Context(), c.metadata...)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := h.client.UnaryCall(ctx, &pb.SimpleRequest{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
