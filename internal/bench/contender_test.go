package bench

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/failsafe-go/failsafe-go/failsafehttp"
	"github.com/failsafe-go/failsafe-go/timeout"
	"github.com/hashicorp/go-retryablehttp"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudhttp"
	"github.com/fairlead-go/fairlead/sla"
)

// deadline is what calls with one are given.
const deadline = time.Second

// contender is one way to make a call.
type contender struct {
	name     string
	deadline bool // calls have one
	peer     bool // another project's
	make     func(testing.TB, *network) http.RoundTripper
}

var contenders = []contender{
	{"bare", false, false, func(tb testing.TB, n *network) http.RoundTripper { return n.bare(tb) }},
	{"clone", false, false, func(tb testing.TB, n *network) http.RoundTripper { return clone{n.bare(tb), n.addresses[0]} }},
	{"fairlead", false, false, func(tb testing.TB, n *network) http.RoundTripper { return newFairlead(tb, n, 0) }},
	{"failsafe-go", false, true, func(tb testing.TB, n *network) http.RoundTripper {
		return failsafehttp.NewRoundTripper(n.bare(tb), failsafehttp.NewRetryPolicyBuilder().Build())
	}},
	{"go-retryablehttp", false, true, func(tb testing.TB, n *network) http.RoundTripper { return newRetryable(n.bare(tb)) }},

	{"bare", true, false, func(tb testing.TB, n *network) http.RoundTripper { return timed{n.bare(tb)} }},
	{"fairlead", true, false, func(tb testing.TB, n *network) http.RoundTripper { return newFairlead(tb, n, deadline) }},
	{"failsafe-go", true, true, func(tb testing.TB, n *network) http.RoundTripper {
		return failsafehttp.NewRoundTripper(n.bare(tb), timeout.New[*http.Response](deadline), failsafehttp.NewRetryPolicyBuilder().Build())
	}},
	{"go-retryablehttp", true, true, func(tb testing.TB, n *network) http.RoundTripper { return timed{newRetryable(n.bare(tb))} }},
}

// title is the contender's name in tables.
func (c contender) title() string {
	if c.deadline {
		return c.name + ", deadline"
	}
	return c.name
}

// clone is the floor: a copy of the request goes to another host, and
// nothing else is done.
type clone struct {
	base    http.RoundTripper
	address string
}

func (c clone) RoundTrip(req *http.Request) (*http.Response, error) {
	out := req.Clone(req.Context())
	out.URL.Host = c.address
	return c.base.RoundTrip(out)
}

// newFairlead has two clouds with one endpoint each.
func newFairlead(tb testing.TB, n *network, timeout time.Duration) http.RoundTripper {
	router, err := balancer.New(&balancer.Config{
		Clouds: map[string]balancer.Cloud{"onprem": {Weight: 70}, "gcp": {Weight: 30}},
		Services: map[string]balancer.Service{"routing-api": {Clouds: map[string]balancer.ServiceCloud{
			"onprem": {HTTP: []string{"http://" + n.addresses[0]}},
			"gcp":    {HTTP: []string{"http://" + n.addresses[1]}},
		}}},
		Tiers: []sla.Tier{{Name: "critical", Protected: true, Attempts: 3, Timeout: timeout}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { router.Close() })
	transport := cloudhttp.NewTransport(router, cloudhttp.WithBase(func(_ string, t *http.Transport) http.RoundTripper {
		return n.adapt(t)
	}))
	tb.Cleanup(transport.CloseIdleConnections)
	return transport
}

func newRetryable(base http.RoundTripper) http.RoundTripper {
	c := retryablehttp.NewClient()
	c.Logger = nil
	c.HTTPClient = &http.Client{Transport: base}
	return &retryablehttp.RoundTripper{Client: c}
}

// timed gives each call a deadline, which ends with its body.
type timed struct{ base http.RoundTripper }

func (t timed) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(req.Context(), deadline)
	resp, err := t.base.RoundTrip(req.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	resp.Body = timedBody{resp.Body, cancel}
	return resp, nil
}

type timedBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b timedBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}

// newRequest returns a request as clients send them.
func newRequest(tb testing.TB, url string) *http.Request {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "Bearer 0123456789abcdef")
	req.Header.Set("User-Agent", "dispatch/1.0")
	return req
}

// call makes a call and reads the answer.
func call(tb testing.TB, rt http.RoundTripper, req *http.Request) {
	resp, err := rt.RoundTrip(req)
	if err != nil {
		tb.Fatal(err)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	if err != nil || n != int64(len(answer)) {
		tb.Fatalf("%d bytes, %v", n, err)
	}
	resp.Body.Close()
}
