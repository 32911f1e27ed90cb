package cloudhttp

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/internal/admission"
	"github.com/fairlead-go/fairlead/sla"
)

// The headers of package sla as net/http spells them.
var (
	tierHeader    = http.CanonicalHeaderKey(sla.TierHeader)
	levelHeader   = http.CanonicalHeaderKey(sla.LevelHeader)
	timeoutHeader = http.CanonicalHeaderKey(sla.TimeoutHeader)
)

// shedRetryAfter is how many seconds a caller is asked to leave the server
// alone: the least that the header can say.
const shedRetryAfter = "1"

// Middleware returns the server side of a [Transport]. Put it around all else
// that takes time:
//
//	server := &http.Server{Handler: cloudhttp.Middleware(cloudhttp.WithCap(200))(mux)}
//
// By default it does one thing: it gives the request's context the deadline that
// the caller sent ([sla.TimeoutHeader]), and answers 504 to requests whose time is
// over, which the handler never sees. A handler that passes its context on passes
// the deadline on, over as many servers as there are. A request to switch
// protocols, such as that of a WebSocket, gets no deadline: the connection is to
// outlive it.
//
// [WithTrusted] names the callers whose word counts for the tier and the level of
// a call. Of all others the server's own rules make the tier: [WithClassifier].
// Both are put into the context, so that calls made from there carry them on. The
// headers themselves are taken out of the request that the handler sees, whoever
// sent them: forwarded as they are, they would have the next server believe what
// a stranger claims. [sla.AttemptHeader] stays, for logs.
//
// [WithCap] bounds the calls in flight. Requests beyond it get 503 with a
// Retry-After of one second, which a Transport takes for "too much" and not for
// "sick". Less critical tiers meet the cap earlier: of n tiers the one at place
// i, counted from 0, is refused when
//
//	cap × (1 − i/2(n−1))
//
// calls of all tiers are in flight: the least critical one at half of the cap, the
// others evenly in between. A request is in flight until the handler returns, also
// if it panics or has taken over the connection. Nobody waits for a place.
//
// A server with a cap tells its callers in each answer how full it is: calls in
// flight ÷ cap, or what [WithUtilization] says. The header is
// endpoint-load-metrics in the text format of Open Request Cost Aggregation
// (https://github.com/envoyproxy/envoy/issues/6614):
//
//	endpoint-load-metrics: TEXT application_utilization=0.35, rps_fractional=412.5
//
// It is not sent to switch protocols. A proxy's own report replaces that of the
// server behind it. Servers that strangers call may want to remove it at their
// edge.
//
// The response writer keeps what net/http offers: flushing, hijacking, deadlines
// and full duplex ([http.ResponseController]), copying without a buffer
// ([io.ReaderFrom]), [http.Pusher] and [http.CloseNotifier].
//
// Probes ([Transport] sends them to health.probe.path) should reach their handler
// without passing here. Otherwise a server that is full answers them with 503, too:
// a Transport then knows that it is there, but not that it serves.
//
// All handlers that are wrapped by the same returned function share one cap.
// They may be used by any number of goroutines.
func Middleware(opts ...ServerOption) func(http.Handler) http.Handler {
	var s server
	for _, opt := range opts {
		opt(&s)
	}
	s.control = admission.New(s.admission)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(next, w, r) })
	}
}

// server is one server side.
type server struct {
	trusted   func(*http.Request) bool       // nil: nobody
	caller    func(*http.Request) sla.Caller // nil: unknown
	admission admission.Config
	control   *admission.Control
}

func (s *server) serve(next http.Handler, w http.ResponseWriter, r *http.Request) {
	ctx, tier := s.restore(r)
	if left, ok := sla.ParseTimeout(r.Header[timeoutHeader]); ok && (left <= 0 || !switchesProtocols(r)) {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, left)
		defer cancel()
	}
	switch s.control.Enter(ctx, tier, time.Now()) {
	case admission.Expired:
		s.refuse(w, "deadline exceeded", http.StatusGatewayTimeout)
		return
	case admission.Shed:
		w.Header().Set("Retry-After", shedRetryAfter)
		s.refuse(w, "overloaded", http.StatusServiceUnavailable)
		return
	}
	defer s.control.Leave()
	own := withoutRestored(r.WithContext(ctx))
	defer func() {
		if own.MultipartForm != nil {
			r.MultipartForm = own.MultipartForm // net/http removes the files of the request that it knows
		}
	}()
	if !s.control.Measures() {
		next.ServeHTTP(w, own)
		return
	}
	reporting := &reportingWriter{ResponseWriter: w, control: s.control}
	next.ServeHTTP(reporting, own)
	reporting.report() // net/http answers for a handler that said nothing
}

// restore returns the request's context with the class of the call in it, and
// the call's place among the server's tiers.
func (s *server) restore(r *http.Request) (context.Context, int) {
	a := admission.Arrival{Tier: r.Header[tierHeader], Level: r.Header[levelHeader]}
	if (a.Tier != nil || a.Level != nil) && (s.trusted == nil || !s.trusted(r)) {
		a.Tier, a.Level = nil, nil
	}
	if s.caller != nil {
		a.Caller = s.caller(r)
	}
	if s.admission.Classifier != nil {
		a.Method = methodOf(r) + " " + pathOf(r.URL)
	}
	return s.control.Restore(r.Context(), a)
}

func (s *server) refuse(w http.ResponseWriter, why string, status int) {
	reportLoad(w.Header(), s.control)
	http.Error(w, why, status)
}

// withoutRestored returns the request, which is the middleware's own but for its
// header, without what was restored from the header.
func withoutRestored(r *http.Request) *http.Request {
	restored := [...]string{tierHeader, levelHeader, timeoutHeader}
	own := false
	for _, name := range restored {
		if _, ok := r.Header[name]; !ok {
			continue
		}
		if !own { // whoever wraps this middleware may still read the header
			r.Header, own = maps.Clone(r.Header), true
		}
		delete(r.Header, name)
	}
	return r
}

// switchesProtocols reports whether the request asks for a connection that goes
// on after the answer. An upgrade to h2c is only an offer, which some clients make
// with each request.
func switchesProtocols(r *http.Request) bool {
	upgrade := r.Header["Upgrade"] // not by Get, which looks at the name again
	return r.Method == http.MethodConnect || len(upgrade) > 0 && upgrade[0] != "" && !strings.EqualFold(upgrade[0], "h2c")
}
