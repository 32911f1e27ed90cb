package cloudhttp

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fairlead-go/fairlead/health"
)

// serve starts a server on loopback and returns its URL.
func serve(t *testing.T, h http.HandlerFunc) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// nobody returns a URL that nobody listens at.
func nobody(t *testing.T) string {
	s := httptest.NewServer(nil)
	s.Close()
	return s.URL
}

// hangUp is a handler that ends the connection without an answer: by a reset
// if abrupt.
func hangUp(abrupt bool) http.HandlerFunc {
	return calls(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		if tcp, ok := conn.(*net.TCPConn); ok && abrupt {
			tcp.SetLinger(0)
		}
		conn.Close()
	})
}

// TestOutcomes makes one call over real sockets, to a first cloud that is at
// fault in some way and then perhaps a second one.
func TestOutcomes(t *testing.T) {
	status := func(code int, header ...string) func(*testing.T) string {
		return func(t *testing.T) string {
			return serve(t, calls(func(w http.ResponseWriter, _ *http.Request) {
				if len(header) == 2 {
					w.Header().Set(header[0], header[1])
				}
				w.WriteHeader(code)
			}))
		}
	}
	server := func(h http.HandlerFunc) func(*testing.T) string {
		return func(t *testing.T) string { return serve(t, h) }
	}
	retried := seen{"second", health.OK, "http 200"}
	for _, test := range []struct {
		name     string
		first    func(*testing.T) string
		method   string
		outcomes []seen
		status   int // 0: the call fails
	}{
		{"well", status(200), "GET", []seen{{"first", health.OK, "http 200"}}, 200},
		{"not found", status(404), "GET", []seen{{"first", health.OK, "http 404"}}, 404},
		{"nobody there", nobody, "GET", []seen{{"first", health.Refused, "connection refused"}, retried}, 200},
		{"nobody there, not idempotent", nobody, "POST", []seen{{"first", health.Refused, "connection refused"}, retried}, 200},
		{"error", status(500), "GET", []seen{{"first", health.Failed, "http 500"}, retried}, 200},
		{"error, PUT", status(500), "PUT", []seen{{"first", health.Failed, "http 500"}, retried}, 200},
		{"error, not idempotent", status(500), "POST", []seen{{"first", health.Failed, "http 500"}}, 500},
		{"pushback, not idempotent", status(503, "Retry-After", "1"), "POST", []seen{{"first", health.Overloaded, "http 503"}, retried}, 200},
		{"reset", server(hangUp(true)), "GET", []seen{{"first", health.Broken, "reset"}, retried}, 200},
		{"reset, not idempotent", server(hangUp(true)), "POST", []seen{{"first", health.Broken, "reset"}}, 0},
		{"hung up", server(hangUp(false)), "GET", []seen{{"first", health.Broken, "eof"}, retried}, 200},
		{"no HTTP", func(t *testing.T) string { return serve(t, calls(babble)) }, "GET", []seen{{"first", health.Broken, "broken connection"}, retried}, 200},
		{"TLS that isn't there", func(t *testing.T) string {
			return strings.Replace(serve(t, say("")), "http://", "https://", 1)
		}, "POST", []seen{{"first", health.Refused, "tls"}, retried}, 200},
		{"certificate of a stranger", func(t *testing.T) string {
			s := httptest.NewUnstartedServer(say(""))
			s.Config.ErrorLog = quiet
			s.StartTLS()
			t.Cleanup(s.Close)
			return s.URL
		}, "POST", []seen{{"first", health.Refused, "certificate"}, retried}, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := newEnv(t, config([]string{test.first(t)}, []string{serve(t, say("second"))}))
			req, err := http.NewRequest(test.method, "http://routing-api/", strings.NewReader("x"))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := e.client.Do(req)
			switch {
			case err != nil && test.status != 0:
				t.Fatal(err)
			case err == nil:
				if text(t, resp); resp.StatusCode != test.status {
					t.Errorf("status %d, want %d", resp.StatusCode, test.status)
				}
			}
			e.expect(t, test.outcomes...)
		})
	}
}

// babble answers with something that isn't HTTP.
func babble(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	io.WriteString(conn, "SSH-2.0-OpenSSH_9.9\r\n")
	conn.Close()
}

func TestIdempotent(t *testing.T) {
	for _, test := range []struct {
		method string
		header http.Header
		want   bool
	}{
		{"", nil, true},
		{"GET", nil, true},
		{"HEAD", nil, true},
		{"OPTIONS", nil, true},
		{"TRACE", nil, true},
		{"PUT", nil, true},
		{"DELETE", nil, true},
		{"POST", nil, false},
		{"PATCH", nil, false},
		{"CONNECT", nil, false},
		{"get", nil, false}, // methods are case-sensitive
		{"POST", http.Header{"Idempotency-Key": {"1"}}, true},
		{"POST", http.Header{"Idempotency-Key": {}}, true},
		{"PATCH", http.Header{"X-Idempotency-Key": {"1"}}, true},
		{"POST", http.Header{"Other": {"1"}}, false},
	} {
		req := &http.Request{Method: test.method, Header: test.header}
		if got := idempotent(req); got != test.want {
			t.Errorf("%s %v: %v", test.method, test.header, got)
		}
		if !idempotent(req.WithContext(WithIdempotent(t.Context()))) {
			t.Errorf("%s %v: not idempotent though declared so", test.method, test.header)
		}
	}
}

// TestCallersFault makes requests that no cloud can be blamed for.
func TestCallersFault(t *testing.T) {
	for _, test := range []struct {
		name, want string
		change     func(*http.Request)
		outcomes   []seen
	}{
		{"unknown service", `no service "elsewhere" with http endpoints in the config, which has routing-api`,
			func(r *http.Request) { r.URL.Host = "elsewhere" }, nil},
		{"no host", "has no host", func(r *http.Request) { r.URL.Host = "" }, nil},
		{"other scheme", "must be http or https", func(r *http.Request) { r.URL.Scheme = "ftp" }, nil},
		{"no URL", "no URL", func(r *http.Request) { r.URL = nil }, nil},
		{"no header", "has no Header", func(r *http.Request) { r.Header = nil }, nil},
		{"https where there is none", "is to be called over https, but",
			func(r *http.Request) { r.URL.Scheme = "https" }, []seen{{"first", health.Neutral, "request"}}},
		{"invalid header", "invalid header field",
			func(r *http.Request) { r.Header.Set("X", "a\nb") }, []seen{{"first", health.Neutral, "request"}}},
		{"body that can't be read", "the disk is gone",
			func(r *http.Request) { r.Body, r.ContentLength = &closer{Reader: failing{}}, 1<<20 },
			[]seen{{"first", health.Neutral, "request"}}},
		{"small body that can't be read", "the disk is gone",
			func(r *http.Request) { r.Body, r.ContentLength = &closer{Reader: failing{}}, 9 }, nil},
		{"body shorter than promised", "has 1 bytes, its ContentLength is 9",
			func(r *http.Request) { r.ContentLength = 9 }, nil},
		{"body longer than promised", "longer than its ContentLength, 1",
			func(r *http.Request) { r.Body, r.ContentLength = &closer{Reader: strings.NewReader("xyz")}, 1 }, nil},
		{"body of a wrong length", "ContentLength=1048576 with Body length 1",
			func(r *http.Request) { r.ContentLength = 1 << 20 }, []seen{{"first", health.Neutral, "request"}}},
		{"long body of a wrong length", "ContentLength=70000 with Body length 80000",
			func(r *http.Request) {
				r.Body, r.ContentLength = &closer{Reader: strings.NewReader(strings.Repeat("x", 80000))}, 70000
			}, []seen{{"first", health.Neutral, "request"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := newEnv(t, config([]string{serve(t, silence)}, nil), Strict())
			req, err := http.NewRequest("POST", "http://routing-api/", &closer{Reader: strings.NewReader("x")})
			if err != nil {
				t.Fatal(err)
			}
			test.change(req)
			resp, err := e.transport.RoundTrip(req)
			if resp != nil || err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, %v, want %q", resp, err, test.want)
			}
			if !req.Body.(*closer).isClosed() {
				t.Error("the request's body wasn't closed")
			}
			e.expect(t, test.outcomes...)
		})
	}
}

// TestRequestAtFault makes a request that may be repeated, so that nothing
// traces it, and that net/http refuses.
func TestRequestAtFault(t *testing.T) {
	e := newEnv(t, config([]string{serve(t, say("first"))}, []string{serve(t, say("second"))}))
	req, err := http.NewRequest("GET", "http://routing-api/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X", "a\nb")
	if _, err := e.client.Do(req); err == nil || !strings.Contains(err.Error(), "invalid header field") {
		t.Errorf("got %v", err)
	}
	e.expect(t, seen{"first", health.Neutral, "request"})
}

// newQuietServer is serve for handlers that break off answers.
func newQuietServer(t *testing.T, h http.HandlerFunc) string {
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = quiet
	s.Start()
	t.Cleanup(s.Close)
	return s.URL
}
