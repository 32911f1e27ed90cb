package cloudhttp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"testing"
	"testing/synctest"
	"time"
)

// upgrade sends a request to switch protocols.
func upgrade(t *testing.T, c *http.Client) *http.Response {
	t.Helper()
	req, err := http.NewRequest("GET", "http://routing-api/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "echo")
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// switched is a handler that switches protocols and leaves the connection to talk.
func switched(talk func(net.Conn, io.Reader)) http.HandlerFunc {
	return calls(func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		talk(conn, rw)
	})
}

// echoLine sends one line back.
func echoLine(conn net.Conn, r io.Reader) {
	line, _ := bufio.NewReader(r).ReadString('\n')
	io.WriteString(conn, "echo "+line)
}

// TestUpgrade switches protocols and talks both ways.
func TestUpgrade(t *testing.T) {
	e := newEnv(t, config([]string{serve(t, switched(echoLine))}, nil))
	resp := upgrade(t, e.client)
	defer resp.Body.Close()
	conn, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		t.Fatalf("status %d, the body is a %T", resp.StatusCode, resp.Body)
	}
	io.WriteString(conn, "hello\n")
	if line, err := bufio.NewReader(conn).ReadString('\n'); line != "echo hello\n" || err != nil {
		t.Errorf("got %q, %v", line, err)
	}
	if n := e.inFlight(); n != 1 {
		t.Errorf("%d attempts while the connection is in use", n)
	}
}

// TestUpgradeOutlivesTheTier keeps a connection that switched protocols: its
// call ended with the header.
func TestUpgradeOutlivesTheTier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := network(t, map[string]http.HandlerFunc{"192.0.2.1:80": switched(echoLine)})
		cfg := config([]string{"http://192.0.2.1"}, nil)
		cfg.Tiers[0].Timeout = time.Second
		e := newEnv(t, cfg, WithBase(lan.base), WithStallTimeout(time.Second))
		resp := upgrade(t, e.client)
		defer resp.Body.Close()
		time.Sleep(time.Minute)
		if _, err := io.WriteString(resp.Body.(io.Writer), "hello\n"); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(resp.Body).ReadString('\n'); line != "echo hello\n" || err != nil {
			t.Errorf("got %q, %v", line, err)
		}
	})
}

// TestHalfClosedUpgrade has a backend that answers when it has read all: through a
// reverse proxy it learns that there is no more, and its answer arrives.
func TestHalfClosedUpgrade(t *testing.T) {
	e := newEnv(t, config([]string{serve(t, switched(func(conn net.Conn, r io.Reader) {
		all, _ := io.ReadAll(r)
		io.WriteString(conn, "got "+string(all))
	}))}, nil))
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", "routing-api" },
		Transport: e.transport,
	})
	defer proxy.Close()
	conn, err := net.Dial("tcp", proxy.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	answers := bufio.NewReader(conn)
	if resp, err := http.ReadResponse(answers, nil); err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(resp, err)
	}
	io.WriteString(conn, "hello")
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(answers); string(got) != "got hello" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestHalfCloseNotSupported says so where the connection can't be closed by half.
func TestHalfCloseNotSupported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := network(t, map[string]http.HandlerFunc{"192.0.2.1:80": switched(func(net.Conn, io.Reader) {})})
		for name, base := range map[string]func(string, *http.Transport) http.RoundTripper{
			"net/http's": lan.base,
			"another's": func(cloud string, t *http.Transport) http.RoundTripper {
				inner := lan.base(cloud, t)
				return roundTrip(func(req *http.Request) (*http.Response, error) {
					resp, err := inner.RoundTrip(req)
					if rw, ok := resp.Body.(io.ReadWriteCloser); ok {
						resp.Body = struct{ io.ReadWriteCloser }{rw}
					}
					return resp, err
				})
			},
		} {
			e := newEnv(t, config([]string{"http://192.0.2.1"}, nil), WithBase(base))
			resp := upgrade(t, e.client)
			half, ok := resp.Body.(interface{ CloseWrite() error })
			if !ok {
				t.Fatalf("%s: the body is a %T", name, resp.Body)
			}
			if err := half.CloseWrite(); !errors.Is(err, http.ErrNotSupported) {
				t.Errorf("%s: got %v", name, err)
			}
			resp.Body.Close()
		}
	})
}
