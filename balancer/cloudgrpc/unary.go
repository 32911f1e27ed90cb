package cloudgrpc

import (
	"context"
	"errors"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/metadata"

	"github.com/fairlead-go/fairlead/balancer"
)

// unary makes unary calls: it chooses the clouds, and tries again elsewhere.
func (d *dialed) unary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	service, ok := serviceOf(cc)
	if !ok {
		return invoke(ctx, method, req, reply, cc, opts...)
	}
	others, onFinish := withoutOnFinish(opts) // those are told of each attempt's end
	call := balancer.Call{
		Service: service, Protocol: balancer.GRPC, Method: method,
		Idempotent: d.isIdempotent(ctx, method), Wait: waitsForReady(cc, method, opts),
	}
	u := &unaryCall{dialed: d, service: service, method: method, req: req, reply: reply, cc: cc, invoke: invoke, opts: others}
	if into := messageOf(reply); call.Idempotent && into != nil && messageOf(req) != nil {
		u.answer = into.ProtoReflect().Type()
	}
	call.OneByOne = u.answer == nil
	if call.Wait {
		leaveIdle(cc)
	}
	won, err := balancer.Do(ctx, d.hub.router, call, u.try, nil)
	u.end(won, err)
	if err != nil && isNowhere(err) {
		leaveIdle(cc)
	}
	err = statusError(err)
	for _, told := range onFinish {
		told(err)
	}
	return err
}

// leaveIdle lets gRPC connect. A ClientConn that is idle has no connections, only
// they can tell that a cloud is back, and a call that finds no cloud doesn't get
// as far as gRPC.
func leaveIdle(cc *grpc.ClientConn) {
	if cc.GetState() == connectivity.Idle {
		cc.Connect()
	}
}

// waitsForReady reports whether the last option that says so lets the call wait
// for a connection, or the service config if there is none.
func waitsForReady(cc *grpc.ClientConn, method string, opts []grpc.CallOption) bool {
	for _, o := range slices.Backward(opts) {
		if f, ok := o.(grpc.FailFastCallOption); ok {
			return !f.FailFast
		}
	}
	waits := cc.GetMethodConfig(method).WaitForReady
	return waits != nil && *waits
}

// isNowhere reports whether a call failed because no cloud may serve it, before
// there was any attempt.
func isNowhere(err error) bool {
	var call *balancer.CallError
	return errors.Is(err, balancer.ErrNoCloud) && errors.As(err, &call) && len(call.Attempts) == 0
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
