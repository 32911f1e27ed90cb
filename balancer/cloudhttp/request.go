package cloudhttp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/fairlead-go/fairlead/balancer"
)

// prepare makes the request of the attempt. The caller's request isn't changed.
// Its header is shared with a base that is net/http's, which doesn't change it
// and doesn't read it any more when it has returned an error; others get a copy, and
// so do hedges, which nobody waits for.
func (x *exchange) prepare(ctx context.Context) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.over {
		return errOver
	}
	req, e := x.req, x.attempt.Endpoint()
	if req.URL.Scheme == "https" && e.Scheme != "https" {
		return fmt.Errorf("cloudhttp: %s is to be called over https, but %s in cloud %s has no TLS", x.attempt.Service(), e, x.attempt.Cloud())
	}
	lent, err := x.payload.next()
	if err != nil {
		return err
	}
	x.lent = lent
	x.url = *req.URL
	x.request = *req.WithContext(ctx) // inlined, it allocates nothing
	out := &x.request
	out.URL, out.Body, out.GetBody, out.Response = &x.url, nil, nil, nil
	if lent != nil {
		out.Body, out.GetBody = lent, x.repeat()
	}
	out.URL.Scheme, out.URL.Host = schemeOf(e), e.Address
	prefix(out.URL, e.Path)
	switch {
	case !x.attempt.CallersHost():
		out.Host = e.Host
	case out.Host == "":
		out.Host = req.URL.Host
	}
	stranger := x.away || !x.attempt.Trusted()
	if !x.base.plain || stranger || x.sign != nil || x.attempt.Hedge() {
		x.ownHeader()
	}
	if stranger {
		withhold(out, x.attempt.Sensitive)
	}
	return nil
}

var errOver = errors.New("cloudhttp: the call has ended")

// repeat returns the GetBody of the attempt's request, by which net/http sends
// it again when an idle connection turns out to be dead. Like the caller's it is
// called by one goroutine at a time.
func (x *exchange) repeat() func() (io.ReadCloser, error) {
	if x.payload.again == nil {
		return nil
	}
	r, of := x.trip, x.lent
	return func() (io.ReadCloser, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.over {
			return nil, errOver
		}
		body, err := r.payload.again()
		if err != nil {
			return nil, err
		}
		return &loan{body: body, size: of.size, upload: of.upload}, nil
	}
}

// schemeOf returns the scheme by which net/http knows the endpoint's protocol.
func schemeOf(e *balancer.Endpoint) string {
	if e.Scheme == "https" {
		return "https"
	}
	return "http"
}

// ownHeader gives the attempt's request a header of its own, unless it has one. A hook
// that signs it may also change values in their place.
func (x *exchange) ownHeader() {
	if x.owned {
		return
	}
	x.owned, x.request.Header = true, copyHeader(x.req.Header)
	if x.sign != nil {
		ownValues(x.request.Header)
	}
}

// copyHeader returns a header to which one may add and from which one may
// delete, with room for what the attempt tells its server. Its lists of values are
// those of h, which append doesn't reach.
func copyHeader(h http.Header) http.Header {
	c := make(http.Header, len(h)+len(wireHeaders))
	for name, values := range h {
		c[name] = values[:len(values):len(values)]
	}
	return c
}

// ownValues gives a header lists of values of its own, which are parts of one.
func ownValues(h http.Header) {
	n := 0
	for _, values := range h {
		n += len(values)
	}
	all := make([]string, 0, n)
	for name, values := range h {
		if len(values) == 0 {
			continue
		}
		first := len(all)
		all = append(all, values...)
		h[name] = all[first:len(all):len(all)]
	}
}

// prefix puts a path, escaped and without a final slash, before that of the
// URL.
func prefix(u *url.URL, path string) {
	if strings.HasPrefix(u.Opaque, "//") { // an authority, which isn't the endpoint's, and a path
		_, rest, _ := strings.Cut(u.Opaque[2:], "/")
		u.Opaque = "/" + rest
	}
	if path == "" {
		return
	}
	if u.Opaque != "" {
		u.Opaque = path + u.Opaque
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
