package cloudhttp

import (
	"net/http"
	"strings"
)

// withhold takes out of a request, whose header and URL are its own, what holds
// secrets. A trailer that holds one takes the others with it: their values are
// only known when they are sent.
func withhold(out *http.Request, sensitive func(header string) bool) {
	for name := range out.Header {
		if sensitive(name) {
			delete(out.Header, name)
		}
	}
	for name := range out.Trailer {
		if sensitive(name) {
			out.Trailer = nil
			break
		}
	}
	out.URL.User = nil
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
