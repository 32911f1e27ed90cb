package cloudhttp

import (
	"net/http"

	"github.com/fairlead-go/fairlead/sla"
)

// ServerOption changes the behaviour of a [Middleware].
type ServerOption func(*server)

// WithTrusted names the callers whose word counts for a call's tier and level
// ([sla.TierHeader], [sla.LevelHeader]): those for whose requests trusted returns
// true. Without it nobody's does, because a caller who may choose its tier has the
// most critical one. Whether a request comes from a server of one's own can be
// seen by its client certificate, or by the network that it came from:
//
//	cloudhttp.WithTrusted(func(r *http.Request) bool {
//		return r.TLS != nil && len(r.TLS.VerifiedChains) > 0
//	})
//
// trusted is called by many goroutines, and only for requests with such a header.
func WithTrusted(trusted func(*http.Request) bool) ServerOption {
	return func(s *server) { s.trusted = trusted }
}

// WithClassifier gives a tier to each call for which no trusted caller named one:
// that of the first rule that matches the caller, and a method such as
// "GET /v1/route". It also says which tiers there are, and in which order. Without
// it all calls are of one tier to this server, although the tier that a trusted
// caller named travels on.
func WithClassifier(c *sla.Classifier) ServerOption {
	return func(s *server) { s.admission.Classifier = c }
}

// WithCaller says who makes a call, as the server has found out: by a
// certificate, a token, a key. The rules see it, and calls made from the handler
// carry it on. The zero Caller leaves the one that the request's context has, if
// another middleware put one there. caller is called by many goroutines, for each
// request; it must not believe what anybody can write into a header.
func WithCaller(caller func(*http.Request) sla.Caller) ServerOption {
	return func(s *server) { s.caller = caller }
}

// WithCap sets how many calls may be in flight. The less critical tiers meet it
// earlier: see [Middleware]. By Little's law, calls in flight are calls per second
// × seconds per call: take the most calls per second that the server can do, and
// the longest that a call may take. Half of the cap should be enough to keep the
// server busy. 0 or less: no cap, which is the default.
func WithCap(calls int) ServerOption {
	return func(s *server) { s.admission.Cap = calls }
}

// WithUtilization replaces the measure of how full the server is, of which it
// tells its callers: 0 is idle, 1 is full, more is possible. It is for servers
// that know better than calls in flight ÷ cap does. Negative numbers, NaN and
// infinity aren't sent. utilization is called for each answer, by many goroutines.
func WithUtilization(utilization func() float64) ServerOption {
	return func(s *server) { s.admission.Utilization = utilization }
}
