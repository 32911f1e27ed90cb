package cloudgrpc

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/orca"
	"google.golang.org/protobuf/proto"

	v3orcapb "github.com/cncf/xds/go/xds/data/orca/v3"
)

// loadKey is the trailer that holds a load report (gRFC A51).
const loadKey = "endpoint-load-metrics-bin"

// reports returns what adds the server's load to the end of each call. It comes
// after the server's own interceptors: while a report is made, its call is still
// in flight, so that a server that is never idle when it answers doesn't say so.
func (s *server) reports() []grpc.ServerOption {
	return []grpc.ServerOption{
		orca.CallMetricsServerOption(provider{s}),
		grpc.ChainUnaryInterceptor(func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			wantReport(ctx, info.FullMethod)
			return handler(ctx, req)
		}),
		grpc.ChainStreamInterceptor(func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			wantReport(ss.Context(), info.FullMethod)
			return handler(srv, ss)
		}),
	}
}

// wantReport makes orca send a report with a call: it does so if the call's
// recorder was asked for.
func wantReport(ctx context.Context, method string) {
	if !isExempt(method) {
		orca.CallMetricsRecorderFromContext(ctx)
	}
}

// provider tells orca the server's load when a call ends.
type provider struct{ *server }

// ServerMetrics returns the load, with -1 for what isn't known.
func (p provider) ServerMetrics() *orca.ServerMetrics {
	m := &orca.ServerMetrics{
		CPUUtilization: -1, MemUtilization: -1, AppUtilization: -1, QPS: -1, EPS: -1,
		// A handler's own are added.
		Utilization: map[string]float64{}, RequestCost: map[string]float64{}, NamedMetrics: map[string]float64{},
	}
	if load, ok := p.control.Load(time.Now()); ok {
		m.AppUtilization = load.Utilization
		if load.Rate > 0 {
			m.QPS = load.Rate
		}
	}
	return m
}

// report is the load for the trailer of a call that is refused, which orca doesn't
// get to see.
func (s *server) report() metadata.MD {
	load, ok := s.control.Load(time.Now())
	if !ok {
		return nil
	}
	b, err := proto.Marshal(&v3orcapb.OrcaLoadReport{ApplicationUtilization: load.Utilization, RpsFractional: load.Rate})
	if err != nil {
		return nil // there is no such report
	}
	return metadata.Pairs(loadKey, string(b))
}
