package cloudhttp

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

// ProbeUserAgent is the User-Agent of probes, by which servers can tell them
// from calls.
const ProbeUserAgent = "fairlead-probe"

// probeBytes is how much of a probe's answer is read.
const probeBytes = 64 << 10

// probe asks an endpoint for a path. It travels as calls do, on the same
// connections: a probe that goes another way says little about theirs, and one
// that opens its own costs a TLS handshake each time. Any whole answer in time
// is good unless its status is 500 or above; redirects aren't followed. A 503 with
// Retry-After says that the server is there and has too much to do.
func (t *Transport) probe(ctx context.Context, p balancer.Probe) health.Outcome {
	var progress progress
	req, err := http.NewRequestWithContext(progress.trace(ctx, nil), http.MethodGet, schemeOf(p.Endpoint)+"://"+p.Endpoint.Address+p.Endpoint.Path+p.Path, nil)
	if err != nil {
		return health.Outcome{Reason: reasonRequest}
	}
	req.Host = p.Endpoint.Host
	req.Header.Set("User-Agent", ProbeUserAgent)
	base := t.bases.of(p.Cloud, p.Endpoint)
	resp, err := base.RoundTrip(req)
	if err != nil {
		return probeError(ctx, err, progress.state(base))
	}
	base.reports.Store(progress.got.Load())
	defer resp.Body.Close()
	if _, err := io.CopyN(io.Discard, resp.Body, probeBytes); err != nil && err != io.EOF {
		return probeError(ctx, err, stateUnknown)
	}
	o := health.Outcome{Kind: health.OK, Reason: statusReason(resp.StatusCode)}
	switch {
	case ofResponse(resp).Kind == health.Overloaded:
		o.Kind = health.Reached
	case resp.StatusCode >= 500:
		o.Kind = health.Failed
	}
	return o
}

func probeError(ctx context.Context, err error, s sendState) health.Outcome {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return health.Outcome{Kind: health.TimedOut, Reason: reasonProbeTimeout}
	}
	return ofError(ctx, err, s)
}
