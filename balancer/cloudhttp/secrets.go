package cloudhttp

import (
	"io"
	"net/http"
	"strings"
)

// withhold takes out of a request, whose header and URL are its own, what holds
// secrets.
func withhold(out *http.Request, sensitive func(header string) bool) {
	for name := range out.Header {
		if sensitive(name) {
			delete(out.Header, name)
		}
	}
	out.URL.User = nil
	if out.Trailer != nil && out.Body != nil {
		withholdTrailers(out, sensitive)
	}
}

// withholdTrailers gives the request a trailer of its own. What the caller's
// holds, perhaps more than it announced, is only known when the body has been
// read: then the rest of it is copied.
func withholdTrailers(out *http.Request, sensitive func(header string) bool) {
	callers, own := out.Trailer, make(http.Header)
	take := func() {
		for name, values := range callers {
			if !sensitive(name) {
				own[name] = values
			}
		}
	}
	take()
	out.Trailer, out.Body = own, &trailed{out.Body, take}
	if again := out.GetBody; again != nil {
		out.GetBody = func() (io.ReadCloser, error) {
			body, err := again()
			if err != nil {
				return nil, err
			}
			return &trailed{body, take}, nil
		}
	}
}

// trailed is a body at whose end the trailer is known.
type trailed struct {
	io.ReadCloser
	end func()
}

func (t *trailed) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	if err == io.EOF {
		t.end()
	}
	return n, err
}

// redirectedAway reports whether a redirect took the request to another host
// than it was first meant for. [http.Client] takes headers along that it doesn't
// know to be sensitive, such as API keys.
func redirectedAway(req *http.Request) bool {
	for r := req; r.Response != nil && r.Response.Request != nil && r.Response.Request.URL != nil; {
		r = r.Response.Request
		if !strings.EqualFold(r.URL.Host, req.URL.Host) {
			return true
		}
	}
	return false
}
