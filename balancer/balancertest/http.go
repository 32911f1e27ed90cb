package balancertest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"syscall"

	"github.com/fairlead-go/fairlead/balancer/cloudhttp"
)

// Handle sets what endpoints do with HTTP requests when they answer well. By
// default they answer 200 and the cloud's name. Probes get 200 and don't reach
// the handler.
//
// The handler runs in the goroutine of the call when the endpoint's latency is
// over; the answer is whole when it returns.
func (cs *Clouds) Handle(h http.Handler) { cs.handler.Store(&h) }

// Base carries HTTP requests to the clouds. It is made for
// [cloudhttp.WithBase], whose transport it ignores.
func (cs *Clouds) Base(cloud string, _ *http.Transport) http.RoundTripper {
	return roundTripper{cs}
}

type roundTripper struct{ clouds *Clouds }

// RoundTrip takes the request to the endpoint at the URL's address.
func (t roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		defer req.Body.Close()
	}
	e := t.clouds.byAddress[req.URL.Host]
	if e == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: fmt.Errorf("balancertest: no endpoint has the address %s", req.URL.Host)}
	}
	probe := req.UserAgent() == cloudhttp.ProbeUserAgent
	r := e.serve(req.Context(), probe)
	if r != answered && r != failed {
		return nil, e.failure(req.Context(), r)
	}
	return t.clouds.answer(e, req, r == failed, probe)
}

// failure returns the error of a request that got no answer, as net/http
// would.
func (e *Endpoint) failure(ctx context.Context, r result) error {
	address := &net.TCPAddr{IP: net.ParseIP(e.host), Port: 80}
	switch r {
	case refused:
		return &net.OpError{Op: "dial", Net: "tcp", Addr: address, Err: syscall.ECONNREFUSED}
	case broken:
		return &net.OpError{Op: "read", Net: "tcp", Addr: address, Err: syscall.ECONNRESET}
	}
	return context.Cause(ctx)
}

// answer lets the handler answer.
func (cs *Clouds) answer(e *Endpoint, req *http.Request, fail, probe bool) (resp *http.Response, err error) {
	in := req.Clone(req.Context())
	in.RequestURI = in.URL.RequestURI()
	in.URL.Scheme, in.URL.Host = "", ""
	if in.Body == nil {
		in.Body = http.NoBody
	}
	out := httptest.NewRecorder()
	switch h := cs.handler.Load(); {
	case fail:
		http.Error(out, "balancertest: this answer fails", http.StatusInternalServerError)
	case probe:
		out.WriteHeader(http.StatusOK)
	case h == nil:
		io.WriteString(out, e.cloud)
	default:
		defer func() {
			// This is how a handler breaks the connection on purpose.
			if p := recover(); p == http.ErrAbortHandler {
				resp, err = nil, e.failure(req.Context(), broken)
			} else if p != nil {
				panic(p)
			}
		}()
		(*h).ServeHTTP(out, in)
	}
	resp = out.Result()
	resp.Request, resp.ContentLength = req, int64(out.Body.Len())
	if req.Method == http.MethodHead || out.Body.Len() == 0 {
		resp.Body = http.NoBody
	}
	return resp, nil
}
