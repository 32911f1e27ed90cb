package cloudgrpc

import (
	"context"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

// route is the context of one attempt that Do makes, and the record that travels
// in it: the picker reads where the attempt goes, and writes what became of it.
// It is the one thing in a context that changes. If gRPC retries by itself there
// are several attempts, one after the other.
type route struct {
	context.Context
	hub     *hub
	service string
	method  string
	secrets metadata.MD // of the caller; for clouds that are trusted with them
	bare    bool        // secrets aren't kept apart, as all clouds were trusted

	// mu is not held while anything else is called.
	mu      sync.Mutex
	at      balancer.Attempt // the last one
	seen    bool             // the policy was asked for a connection
	used    bool             // at got one, so that the next pick is a retry
	again   bool             // there was a retry
	ended   ending           // what became of at; of one that isn't used, nothing
	refused error            // why there is no retry, if gRPC wanted one
}

type routeKey struct{}

// routeOf returns the record of an attempt at a method of a service, if the
// context has one. It may have that of another call: whoever is asked for
// credentials, or handles a call, may make one of his own.
func routeOf(ctx context.Context, h *hub, service, method string) *route {
	if !h.routed.Load() {
		return nil
	}
	rt, _ := ctx.Value(routeKey{}).(*route)
	if rt == nil || rt.hub != h || rt.service != service || rt.method != method {
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

// next returns the attempt that is to be made now: the one that Do has chosen or,
// if gRPC has made that one and retries, another. One that didn't get to its
// connection is made once more.
func (rt *route) next() (balancer.Attempt, error) {
	rt.mu.Lock()
	rt.seen = true
	repeat := rt.used && rt.ended.sent
	if repeat && rt.ended.err == nil { // what has succeeded gRPC doesn't repeat
		rt.ended.err = errSending
	}
	rt.ended.local = false // gRPC picks again for what the connection is to blame for
	at, e := rt.at, rt.ended
	rt.mu.Unlock()
	if !repeat {
		return at, nil
	}
	next, err := at.Again(e.outcome(rt.Context))
	rt.mu.Lock()
	defer rt.mu.Unlock()
	if err != nil {
		rt.refused = err
		return at, err
	}
	rt.at, rt.again, rt.ended, rt.used = next, true, ending{}, false
	return next, nil
}

// take says where the attempt is made, and whether it got a connection.
func (rt *route) take(at balancer.Attempt, used bool) {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	rt.at, rt.used = at, used
	if used {
		rt.ended = ending{}
	}
}

// done is told what became of an attempt.
func (rt *route) done(e ending) {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	if e.unused() {
		rt.used = false
		return
	}
	e.local = e.err != nil && !e.sent // unless there is another pick
	rt.ended = e
}

// result is what became of the last attempt, given the error that gRPC ended
// with, and the error of the call. It tells Do what that can't see: that gRPC has
// retried, as whoever sets a retry policy decides, or that nothing was sent.
// Without a policy gRPC repeats what no server has processed, once, and it is for
// Do to go on.
func (rt *route) result(err error, cc *grpc.ClientConn) (health.Outcome, error) {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	e := rt.ended
	if rt.refused != nil {
		err = e.err // gRPC was told to stop
	} else {
		e.err = err // it may know better than at the end of the attempt
	}
	switch {
	case !rt.again && rt.refused == nil:
	case cc.GetMethodConfig(rt.method).RetryPolicy != nil:
		rt.at.Final()
	case rt.refused != nil:
		e.sent = false
	}
	if !e.sent && err != nil {
		rt.at.Unsent()
	}
	if !rt.seen && err != nil {
		return health.Outcome{Reason: reasonUnused}, err // it didn't get as far as our connections
	}
	return e.outcome(rt.Context), err
}

// isRefused reports whether gRPC wanted a retry that there wasn't.
func (rt *route) isRefused() bool {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	return rt.refused != nil
}

// attempt is the last one.
func (rt *route) attempt() balancer.Attempt {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	return rt.at
}

// lead makes a new route that of an attempt, and returns the options that go with it.
func (rt *route) lead(ctx context.Context, h *hub, service, method string, at balancer.Attempt, opts []grpc.CallOption) []grpc.CallOption {
	if !h.routed.Load() {
		h.routed.Store(true)
	}
	rt.Context, rt.hub, rt.service, rt.method, rt.at = withClass(ctx, at), h, service, method, at
	if at.AllTrusted() {
		rt.bare = true
		return opts
	}
	rt.secrets, rt.Context = withoutSecrets(rt.Context, at)
	return rt.guard(opts)
}
