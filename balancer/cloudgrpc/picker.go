package cloudgrpc

import (
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
		return p.follow(info, rt)
	}
	call := balancer.Call{Service: p.service, Protocol: balancer.GRPC, Method: info.FullMethodName}
	if p.policy().method(info.FullMethodName).streams {
		call.Stream = balancer.ClientStream // nobody will say when its headers come
	}
	a, err := p.hub.router.Pick(info.Ctx, call, nil)
	if err != nil {
		return p.refuse(err)
	}
	c, err := p.connected(&a)
	if err == nil && !a.AllTrusted() {
		c, err = p.trusted(info.Ctx, &a, c)
	}
	if err == nil {
		var result grpcbalancer.PickResult
		if result, err = p.result(info, a, c, nil); err == nil {
			return result, nil
		}
	}
	a.Done(c.blame())
	return grpcbalancer.PickResult{}, err
}

// follow takes the attempt that the interceptor has begun to its connection. gRPC
// picks for one call once at a time.
func (p *picker) follow(info grpcbalancer.PickInfo, rt *route) (grpcbalancer.PickResult, error) {
	at, err := rt.next()
	if err != nil {
		return p.refuse(err)
	}
	var result grpcbalancer.PickResult
	c, err := p.connected(&at)
	if err == nil {
		result, err = p.result(info, at, c, rt)
	}
	rt.take(at, err == nil)
	return result, err
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

// result is the pick of a child's connection for an attempt.
func (p *picker) result(info grpcbalancer.PickInfo, a balancer.Attempt, c *child, rt *route) (grpcbalancer.PickResult, error) {
	var conn *readyConn
	if c != nil {
		conn = c.ready.Load()
	}
	if conn == nil { // lost since
		p.policy().wakeLater()
		return grpcbalancer.PickResult{}, grpcbalancer.ErrNoSubConnAvailable
	}
	if rt != nil && rt.bare && !a.Trusted() {
		// The config has changed while the call waited: its secrets are among
		// the rest.
		return grpcbalancer.PickResult{}, status.Errorf(codes.Unavailable, "cloud %s has become one that isn't trusted", a.Cloud())
	}
	picked := grpcbalancer.PickResult{SubConn: conn.sub}
	if p.token != nil || rt != nil && rt.secrets != nil {
		var err error
		if picked.Metadata, err = p.credentials(info.Ctx, a, rt); err != nil {
			return picked, status.Error(codes.Unauthenticated, err.Error())
		}
	}
	picked.Done = p.policy().done(info.Ctx, a, rt)
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
