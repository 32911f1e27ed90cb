package cloudhttp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// halfFull is a server that calls itself half full.
func halfFull() ServerOption { return WithUtilization(func() float64 { return 0.5 }) }

const half = "TEXT application_utilization=0.5000"

// TestReportInEachAnswer answers in the ways in which a handler can.
func TestReportInEachAnswer(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"nothing":    func(http.ResponseWriter, *http.Request) {},
		"status":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) },
		"bytes":      func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("a route")) },
		"string":     func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "a route") },
		"copy":       func(w http.ResponseWriter, _ *http.Request) { io.Copy(w, strings.NewReader("a route")) },
		"read from":  func(w http.ResponseWriter, _ *http.Request) { w.(io.ReaderFrom).ReadFrom(strings.NewReader("a route")) },
		"flush":      func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() },
		"controller": func(w http.ResponseWriter, _ *http.Request) { http.NewResponseController(w).Flush() },
		"error":      func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusNotFound) },
		"file":       func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, "middleware.go") },
		"another's":  func(w http.ResponseWriter, _ *http.Request) { w.Header().Add(loadHeader, "TEXT cpu_utilization=1") },
		"early hints": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			io.WriteString(w, "a route")
		},
		"twice": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "a "); io.WriteString(w, "route") },
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(Middleware(halfFull())(handler))
			defer server.Close()
			defer server.Client().CloseIdleConnections()
			req, err := http.NewRequest("GET", server.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
				Got1xxResponse: func(_ int, h textproto.MIMEHeader) error {
					if h.Get(loadHeader) != "" {
						t.Error("an interim answer has a report")
					}
					return nil
				},
			}))
			resp, err := server.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			text(t, resp)
			if got := resp.Header[loadHeader]; len(got) != 1 || got[0] != half {
				t.Errorf("load %q, want %q", got, half)
			}
		})
	}
}

// TestReportIsOfTheAnswersTime: what was true when the request came may be long
// out of date.
func TestReportIsOfTheAnswersTime(t *testing.T) {
	utilization := 0.1
	h := Middleware(WithUtilization(func() float64 { return utilization }))(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		utilization = 0.7 // while the request was being served
		io.WriteString(w, "a route")
		utilization = 0.9 // too late for the header
	}))
	if got, want := arrive(h, "GET", "/", nil).Result().Header.Get(loadHeader), "TEXT application_utilization=0.7000"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestLoadHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		utilization := 0.0
		h := Middleware(WithUtilization(func() float64 { return utilization }))(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(loadHeader, "TEXT cpu_utilization=1")
		}))
		for _, test := range []struct {
			utilization float64
			calls       int
			want        string
		}{
			{0.25, 1, "TEXT application_utilization=0.2500"}, // no rate yet
			{0, 9, "TEXT application_utilization=0.0000, rps_fractional=1.00"},
			{1.23456, 1, "TEXT application_utilization=1.2346, rps_fractional=9.00"},
			{math.NaN(), 1, ""}, // and no report from behind a proxy either
			{-1, 1, ""},
		} {
			utilization = test.utilization
			var got string
			for range test.calls {
				got = arrive(h, "GET", "/", nil).Header().Get(loadHeader)
			}
			if got != test.want {
				t.Errorf("%v: %q, want %q", test.utilization, got, test.want)
			}
			time.Sleep(time.Second)
		}
	})
	// Neither a cap nor a measure: nothing to say, and nothing in the way.
	h := Middleware()(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, ok := w.(*httptest.ResponseRecorder); !ok {
			t.Errorf("the handler got a %T", w)
		}
	}))
	if got := arrive(h, "GET", "/", nil).Header(); len(got) != 0 {
		t.Errorf("header %v", got)
	}
}

// TestMiddlewareStreams: what a handler flushes arrives before it goes on, and
// both directions work at once.
func TestMiddlewareStreams(t *testing.T) {
	body, write := io.Pipe()
	defer write.Close()
	server := httptest.NewServer(Middleware(WithCap(1))(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		if err := errors.Join(rc.EnableFullDuplex(), rc.SetReadDeadline(time.Time{}), rc.SetWriteDeadline(time.Time{})); err != nil {
			t.Error(err)
			write.Close() // or both sides wait for each other
			return
		}
		lines := bufio.NewScanner(r.Body)
		for lines.Scan() {
			fmt.Fprintln(w, "got", lines.Text())
			w.(http.Flusher).Flush()
		}
	})))
	defer server.Close()
	defer server.Client().CloseIdleConnections()
	go fmt.Fprintln(write, "one")
	resp, err := server.Client().Post(server.URL, "text/plain", body)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answers := bufio.NewScanner(resp.Body)
	for _, next := range []string{"two", "three", ""} {
		if !answers.Scan() {
			t.Fatal("the stream ended:", answers.Err())
		}
		if next != "" {
			fmt.Fprintln(write, next)
		}
	}
	if answers.Text() != "got three" {
		t.Errorf("last line: %s", answers.Text())
	}
	write.Close()
	if answers.Scan() {
		t.Errorf("one more line: %s", answers.Text())
	}
}

// echo takes the connection over and sends back what comes, a line at a time.
func echo(w http.ResponseWriter, r *http.Request) {
	conn, buffer, err := w.(http.Hijacker).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer conn.Close()
	fmt.Fprintf(buffer, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", r.Header.Get("Upgrade"))
	for buffer.Flush() == nil {
		line, err := buffer.ReadString('\n')
		if err != nil {
			return
		}
		buffer.WriteString(line)
	}
}

// TestMiddlewareLetsConnectionsGo runs a connection that switched protocols
// through a reverse proxy, with the middleware on both servers. It goes on beyond
// the time of the request, occupies its place until it ends, and then no longer.
func TestMiddlewareLetsConnectionsGo(t *testing.T) {
	ended := make(chan struct{})
	backend := httptest.NewServer(Middleware(WithCap(1))(http.HandlerFunc(echo)))
	defer backend.Close()
	target, err := url.Parse(backend.URL)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	proxied := Middleware(WithCap(1))(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, Transport: transport})
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proxied.ServeHTTP(w, r)
		if r.Header.Get("Upgrade") != "" {
			close(ended)
		}
	}))
	defer proxy.Close()

	conn, err := net.Dial("tcp", proxy.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Sla-Timeout-Ms: 1\r\n\r\n")
	answers := bufio.NewReader(conn)
	resp, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("status %d", resp.StatusCode)
	}
	for i := range 100 {
		fmt.Fprintln(conn, "line", i)
		if line, err := answers.ReadString('\n'); err != nil || line != fmt.Sprintln("line", i) {
			t.Fatalf("line %d: %q, %v", i, line, err)
		}
	}
	if got := arrive(proxied, "GET", "/", nil).Code; got != http.StatusServiceUnavailable {
		t.Errorf("status %d while the connection has the only place", got)
	}
	conn.Close()
	<-ended
	if got := arrive(proxied, "GET", "/", http.Header{"X-Sla-Timeout-Ms": {"-1"}}).Header().Get(loadHeader); !strings.HasPrefix(got, "TEXT application_utilization=0.0000") {
		t.Errorf("load after its end: %s", got)
	}
}

// TestHijackThatFails leaves an answer to be written, with its report.
func TestHijackThatFails(t *testing.T) {
	w := arrive(Middleware(halfFull())(http.HandlerFunc(echo)), "GET", "/", nil)
	if load := w.Result().Header.Get(loadHeader); w.Code != http.StatusInternalServerError || load != half {
		t.Errorf("status %d, load %q", w.Code, load)
	}
}

// TestAllocMiddleware bounds what the server side allocates for a usual request.
func TestAllocMiddleware(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	all := []ServerOption{WithCap(10), WithClassifier(classifier()), WithTrusted(everybody)}
	sent := http.Header{"X-Sla-Tier": {"batch"}, "X-Sla-Level": {"7"}, "X-Sla-Timeout-Ms": {"800"}, "X-Sla-Attempt": {"1"}, "Accept": {"*/*"}}
	for _, test := range []struct {
		name   string
		opts   []ServerOption
		header http.Header
		most   float64
	}{
		{"nothing to do", nil, nil, 1},
		{"cap", []ServerOption{WithCap(10)}, nil, 4},
		{"all, to a stranger", all, nil, 7},
		{"all, from a trusted caller", all, sent, 15},
	} {
		r := httptest.NewRequest("GET", "/v1/route", nil)
		r.Header = test.header
		w := blank{http.Header{}}
		h := Middleware(test.opts...)(handler)
		if got := testing.AllocsPerRun(1000, func() { h.ServeHTTP(w, r) }); got > test.most {
			t.Errorf("%s: %v allocations, may be %v", test.name, got, test.most)
		} else {
			t.Logf("%s: %v allocations", test.name, got)
		}
	}
}

// blank is a response that nobody reads.
type blank struct{ header http.Header }

func (b blank) Header() http.Header         { return b.header }
func (b blank) Write(p []byte) (int, error) { return len(p), nil }
func (b blank) WriteHeader(int)             {}
