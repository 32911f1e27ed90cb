package cloudgrpc

import (
	"context"

	grpcbalancer "google.golang.org/grpc/balancer"

	"github.com/fairlead-go/fairlead/balancer"
)

// done is what gRPC calls when an attempt has ended. It calls each once, so they
// are used again: a closure for each would cost as much as the pick.
type done struct {
	policy  *policy
	fn      func(grpcbalancer.DoneInfo) // call, bound once
	ctx     context.Context
	attempt balancer.Attempt
	route   *route // nil without interceptors
}

func (p *policy) done(ctx context.Context, a balancer.Attempt, rt *route) func(grpcbalancer.DoneInfo) {
	d, _ := p.pool.Get().(*done)
	if d == nil {
		d = &done{policy: p}
		d.fn = d.call
	}
	d.ctx, d.attempt, d.route = ctx, a, rt
	return d.fn
}

func (d *done) call(info grpcbalancer.DoneInfo) {
	ctx, a, rt := d.ctx, d.attempt, d.route
	d.ctx, d.attempt, d.route = nil, balancer.Attempt{}, nil
	d.policy.pool.Put(d)

	if info.ServerLoad != nil {
		report(a, info.ServerLoad)
	}
	e := ending{err: info.Err, sent: info.BytesSent, received: info.BytesReceived}
	if info.Err != nil {
		e.pushback = pushbackOf(info.Trailer)
	}
	if rt != nil {
		rt.done(e)
		return
	}
	a.Done(e.outcome(ctx))
}
