package cloudgrpc

import (
	"context"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/fairlead-go/fairlead/internal/admission"
	"github.com/fairlead-go/fairlead/sla"
)

// shedPushback is how many milliseconds a caller is asked to leave the server
// alone.
const shedPushback = "1000"

// ServerOptions returns the server side of [NewClient]. Give it to
// [grpc.NewServer] before all other interceptors:
//
//	server := grpc.NewServer(cloudgrpc.ServerOptions(cloudgrpc.WithCap(200))...)
//
// By default it does one thing: calls whose deadline is over end with
// DEADLINE_EXCEEDED, and the handler never sees them. The deadline itself is
// gRPC's own; a handler that passes its context on passes the deadline on, over
// as many servers as there are.
//
// [WithTrusted] names the callers whose word counts for the tier and the level of
// a call. Of all others the server's own rules make the tier: [WithClassifier].
// Both are put into the context, so that calls made from there carry them on.
// [sla.TierHeader] and [sla.LevelHeader] are taken out of the metadata that the
// handler sees, whoever sent them: forwarded as they are, they would have the next
// server believe what a stranger claims. [sla.AttemptHeader] stays, for logs.
//
// [WithCap] bounds the calls in flight. Calls beyond it end with
// RESOURCE_EXHAUSTED and pushback of one second (grpc-retry-pushback-ms, gRFC A6),
// which this package's clients take for "too much" and not for "sick". Less
// critical tiers meet the cap earlier: of n tiers the one at place i, counted from
// 0, is refused when
//
//	cap × (1 − i/2(n−1))
//
// calls of all tiers are in flight: the least critical one at half of the cap, the
// others evenly in between. A call is in flight until its handler returns, also if
// that panics, and a stream as long as it is open. Nobody waits for a place.
//
// A server with a cap tells its callers with the end of each call how full it is:
// calls in flight ÷ cap, or what [WithUtilization] says. It does so by the load
// reports of gRFC A51 (ORCA). Handlers find the call's recorder in their context
// ([orca.CallMetricsRecorderFromContext]), and what they record takes precedence;
// [orca.CallMetricsServerOption] must not be given besides. Servers that strangers
// call may want to remove the reports at their edge.
//
// Health checks (grpc.health.v1) and load reports out of band are none of all
// this: they are never refused and occupy no place.
//
// All servers that are given the same returned options share one cap.
func ServerOptions(opts ...ServerOption) []grpc.ServerOption {
	var s server
	for _, opt := range opts {
		opt(&s)
	}
	s.control = admission.New(s.admission)
	options := []grpc.ServerOption{grpc.ChainUnaryInterceptor(s.unary), grpc.ChainStreamInterceptor(s.stream)}
	if s.control.Measures() {
		options = append(options, s.reports()...)
	}
	return options
}

// server is one server side.
type server struct {
	trusted   func(context.Context) bool       // nil: nobody
	caller    func(context.Context) sla.Caller // nil: unknown
	admission admission.Config
	control   *admission.Control
}

func (s *server) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if isExempt(info.FullMethod) {
		return handler(ctx, req)
	}
	ctx, err := s.enter(ctx, info.FullMethod)
	if err != nil {
		return nil, err
	}
	defer s.control.Leave()
	return handler(ctx, req)
}

func (s *server) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if isExempt(info.FullMethod) {
		return handler(srv, ss)
	}
	ctx, err := s.enter(ss.Context(), info.FullMethod)
	if err != nil {
		return err
	}
	defer s.control.Leave()
	return handler(srv, &restoredStream{ss, ctx})
}

// isExempt reports whether a method tells of the server itself. A full server is
// a well one, and its callers must get to know both.
func isExempt(method string) bool {
	return strings.HasPrefix(method, "/grpc.health.v1.Health/") || strings.HasPrefix(method, "/xds.service.orca.v3.OpenRcaService/")
}

// restoredStream is a stream with the class of the call in its context.
type restoredStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *restoredStream) Context() context.Context { return s.ctx }

// enter takes a call up, which must then leave, or returns the status that refuses
// it. The context has the class of the call.
func (s *server) enter(ctx context.Context, method string) (context.Context, error) {
	ctx, tier := s.restore(ctx, method)
	switch s.control.Enter(ctx, tier, time.Now()) {
	case admission.Expired:
		s.refuse(ctx, nil)
		return nil, status.Error(codes.DeadlineExceeded, "the deadline was over before the call was begun")
	case admission.Shed:
		s.refuse(ctx, metadata.Pairs("grpc-retry-pushback-ms", shedPushback))
		return nil, status.Error(codes.ResourceExhausted, "overloaded")
	}
	return ctx, nil
}

// restore returns the context with the class of the call in it, and the call's
// place among the server's tiers.
func (s *server) restore(ctx context.Context, method string) (context.Context, int) {
	a := admission.Arrival{
		Method: method,
		Tier:   metadata.ValueFromIncomingContext(ctx, sla.TierHeader),
		Level:  metadata.ValueFromIncomingContext(ctx, sla.LevelHeader),
	}
	if s.caller != nil {
		a.Caller = s.caller(ctx)
	}
	if a.Tier != nil || a.Level != nil {
		if s.trusted == nil || !s.trusted(ctx) {
			a.Tier, a.Level = nil, nil
		}
		came, _ := metadata.FromIncomingContext(ctx) // a copy
		delete(came, sla.TierHeader)
		delete(came, sla.LevelHeader)
		ctx = metadata.NewIncomingContext(ctx, came)
	}
	return s.control.Restore(ctx, a)
}

// refuse adds to the trailer of a call what its caller is told besides the status.
func (s *server) refuse(ctx context.Context, trailer metadata.MD) {
	if trailer = metadata.Join(trailer, s.report()); len(trailer) > 0 {
		// It fails where there is no server to send it, as in tests that call an
		// interceptor by themselves.
		_ = grpc.SetTrailer(ctx, trailer)
	}
}
