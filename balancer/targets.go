package balancer

import (
	"context"
	"errors"
	"net"
)

// errNoAdapter is why a target has no address as long as nobody can resolve it.
var errNoAdapter = errors.New("this process has no adapter that resolves it")

// TargetResolver finds the addresses of a target such as unix:///run/a.sock,
// which only the adapter of its protocol understands. It calls found with each
// answer, good or bad, until ctx ends; then it returns. A value in again asks for
// a lookup before its time. Each endpoint needs an Address; Scheme is filled
// in, and Name and Host may be overruled by the config. The endpoints are the
// router's from then on.
type TargetResolver func(ctx context.Context, target string, again <-chan struct{}, found func([]Endpoint, error))

// SetTargetResolver replaces what resolves the targets of gRPC endpoints. The
// adapter calls it when it is attached to a router; before that such endpoints
// don't exist, and [Router.Ready] doesn't wait for them. The first one counts.
func (r *Router) SetTargetResolver(resolve TargetResolver) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.targets != nil || r.closed() {
		return
	}
	r.targets = resolve
	for _, s := range r.order {
		for _, c := range s.clouds {
			for _, a := range c.sourcesInUse() {
				s.started = s.started && a.url.target == "" // the plan was without it
				r.watchTarget(s, c, a)
			}
		}
		s.built = nil
	}
	r.publish()
}

// watchTarget has a target resolved from now on, if somebody can.
func (r *Router) watchTarget(s *service, c *serviceCloud, a *addressSource) {
	if r.targets == nil || a.url.target == "" {
		return
	}
	var ctx context.Context
	ctx, a.cancel = context.WithCancel(r.ctx)
	a.asked, a.err = false, nil
	r.wg.Go(func() {
		r.targets(ctx, a.url.target, a.wake, func(found []Endpoint, err error) {
			if err == nil && len(found) == 0 {
				err = errors.New("no addresses")
			}
			if ctx.Err() == nil {
				r.resolved(s, c, a, a.url.complete(found), err)
			}
		})
	})
}

// complete makes the endpoints of a target what the router knows of them.
func (u *endpointURL) complete(found []Endpoint) []Endpoint {
	for i := range found {
		e := &found[i]
		e.Scheme, e.Slot = u.scheme, 0
		if u.serverName != "" {
			e.Name, e.Host = u.serverName, u.serverName
			if _, port, err := net.SplitHostPort(e.Address); err == nil {
				e.Host = net.JoinHostPort(e.Name, port)
			}
		}
	}
	return found
}
