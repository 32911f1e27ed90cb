package cloudhttp

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
)

// Transport is an [http.RoundTripper] that sends each request to a cloud and
// an endpoint of the router's choice, and again elsewhere if that fails and may
// be done. It is made by [NewTransport]; any number of goroutines may use it.
type Transport struct {
	router       *balancer.Router
	bases        bases
	sign         func(balancer.Attempt, *http.Request) error // nil: nothing to sign
	strict       bool
	stallTimeout time.Duration // 0: answers may stop coming
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
	router.SetProber(balancer.HTTP, t.probe)
	return t
}

// RoundTrip makes the call. The host of the request's URL names the service;
// the scheme and a port say nothing about where it runs, but https is never
// sent to an endpoint without TLS. A host that is no service is called as
// [http.Transport] would, unless [Strict] is set.
//
// Any answer is a response, also the last 503 of several attempts. The error is
// a [*balancer.CallError] that tells each attempt, [balancer.ErrClosed], a
// [*balancer.UnknownServiceError], or says what is wrong with the request. The
// response's Request is req.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	service, away, err := t.route(req)
	if err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, err
	}
	if service == "" {
		return t.elsewhere(req, away)
	}
	r := &trip{Transport: t, req: req, away: away}
	if err := r.payload.take(req); err != nil {
		return nil, err
	}
	defer r.end()
	call := balancer.Call{
		Service: service, Idempotent: idempotent(req) && r.payload.repeatable(), Announces: true,
		// A caller may add to its trailers as it goes along, and a connection that
		// switches protocols is no answer that one waits for.
		OneByOne: req.Trailer != nil || switchesProtocols(req),
	}
	r.unsafe = !call.Idempotent
	if t.router.ReadsMethod() {
		call.Method = methodOf(req) + " " + pathOf(req.URL)
	}
	resp, err := balancer.Do(req.Context(), t.router, call, r.try, discard)
	if err != nil {
		return nil, err
	}
	resp.Request = req
	return resp, nil
}

// CloseIdleConnections closes the connections that no request is using.
// [http.Client.CloseIdleConnections] calls it.
func (t *Transport) CloseIdleConnections() { t.bases.closeIdle() }

// route returns the service that a request is for, empty if its host is none,
// and whether a redirect took it there from another host.
func (t *Transport) route(req *http.Request) (service string, away bool, err error) {
	switch {
	case req.URL == nil:
		return "", false, errors.New("cloudhttp: the request has no URL")
	case req.URL.Scheme != "http" && req.URL.Scheme != "https":
		return "", false, fmt.Errorf("cloudhttp: the URL's scheme must be http or https, is %q", req.URL.Scheme)
	case req.Header == nil:
		return "", false, errors.New("cloudhttp: the request has no Header")
	}
	service = strings.ToLower(req.URL.Hostname())
	if service == "" {
		return "", false, errors.New("cloudhttp: the URL has no host, which names the service")
	}
	away = redirectedAway(req)
	if t.strict {
		return service, away, nil
	}
	has, err := t.router.HasService(service, balancer.HTTP)
	if !has {
		service = ""
	}
	return service, away, err
}
