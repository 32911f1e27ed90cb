package cloudhttp

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// serveH2C starts a server that speaks nothing but HTTP/2 without TLS, and
// returns its URL as an endpoint.
func serveH2C(t *testing.T, h http.HandlerFunc) string {
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = quiet
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "http://", "h2c://", 1)
}

func TestH2C(t *testing.T) {
	var host string
	server := serveH2C(t, calls(func(w http.ResponseWriter, r *http.Request) {
		host = r.Host
		io.WriteString(w, r.Proto)
	}))
	e := newEnv(t, config([]string{server}, nil))
	if err := e.router.Ready(t.Context()); err != nil { // probes speak it too
		t.Fatal(err)
	}
	if _, body := e.get(t, "http://routing-api/"); body != "HTTP/2.0" {
		t.Errorf("spoke %q", body)
	}
	if "h2c://"+host != server {
		t.Errorf(":authority is %q, want that of %s", host, server)
	}
	if state := e.router.Status().Services[0].Clouds[0].State.String(); state != "healthy" {
		t.Errorf("the cloud is %s", state)
	}
}

// TestStreamsBothWays talks line by line: each side answers the other before
// its own body is over.
func TestStreamsBothWays(t *testing.T) {
	e := newEnv(t, config([]string{serveH2C(t, calls(func(w http.ResponseWriter, r *http.Request) {
		lines := bufio.NewScanner(r.Body)
		for lines.Scan() {
			fmt.Fprintf(w, "echo %s\n", lines.Text())
			http.NewResponseController(w).Flush()
		}
	}))}, nil))
	r, w := io.Pipe()
	req, err := http.NewRequest("POST", "http://routing-api/", r)
	if err != nil {
		t.Fatal(err)
	}
	go io.WriteString(w, "0\n")
	resp, err := e.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for i := range 10 {
		if !lines.Scan() || lines.Text() != fmt.Sprintf("echo %d", i) {
			t.Fatalf("line %d is %q, %v", i, lines.Text(), lines.Err())
		}
		fmt.Fprintf(w, "%d\n", i+1)
	}
	w.Close()
	for lines.Scan() {
	}
	if lines.Err() != nil {
		t.Error(lines.Err())
	}
}

// TestGoAwayStorm calls a server that sends GOAWAY after each answer, by many
// goroutines at once: no call fails, and none is carried out twice.
func TestGoAwayStorm(t *testing.T) {
	var done atomic.Int64
	e := newEnv(t, config([]string{serveH2C(t, calls(func(w http.ResponseWriter, r *http.Request) {
		done.Add(1)
		w.Header().Set("Connection", "close")
		io.Copy(w, r.Body)
	}))}, nil))
	const callers, each = 8, 25
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for i := range each {
				content := fmt.Sprintf("%d of %d", i, caller)
				resp, err := e.client.Post("http://routing-api/", "text/plain", strings.NewReader(content))
				if err != nil {
					t.Error(err)
					continue
				}
				if got := text(t, resp); got != content {
					t.Errorf("got %q, want %q", got, content)
				}
			}
		})
	}
	wg.Wait()
	if n := done.Load(); n != callers*each {
		t.Errorf("%d calls were carried out %d times", callers*each, n)
	}
}

// TestAnswersTrailer reads a trailer that is known when the body was sent.
func TestAnswersTrailer(t *testing.T) {
	trailing := calls(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "Sum")
		io.WriteString(w, "text")
		http.NewResponseController(w).Flush()
		w.Header().Set("Sum", "42")
	})
	for name, server := range map[string]string{"HTTP/1": serve(t, trailing), "HTTP/2": serveH2C(t, trailing)} {
		e := newEnv(t, config([]string{server}, nil))
		resp, err := e.client.Get("http://routing-api/")
		if err != nil {
			t.Fatal(err)
		}
		if _, announced := resp.Trailer["Sum"]; !announced {
			t.Errorf("%s: the trailer isn't announced", name)
		}
		if text(t, resp); resp.Trailer.Get("Sum") != "42" {
			t.Errorf("%s: the trailer is %v", name, resp.Trailer)
		}
	}
}

// TestCallersTrace has hooks of the caller's that see each attempt, from several
// goroutines.
func TestCallersTrace(t *testing.T) {
	for _, method := range []string{"GET", "POST"} { // without and with a trace of our own
		e := newEnv(t, config([]string{nobody(t)}, []string{serve(t, say("second"))}))
		var mu sync.Mutex
		seen := map[string]int{}
		note := func(what string) {
			mu.Lock()
			defer mu.Unlock()
			seen[what]++
		}
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			GetConn:      func(string) { note("asked") },
			GotConn:      func(httptrace.GotConnInfo) { note("got") },
			ConnectStart: func(string, string) { note("dial") },
			ConnectDone:  func(string, string, error) { note("dialed") },
			WroteHeaders: func() { note("wrote header") },
		})
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				req, err := http.NewRequestWithContext(ctx, method, "http://routing-api/", strings.NewReader("x"))
				if err != nil {
					t.Error(err)
					return
				}
				resp, err := e.client.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				resp.Body.Close()
			})
		}
		wg.Wait()
		mu.Lock()
		for what, want := range map[string]int{"asked": 10, "got": 5, "wrote header": 5} {
			if seen[what] != want {
				t.Errorf("%s: %q was seen %d times, want %d", method, what, seen[what], want)
			}
		}
		if seen["dial"] < 6 || seen["dialed"] == 0 {
			t.Errorf("%s: dials were seen %d times, their ends %d", method, seen["dial"], seen["dialed"])
		}
		mu.Unlock()
	}
}

// vanishing is a connection whose peer is gone since lost was set, without a
// word: what is written leads nowhere.
type vanishing struct {
	net.Conn
	lost *atomic.Bool
}

func (v vanishing) Write(p []byte) (int, error) {
	if v.lost.Load() {
		return len(p), nil
	}
	return v.Conn.Write(p)
}

// TestVanishedPeer loses the peer of the one connection that all requests to a
// cloud share. A call finds out within the time of its attempt, and the
// connection is replaced when no ping is answered.
func TestVanishedPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := network(t, map[string]http.HandlerFunc{"192.0.2.1:80": say("first"), "192.0.2.2:80": say("second")})
		var lost atomic.Bool
		var dials atomic.Int64
		e := newEnv(t, config([]string{"h2c://192.0.2.1"}, []string{"h2c://192.0.2.2"}), WithBase(func(cloud string, base *http.Transport) http.RoundTripper {
			rt, dial := lan.base(cloud, base), base.DialContext
			base.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := dial(ctx, network, address)
				if err == nil && cloud == "first" && dials.Add(1) == 1 {
					return vanishing{conn, &lost}, nil
				}
				return conn, err
			}
			return rt
		}))
		if _, body := e.get(t, "http://routing-api/"); body != "first" {
			t.Fatalf("got %q", body)
		}
		lost.Store(true)
		began := time.Now()
		if _, body := e.get(t, "http://routing-api/"); body != "second" {
			t.Errorf("got %q", body)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("took %v", took)
		}
		time.Sleep(2 * time.Minute)
		if _, body := e.get(t, "http://routing-api/"); body != "first" {
			t.Errorf("after its return the first cloud doesn't answer, but %q", body)
		}
	})
}
