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
	fn      func(grpcbalancer.DoneInfo) // made once
	ctx     context.Context
	attempt balancer.Attempt
	route   *route // nil without interceptors
}

// done returns one for an attempt that is still to be filled in.
func (p *policy) done(ctx context.Context, rt *route) *done {
	d, _ := p.pool.Get().(*done)
	if d == nil {
		d = newDone(p)
	}
	d.ctx, d.route = ctx, rt
	return d
}

func newDone(p *policy) *done {
	d := &done{policy: p}
	d.fn = func(info grpcbalancer.DoneInfo) {
		if info.ServerLoad != nil {
			report(d.attempt, info.ServerLoad)
		}
		if d.route == nil && info.Err == nil && info.BytesReceived && len(info.Trailer) == 0 { // as nearly always
			d.attempt.Done(answered)
		} else {
			d.end(info)
		}
		d.free()
	}
	return d
}

// end reports the outcome.
func (d *done) end(info grpcbalancer.DoneInfo) {
	e := ending{err: info.Err, sent: info.BytesSent, received: info.BytesReceived, pushback: pushbackOf(info.Trailer)}
	if d.route != nil {
		d.route.done(e)
		return
	}
	if e.err == nil && e.sent && (!e.received || e.pushback.given) {
		e.err = errSending // nothing that succeeds ends like that
	}
	d.attempt.Done(e.outcome(d.ctx))
}

// free gives it back, without what is the caller's. An attempt that the router has
// begun for it has nothing of his, one of an interceptor has.
func (d *done) free() {
	d.ctx = nil
	if d.route != nil {
		d.route, d.attempt = nil, balancer.Attempt{}
	}
	d.policy.pool.Put(d)
}
