package cloudgrpc

import (
	"context"

	"google.golang.org/grpc"
	grpcbalancer "google.golang.org/grpc/balancer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	grpchealth "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

// probe asks the health service of an endpoint over the connection that calls
// use, so that a connection whose other end has gone is found, too. If there is
// none it connects at once, whatever gRPC's backoff says.
func (h *hub) probe(ctx context.Context, p balancer.Probe) health.Outcome {
	c := h.child(p.Service, p.Endpoint)
	if c == nil {
		return health.Outcome{} // there is nothing to ask through
	}
	conn, o := c.connected(ctx)
	if conn == nil {
		return o
	}
	cc, release := conn.client()
	defer release()
	resp, err := grpchealth.NewHealthClient(cc).Check(ctx, &grpchealth.HealthCheckRequest{Service: c.policy.health(p.Service)})
	switch code := status.Code(err); {
	case err == nil && resp.GetStatus() == grpchealth.HealthCheckResponse_SERVING:
		return health.Outcome{Kind: health.OK, Reason: reasonOf(codes.OK)}
	case err == nil, code == codes.NotFound:
		return health.Outcome{Kind: health.Failed, Reason: reasonNotServing}
	case code == codes.Unimplemented:
		return health.Outcome{Kind: health.OK, Reason: reasonOf(code)} // it has no health service, and is there
	case ctx.Err() != nil:
		c.renew() // the next probe, and every call, gets a connection of its own time
		return health.Outcome{Kind: health.TimedOut, Reason: reasonProbeTimeout}
	case code == codes.Unavailable:
		return health.Outcome{Kind: health.Broken, Reason: reasonBroken}
	default:
		return health.Outcome{Kind: health.Failed, Reason: reasonOf(code)}
	}
}

// connected returns the child's connection or makes one. Without one it says why.
func (c *child) connected(ctx context.Context) (*readyConn, health.Outcome) {
	if conn, _, _, _ := c.look(); conn != nil {
		return conn, health.Outcome{}
	}
	c.renew()
	for {
		conn, state, _, changed := c.look()
		switch {
		case conn != nil:
			return conn, health.Outcome{}
		case state == connectivity.TransientFailure:
			return nil, health.Outcome{Kind: health.Refused, Reason: reasonNoConnection}
		}
		select {
		case <-changed:
			if c.over() {
				return nil, health.Outcome{}
			}
		case <-ctx.Done():
			return nil, health.Outcome{Kind: health.TimedOut, Reason: reasonProbeTimeout}
		}
	}
}

// client returns the connection as a client for calls of this package's own, and
// what to call when it is no longer needed.
func (c *readyConn) client() (grpc.ClientConnInterface, func()) {
	producer, release := c.sub.GetOrBuildProducer(clientBuilder)
	return producer.(grpc.ClientConnInterface), release
}

// clientBuilder makes producers that are nothing but the connection.
var clientBuilder grpcbalancer.ProducerBuilder = &connectionBuilder{}

type connectionBuilder struct{ _ byte } // not of size 0: the pointer is its identity

func (*connectionBuilder) Build(cc any) (grpcbalancer.Producer, func()) { return cc, func() {} }
