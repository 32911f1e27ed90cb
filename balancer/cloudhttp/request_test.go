package cloudhttp

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestRequestIsNotChanged compares a request with its copy after attempts at
// two clouds.
func TestRequestIsNotChanged(t *testing.T) {
	e := newEnv(t, config([]string{serve(t, hangUp(true))}, []string{serve(t, say("second")) + "/prefix"}))
	req, err := http.NewRequest("PUT", "http://routing-api:1234/a?b=c", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X", "y")
	before, body := req.Clone(t.Context()), req.Body
	resp, err := e.transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	text(t, resp)
	if *req.URL != *before.URL || req.Host != before.Host || req.Method != before.Method || req.Body != body ||
		req.ContentLength != before.ContentLength || !maps.EqualFunc(req.Header, before.Header, func(a, b []string) bool { return a[0] == b[0] }) {
		t.Errorf("before %+v, after %+v", before, req)
	}
}

// TestWhatIsSent looks at the request that the server gets.
func TestWhatIsSent(t *testing.T) {
	for _, test := range []struct{ prefix, url, want string }{
		{"", "http://routing-api", "/"},
		{"", "http://ROUTING-API:99/v1/route?from=a%20b&to=c", "/v1/route?from=a%20b&to=c"},
		{"", "http://routing-api/a%2Fb/%C3%BC", "/a%2Fb/%C3%BC"},
		{"/p", "http://routing-api", "/p/"},
		{"/p", "http://routing-api?q", "/p/?q"},
		{"/p", "http://routing-api/", "/p/"},
		{"/p/q", "http://routing-api/v1?x=%2F", "/p/q/v1?x=%2F"},
		{"/p%2Fq", "http://routing-api/a%2Fb", "/p%2Fq/a%2Fb"},
	} {
		var got, host string
		server := serve(t, calls(func(_ http.ResponseWriter, r *http.Request) { got, host = r.RequestURI, r.Host }))
		e := newEnv(t, config([]string{server + test.prefix}, nil))
		e.get(t, test.url)
		if got != test.want {
			t.Errorf("%s behind %q: the server got %s, want %s", test.url, test.prefix, got, test.want)
		}
		if "http://"+host != server {
			t.Errorf("the Host header is %q, want that of %s", host, server)
		}
	}
}

// TestMethodMatchesRules assigns a tier by method and path.
func TestMethodMatchesRules(t *testing.T) {
	for _, test := range []struct{ method, url, want string }{
		{"GET", "http://routing-api/v1/route?x=y", "critical"},
		{"", "http://routing-api/v1/route", "critical"},
		{"POST", "http://routing-api/v1/route", "rest"},
		{"GET", "http://routing-api", "root"},
	} {
		cfg := config([]string{serve(t, say(""))}, nil)
		cfg.Tiers = append(cfg.Tiers, tier("root"), tier("rest"))
		cfg.Assign = append(cfg.Assign, rule("GET /v1/*", "critical"), rule("GET /", "root"))
		e := newEnv(t, cfg)
		u, err := url.Parse(test.url)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := e.transport.RoundTrip(&http.Request{Method: test.method, URL: u, Header: http.Header{}})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if e.tier != test.want {
			t.Errorf("%s %s is of tier %s, want %s", test.method, test.url, e.tier, test.want)
		}
	}
}
