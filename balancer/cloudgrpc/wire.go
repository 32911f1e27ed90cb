package cloudgrpc

import (
	"context"

	"google.golang.org/grpc/metadata"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/sla"
)

// withClass returns the context of an attempt with metadata that tells its server
// the class of the call and the number of the attempt, in place of what the caller's
// own says: that may be a stranger's claim, which a handler forwards. A retry of
// gRPC's own says the number of the attempt that it repeats; gRPC adds which retry
// it is. Where no class is told, and the caller has no metadata, it costs nothing.
// Without the interceptors ([ResolverBuilder]) no class is told: the only way to do
// so from a pick would cost each as much as the pick itself.
func withClass(ctx context.Context, at balancer.Attempt) context.Context {
	md, ok := metadata.FromOutgoingContext(ctx) // a copy
	tier, told := at.Told(ctx)
	switch {
	case !ok && !told:
		return ctx
	case !ok:
		md = make(metadata.MD, 3)
	case !told:
		delete(md, sla.TierHeader)
		delete(md, sla.LevelHeader)
		delete(md, sla.AttemptHeader)
		return metadata.NewOutgoingContext(ctx, md)
	}
	values := []string{tier, sla.FormatLevel(uint8(at.Level())), sla.FormatAttempt(at.Number())}
	md[sla.TierHeader] = values[0:1:1]
	md[sla.LevelHeader] = values[1:2:2]
	md[sla.AttemptHeader] = values[2:3:3]
	return metadata.NewOutgoingContext(ctx, md)
}
