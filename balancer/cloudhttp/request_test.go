package cloudhttp

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
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

// TestCopyOfHeader adds to a copy of a header with room for more, and deletes
// from it.
func TestCopyOfHeader(t *testing.T) {
	values := append(make([]string, 0, 8), "a")
	h := http.Header{"X": values, "Y": {"z"}}
	c := copyHeader(h)
	c.Add("X", "secret")
	c.Del("Y")
	if len(h["X"]) != 1 || values[:2][1] != "" || h.Get("Y") != "z" {
		t.Errorf("the original became %v, with %q behind it", h, values[:2])
	}
}

// TestHeaderIsTheCallersAgain changes the header of requests whose call is over.
// Nothing of an attempt that was given up may still be reading it.
func TestHeaderIsTheCallersAgain(t *testing.T) {
	for name, start := range map[string]func(*testing.T, http.HandlerFunc) string{"HTTP/1": serve, "h2c": serveH2C} {
		t.Run(name, func(t *testing.T) {
			cfg := config([]string{start(t, silence)}, []string{start(t, say("second"))})
			cfg.Tiers[0].Timeout = 2 * time.Second
			cfg.Retry.Fraction, cfg.Retry.Floor = 1, 1000
			e := newEnv(t, cfg)
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
					defer cancel()
					req, err := http.NewRequestWithContext(ctx, "GET", "http://routing-api/", nil)
					if err != nil {
						t.Error(err)
						return
					}
					for i := range 3 {
						req.Header.Set("X", strconv.Itoa(i))
						resp, err := e.transport.RoundTrip(req)
						if err != nil {
							break
						}
						resp.Body.Close()
					}
					req.Header.Set("Y", "z")
				})
			}
			wg.Wait()
		})
	}
}
