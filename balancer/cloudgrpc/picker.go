package cloudgrpc

import (
	"context"
	"errors"
	"fmt"

	grpcbalancer "google.golang.org/grpc/balancer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/sla"
)

// picker is the policy as the calls see it.
type picker policy

// Pick finds the connection for an attempt. The attempt was chosen already by
// the interceptors, which count it, too; without them the router is asked here.
func (p *picker) Pick(info grpcbalancer.PickInfo) (grpcbalancer.PickResult, error) {
	if rt := routeOf(info.Ctx, p.hub, p.service, info.FullMethodName); rt != nil {
		return p.follow(info.Ctx, rt)
	}
	call, d := p.policy().call(info.FullMethodName), p.policy().done(info.Ctx, nil)
	if err := p.hub.router.Begin(info.Ctx, call, &d.attempt); err != nil {
		d.free()
		return p.refuse(err)
	}
	if c := p.policy().child(d.attempt.Endpoint()); c != nil && d.attempt.AllTrusted() && p.token == nil {
		if conn := c.ready.Load(); conn != nil { // as nearly always
			return grpcbalancer.PickResult{SubConn: conn.sub, Done: d.fn}, nil
		}
	}
	return p.lead(d)
}

// lead takes an attempt that Pick has begun to its connection.
func (p *picker) lead(d *done) (picked grpcbalancer.PickResult, err error) {
	c, err := p.connected(&d.attempt)
	if err == nil && !d.attempt.AllTrusted() {
		c, err = p.trusted(d.ctx, &d.attempt, c)
	}
	if err == nil {
		picked, err = p.result(d, c)
	}
	if err != nil {
		d.attempt.Done(c.blame())
		d.free()
	}
	return picked, err
}

// follow takes the attempt that the interceptor has begun to its connection. gRPC
// picks for one call once at a time.
func (p *picker) follow(ctx context.Context, rt *route) (picked grpcbalancer.PickResult, err error) {
	d := p.policy().done(ctx, rt)
	if d.attempt, err = rt.next(); err != nil {
		d.free()
		return p.refuse(err)
	}
	c, err := p.connected(&d.attempt)
	if err == nil {
		picked, err = p.result(d, c)
	}
	rt.take(d.attempt, err == nil)
	if err != nil {
		d.free()
	}
	return picked, err
}

// connected returns the connection for an attempt, which it moves to another
// endpoint if its own has none. If no endpoint has one that the call may go to,
// the call waits while some may still get one, or fails.
func (p *picker) connected(a *balancer.Attempt) (*child, error) {
	c := p.policy().child(a.Endpoint())
	if c != nil && c.ready.Load() != nil {
		return c, nil
	}
	// From here on a connection that comes up wakes the call.
	p.blocked.Store(true)
	if c != nil && c.ready.Load() != nil {
		return c, nil // it came up before it could know that a call waits
	}
	state, err := c.standing()
	if p.anyReady.Load() {
		if to, ok := a.Move(c.blame(), nil, p.isReady); ok {
			*a = to
			return p.policy().child(to.Endpoint()), nil
		}
	}
	p.policy().wakeLater() // the router may find another place
	if state == connectivity.TransientFailure {
		moved := false
		if p.anyComing.Load() {
			*a, moved = a.Move(c.blame(), nil, p.isComing)
		}
		if !moved {
			return c, fmt.Errorf("%w to %s %s: %w", errNoConnection, a.Cloud(), a.Endpoint(), err)
		}
		c = p.policy().child(a.Endpoint())
	}
	return c, grpcbalancer.ErrNoSubConnAvailable
}

func (p *picker) policy() *policy { return (*policy)(p) }

func (p *picker) isReady(e *balancer.Endpoint) bool {
	c := p.policy().child(e)
	return c != nil && c.ready.Load() != nil
}

func (p *picker) isComing(e *balancer.Endpoint) bool {
	c := p.policy().child(e)
	return c != nil && c.coming.Load()
}

// result is the pick of a child's connection for the attempt that d will end.
func (p *picker) result(d *done, c *child) (picked grpcbalancer.PickResult, err error) {
	var conn *readyConn
	if c != nil {
		conn = c.ready.Load()
	}
	if conn == nil { // lost since
		p.policy().wakeLater()
		return picked, grpcbalancer.ErrNoSubConnAvailable
	}
	a, rt := &d.attempt, d.route
	if rt != nil && rt.bare && !a.Trusted() {
		// The config has changed while the call waited: its secrets are among
		// the rest.
		return picked, status.Errorf(codes.Unavailable, "cloud %s has become one that isn't trusted", a.Cloud())
	}
	if p.token != nil || rt != nil && rt.secrets != nil {
		if picked.Metadata, err = p.credentials(d.ctx, *a, rt); err != nil {
			return picked, status.Error(codes.Unauthenticated, err.Error())
		}
	}
	picked.SubConn, picked.Done = conn.sub, d.fn
	return picked, nil
}

// refuse is the answer to a call that the router has no place for. gRPC lets it
// wait if it is WaitForReady, and fails it otherwise.
func (p *picker) refuse(err error) (grpcbalancer.PickResult, error) {
	var unknown *balancer.UnknownServiceError
	var shed *sla.ShedError
	switch {
	case errors.As(err, &shed):
		return grpcbalancer.PickResult{}, status.Error(codes.ResourceExhausted, err.Error())
	case errors.Is(err, balancer.ErrNoCloud):
		p.policy().wakeLater()
		return grpcbalancer.PickResult{}, err
	case errors.As(err, &unknown):
		return grpcbalancer.PickResult{}, status.Error(codes.Internal, err.Error())
	}
	return grpcbalancer.PickResult{}, status.Error(codes.Unavailable, err.Error())
}
