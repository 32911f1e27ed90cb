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
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
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

// keepWriting writes until it may not any more.
func keepWriting(w io.ReadWriter) error {
	for {
		if _, err := io.WriteString(w, "hello"); err != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// TestUpgradeEndsWhenItsCloudIsDrained keeps connections that switched protocols long
// beyond the timeout of their tier. When the cloud's grace is over they end with an
// error that says so, for whoever reads and whoever writes.
func TestUpgradeEndsWhenItsCloudIsDrained(t *testing.T) {
	silent := func(_ net.Conn, r io.Reader) { io.Copy(io.Discard, r) }
	for _, test := range []struct {
		name    string
		timeout time.Duration // of the tier
		server  func(net.Conn, io.Reader)
		use     func(io.ReadWriter) error
	}{
		{"read", time.Second, silent, func(conn io.ReadWriter) error {
			_, err := io.ReadAll(conn)
			return err
		}},
		{"read, no timeout", 0, silent, func(conn io.ReadWriter) error {
			_, err := io.ReadAll(conn)
			return err
		}},
		{"written", time.Second, silent, keepWriting},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lan := network(t, map[string]http.HandlerFunc{"192.0.2.1:80": switched(test.server), "192.0.2.2:80": say("second")})
				cfg := config([]string{"http://192.0.2.1"}, []string{"http://192.0.2.2"})
				cfg.Tiers[0].Timeout = test.timeout
				e := newEnv(t, cfg, WithBase(lan.base))
				resp := upgrade(t, e.client)
				e.expect(t, seen{"first", health.OK, "http 101"})
				time.Sleep(time.Minute)
				if err := e.router.Drain("first", balancer.WithGrace(5*time.Second)); err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				err := test.use(resp.Body.(io.ReadWriter))
				var drained *balancer.DrainedError
				if took := time.Since(began); !errors.As(err, &drained) || drained.Cloud != "first" || took < 5*time.Second || took > 5200*time.Millisecond {
					t.Errorf("%v after %v", err, took)
				}
				if !errors.As(err, new(*balancer.CallError)) {
					t.Errorf("%v doesn't say how the clouds stand", err)
				}
				resp.Body.Close()
				e.expect(t) // nothing is held against the cloud
			})
		})
	}
}

// listening is a connection whose other side has nothing more to say.
type listening struct {
	io.Reader
	closed chan struct{}
	once   sync.Once
}

func (l *listening) Close() error { l.once.Do(func() { close(l.closed) }); return nil }

func (l *listening) Write(p []byte) (int, error) {
	select {
	case <-l.closed:
		return 0, net.ErrClosed
	default:
		return len(p), nil
	}
}

// TestHalfOfAnUpgradeIsDrained, too: that which is still being written.
func TestHalfOfAnUpgradeIsDrained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t, config([]string{"http://192.0.2.1"}, []string{"http://192.0.2.2"}), fake(map[string]roundTrip{
			"first": func(*http.Request) (*http.Response, error) {
				resp := response(http.StatusSwitchingProtocols, "")
				resp.Body = &listening{Reader: strings.NewReader("bye"), closed: make(chan struct{})}
				return resp, nil
			},
		}))
		resp := upgrade(t, e.client)
		if got, err := io.ReadAll(resp.Body); string(got) != "bye" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		if err := e.router.Drain("first", balancer.WithGrace(5*time.Second)); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		err := keepWriting(resp.Body.(io.ReadWriter))
		if took := time.Since(began); !errors.As(err, new(*balancer.DrainedError)) || took < 5*time.Second || took > 5200*time.Millisecond {
			t.Errorf("%v after %v", err, took)
		}
		resp.Body.Close()
	})
}

// TestClosedUpgrade is no longer ended by a drain, and says that it was closed.
func TestClosedUpgrade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := network(t, map[string]http.HandlerFunc{"192.0.2.1:80": switched(echoLine), "192.0.2.2:80": say("second")})
		e := newEnv(t, config([]string{"http://192.0.2.1"}, []string{"http://192.0.2.2"}), WithBase(lan.base))
		resp := upgrade(t, e.client)
		resp.Body.Close()
		if err := e.router.Drain("first", balancer.WithGrace(time.Second)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if _, err := resp.Body.Read(make([]byte, 1)); err == nil || errors.As(err, new(*balancer.DrainedError)) {
			t.Errorf("got %v", err)
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
