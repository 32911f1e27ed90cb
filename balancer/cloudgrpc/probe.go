package cloudgrpc

import (
	"context"
	"sync"

	"google.golang.org/grpc"
	grpcbalancer "google.golang.org/grpc/balancer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	grpchealth "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

// probe asks the health service of an endpoint over the connections that calls
// use, so that one whose other end has gone is found, too. Where there is none it
// connects at once, whatever gRPC's backoff says. The endpoint is as well as the
// best of its answers: another connection's loss is that connection's matter.
func (h *hub) probe(ctx context.Context, p balancer.Probe) health.Outcome {
	children := h.children(p.Service, p.Endpoint)
	switch len(children) {
	case 0:
		return health.Outcome{} // there is nothing to ask through
	case 1:
		return children[0].probe(ctx)
	}
	answers := make([]health.Outcome, len(children))
	var wg sync.WaitGroup
	for i, c := range children {
		wg.Go(func() { answers[i] = c.probe(ctx) })
	}
	wg.Wait()
	best := answers[0]
	for _, o := range answers {
		if o.Kind == health.OK || best.Kind == health.Neutral {
			best = o
		}
	}
	return best
}

// probe asks over one connection.
func (c *child) probe(ctx context.Context) health.Outcome {
	conn, o := c.connected(ctx)
	if conn == nil {
		return o
	}
	cc, release := conn.client()
	defer release()
	request := &grpchealth.HealthCheckRequest{Service: c.policy.health(c.policy.service)}
	resp, err := grpchealth.NewHealthClient(cc).Check(ctx, request)
	switch code := status.Code(err); {
	case err == nil && resp.GetStatus() == grpchealth.HealthCheckResponse_SERVING:
		return health.Outcome{Kind: health.OK, Reason: reasonOf(codes.OK)}
	case err == nil, code == codes.NotFound:
		return health.Outcome{Kind: health.Failed, Reason: reasonNotServing}
	case ctx.Err() != nil:
		c.renew() // whoever comes next gets a connection of its own time
		return health.Outcome{Kind: health.TimedOut, Reason: reasonProbeTimeout}
	case code == codes.Canceled:
		return health.Outcome{} // the connection was given up
	case code == codes.Unavailable:
		return health.Outcome{Kind: health.Broken, Reason: reasonBroken}
	case code == codes.ResourceExhausted:
		return health.Outcome{Kind: health.Reached, Reason: reasonOf(code)} // busy, not sick
	case code == codes.DeadlineExceeded, isServersFault(code):
		return health.Outcome{Kind: health.Failed, Reason: reasonOf(code)}
	default:
		// It has no health service, or none for us: it is there and answers.
		return health.Outcome{Kind: health.OK, Reason: reasonOf(code)}
	}
}

// connected returns the child's connection or makes one. Without one it says why.
func (c *child) connected(ctx context.Context) (*readyConn, health.Outcome) {
	if conn, _, _ := c.look(); conn != nil {
		return conn, health.Outcome{}
	}
	c.hurry()
	for {
		conn, raw, changed := c.look()
		switch {
		case conn != nil:
			return conn, health.Outcome{}
		case raw == connectivity.TransientFailure:
			return nil, health.Outcome{Kind: health.Refused, Reason: reasonNoConnection}
		}
		select {
		case <-changed:
			if c.over() {
				return nil, health.Outcome{}
			}
		case <-ctx.Done():
			c.unreachable()
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
