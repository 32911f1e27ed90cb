package cloudgrpc

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

// unary makes unary calls: it chooses the clouds, and tries again elsewhere.
func (d *dialed) unary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	service, ok := serviceOf(cc)
	if !ok {
		return invoke(ctx, method, req, reply, cc, opts...)
	}
	call := balancer.Call{Service: service, Protocol: balancer.GRPC, Method: method, Idempotent: d.isIdempotent(ctx, method)}
	try := func(ctx context.Context, at balancer.Attempt) (struct{}, health.Outcome, error) {
		rt, opts := d.route(ctx, call, at, opts)
		err := invoke(rt, method, req, reply, cc, opts...)
		if rt.retried() {
			at.Final() // whoever sets a retry policy in a service config decides
		}
		return struct{}{}, rt.outcome(err), err
	}
	for {
		_, err := balancer.Do(ctx, d.hub.router, call, try, nil)
		if err == nil {
			return nil
		}
		if !waitsForReady(opts) || !isNowhere(err) || !sleep(ctx, wakeEvery) {
			return statusError(err)
		}
	}
}

// route returns the context of an attempt, and the options that go with it.
func (d *dialed) route(ctx context.Context, call balancer.Call, at balancer.Attempt, opts []grpc.CallOption) (*route, []grpc.CallOption) {
	rt := &route{Context: ctx, hub: d.hub, call: call, at: at}
	if at.AllTrusted() {
		return rt, opts
	}
	rt.secrets, rt.Context = withoutSecrets(ctx, at)
	return rt, rt.guard(opts)
}

// waitsForReady reports whether the last option that says so lets the call wait
// for a connection.
func waitsForReady(opts []grpc.CallOption) (waits bool) {
	for _, o := range opts {
		if f, ok := o.(grpc.FailFastCallOption); ok {
			waits = !f.FailFast
		}
	}
	return waits
}

// isNowhere reports whether a call failed because no cloud may serve it, before
// there was any attempt.
func isNowhere(err error) bool {
	var call *balancer.CallError
	return errors.Is(err, balancer.ErrNoCloud) && errors.As(err, &call) && len(call.Attempts) == 0
}

// sleep reports false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// withoutSecrets takes what holds secrets out of the outgoing metadata. The
// picker puts it back where the cloud is trusted with it.
func withoutSecrets(ctx context.Context, at balancer.Attempt) (metadata.MD, context.Context) {
	md, ok := metadata.FromOutgoingContext(ctx)
	if !ok {
		return nil, ctx
	}
	secrets := metadata.MD{}
	for key, values := range md {
		if at.Sensitive(key) {
			secrets[key] = values
			delete(md, key)
		}
	}
	if len(secrets) == 0 {
		return nil, ctx
	}
	return secrets, metadata.NewOutgoingContext(ctx, md)
}
