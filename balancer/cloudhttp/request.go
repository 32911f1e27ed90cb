package cloudhttp

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/fairlead-go/fairlead/balancer"
)

// outgoing makes the request of one attempt. The caller's request isn't
// changed, and shares nothing with this one that a transport may still be
// reading when the attempt has been given up.
func outgoing(ctx context.Context, at balancer.Attempt, req *http.Request, p *payload) (*http.Request, error) {
	e := at.Endpoint()
	if req.URL.Scheme == "https" && e.Scheme != "https" {
		return nil, fmt.Errorf("cloudhttp: %s is to be called over https, but %s in cloud %s has no TLS", at.Service(), e, at.Cloud())
	}
	body, err := p.next()
	if err != nil {
		return nil, err
	}
	out := req.Clone(ctx)
	out.Body, out.GetBody = body, p.again
	out.Trailer = req.Trailer // whose values the caller fills in while the body is read
	out.URL.Scheme, out.URL.Host, out.Host = e.Scheme, e.Address, e.Host
	prefix(out.URL, e.Path)
	return out, nil
}

// prefix puts a path, escaped and without a final slash, before that of the
// URL.
func prefix(u *url.URL, path string) {
	if path == "" {
		return
	}
	rest := u.EscapedPath()
	if rest == "" {
		rest = "/"
	}
	u.RawPath = path + rest
	u.Path, _ = url.PathUnescape(u.RawPath) // both parts are valid
}

func methodOf(req *http.Request) string {
	if req.Method == "" {
		return http.MethodGet
	}
	return req.Method
}

func pathOf(u *url.URL) string {
	if u.Path == "" {
		return "/"
	}
	return u.Path
}
