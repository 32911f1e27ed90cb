package cloudhttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

// Transport is an [http.RoundTripper] that sends each request to a cloud and
// an endpoint of the router's choice, and again elsewhere if that fails and may
// be done. It is made by [NewTransport]; any number of goroutines may use it.
type Transport struct {
	router *balancer.Router
	bases  bases
}

// NewTransport returns a Transport for the router's services and makes the
// router probe endpoints over HTTP (see [balancer.Router.SetProber]). It may
// be used from then on until the router is closed; what it leaves behind are
// idle connections, which [Transport.CloseIdleConnections] closes.
func NewTransport(router *balancer.Router, opts ...Option) *Transport {
	t := &Transport{router: router}
	for _, opt := range opts {
		opt(t)
	}
	router.SetProber(t.probe)
	return t
}

// RoundTrip makes the call. The host of the request's URL names the service;
// the scheme and a port say nothing about where it runs, but https is never
// sent to an endpoint without TLS.
//
// Any answer is a response, also the last 503 of several attempts. The error is
// a [*balancer.CallError] that tells each attempt, a
// [*balancer.UnknownServiceError], [balancer.ErrClosed], or says what is wrong
// with the request. The response's Request is req.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := check(req); err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, err
	}
	p, err := newPayload(req)
	if err != nil {
		return nil, err
	}
	defer p.release()
	call := balancer.Call{
		Service:    strings.ToLower(req.URL.Hostname()),
		Method:     methodOf(req) + " " + pathOf(req.URL),
		Idempotent: idempotent(req) && p.repeatable(),
	}
	resp, err := balancer.Do(req.Context(), t.router, call,
		func(ctx context.Context, at balancer.Attempt) (*http.Response, health.Outcome, error) {
			return t.attempt(ctx, at, req, p)
		}, discard)
	if err != nil {
		return nil, err
	}
	resp.Request = req
	return resp, nil
}

// CloseIdleConnections closes the connections that no request is using.
// [http.Client.CloseIdleConnections] calls it.
func (t *Transport) CloseIdleConnections() { t.bases.closeIdle() }

// attempt sends the request to the attempt's endpoint.
func (t *Transport) attempt(ctx context.Context, at balancer.Attempt, req *http.Request, p *payload) (*http.Response, health.Outcome, error) {
	var progress progress
	out, err := outgoing(progress.trace(ctx), at, req, p)
	if err != nil {
		return nil, health.Outcome{Reason: reasonRequest}, err
	}
	base := t.bases.of(at.Cloud(), at.Endpoint())
	began := time.Now()
	resp, err := base.RoundTrip(out)
	if p.spent() {
		at.Final()
	}
	switch {
	case err != nil && p.failed():
		return nil, health.Outcome{Reason: reasonRequest}, err
	case err != nil:
		return nil, ofError(ctx, err, progress.of(base)), err
	}
	if resp.Body != nil && resp.Body != http.NoBody {
		at.Keep()
		resp.Body = newBody(ctx, at, resp, time.Since(began))
	}
	return resp, ofResponse(resp), nil
}

// check reports what is wrong with a request, whatever the service.
func check(req *http.Request) error {
	switch {
	case req.URL == nil:
		return errors.New("cloudhttp: the request has no URL")
	case req.URL.Scheme != "http" && req.URL.Scheme != "https":
		return fmt.Errorf("cloudhttp: the URL's scheme must be http or https, is %q", req.URL.Scheme)
	case req.URL.Hostname() == "":
		return errors.New("cloudhttp: the URL has no host, which names the service")
	}
	return nil
}

// idempotent reports whether the request may be carried out twice: its method
// says so (RFC 9110, section 9.2.2), or it has a key by which the server knows
// it again. net/http sees the same two headers that way.
func idempotent(req *http.Request) bool {
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	_, key := req.Header["Idempotency-Key"]
	_, xkey := req.Header["X-Idempotency-Key"]
	return key || xkey
}
