package cloudgrpc

import (
	"context"
	"sync"

	"google.golang.org/grpc/metadata"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

// route is the context of one attempt that the interceptors make, and the record
// that travels in it: the picker reads where the attempt goes, and writes what
// became of it. It is the one thing in a context that changes. An attempt may be
// several of gRPC's, if that retries by itself.
type route struct {
	context.Context
	hub     *hub
	call    balancer.Call
	secrets metadata.MD // of the caller; for clouds that are trusted with them

	mu    sync.Mutex
	at    balancer.Attempt   // what was chosen
	used  bool               // at was picked, so that the next pick is a retry
	own   bool               // at was chosen for a retry of gRPC's, not by Do
	tried []balancer.Attempt // those before at
	ended ending             // of the attempt that Do made
}

type routeKey struct{}

// routeOf returns the record of an attempt of the hub's router, if the context
// has one. A handler that makes a call with the context it was called with may
// hold that of another router.
func routeOf(ctx context.Context, h *hub) *route {
	rt, _ := ctx.Value(routeKey{}).(*route)
	if rt == nil || rt.hub != h {
		return nil
	}
	return rt
}

// Value returns the record itself for its key.
func (rt *route) Value(key any) any {
	if key == (routeKey{}) {
		return rt
	}
	return rt.Context.Value(key)
}

// next makes sure that at is an attempt that is still to be made: the one that
// Do chose, or another if gRPC has made that one and retries. The caller holds
// mu.
func (rt *route) next(ctx context.Context) error {
	if !rt.used {
		return nil
	}
	tried := append(rt.tried, rt.at)
	at, err := rt.hub.router.Pick(ctx, rt.call, tried)
	if err != nil {
		return err
	}
	rt.at, rt.tried, rt.used, rt.own = at, tried, false, true
	return nil
}

// done is told what became of one of gRPC's attempts.
func (rt *route) done(a balancer.Attempt, e ending) {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	switch {
	case e.unused():
		rt.used = false
	case rt.own:
		a.Done(e.outcome(rt.Context))
	default:
		rt.ended = e
	}
}

// outcome is what became of the attempt that Do made, given the error that the
// call ended with. What gRPC has retried by itself was decided there.
func (rt *route) outcome(err error) health.Outcome {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	if rt.own && !rt.used {
		rt.at.Done(health.Outcome{}) // chosen and not made
	}
	e := rt.ended
	if !rt.own {
		e.err = err // gRPC may know better than at the end of the attempt
	}
	return e.outcome(rt.Context)
}

// retried reports whether gRPC has made attempts of its own.
func (rt *route) retried() bool {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	return rt.own
}
