package cloudgrpc

import (
	"context"

	"github.com/fairlead-go/fairlead/sla"
)

// ServerOption changes the behaviour of [ServerOptions].
type ServerOption func(*server)

// WithTrusted names the callers whose word counts for a call's tier and level
// ([sla.TierHeader], [sla.LevelHeader]): those for whose calls trusted returns
// true. Without it nobody's does, because a caller who may choose its tier has the
// most critical one. Whether a call comes from a server of one's own can be seen
// by its client certificate, or by the network that it came from:
//
//	cloudgrpc.WithTrusted(func(ctx context.Context) bool {
//		p, ok := peer.FromContext(ctx)
//		if !ok {
//			return false
//		}
//		info, ok := p.AuthInfo.(credentials.TLSInfo)
//		return ok && len(info.State.VerifiedChains) > 0
//	})
//
// trusted is called by many goroutines, and only for calls with such metadata.
func WithTrusted(trusted func(context.Context) bool) ServerOption {
	return func(s *server) { s.trusted = trusted }
}

// WithClassifier gives a tier to each call for which no trusted caller named one:
// that of the first rule that matches the caller, and a method such as
// "/routing.v1.Routing/Route". It also says which tiers there are, and in which
// order. Without it all calls are of one tier to this server, although the tier
// that a trusted caller named travels on.
func WithClassifier(c *sla.Classifier) ServerOption {
	return func(s *server) { s.admission.Classifier = c }
}

// WithCaller says who makes a call, as the server has found out: by a
// certificate, a token, a key. The rules see it, and calls made from the handler
// carry it on. The zero Caller leaves the one that the call's context has, if
// another interceptor put one there. caller is called by many goroutines, for each
// call; it must not believe what anybody can write into metadata.
func WithCaller(caller func(context.Context) sla.Caller) ServerOption {
	return func(s *server) { s.caller = caller }
}

// WithCap sets how many calls may be in flight. The less critical tiers meet it
// earlier: see [ServerOptions]. By Little's law, calls in flight are calls per
// second × seconds per call: take the most calls per second that the server can
// do, and the longest that a call may take, and add the streams that are open at a
// time. Half of the cap should be enough to keep the server busy. 0 or less: no
// cap, which is the default.
func WithCap(calls int) ServerOption {
	return func(s *server) { s.admission.Cap = calls }
}

// WithUtilization replaces the measure of how full the server is, of which it
// tells its callers: 0 is idle, 1 is full, more is possible. It is for servers
// that know better than calls in flight ÷ cap does. Negative numbers, NaN and
// infinity aren't sent. utilization is called for each call, by many goroutines.
func WithUtilization(utilization func() float64) ServerOption {
	return func(s *server) { s.admission.Utilization = utilization }
}
