package cloudhttp

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestConnections opens no more connections than http.Transport alone does, and
// leaves none when 20 calls had two answers each that nobody wanted.
func TestConnections(t *testing.T) {
	count := func(server *httptest.Server) *connections {
		c := &connections{open: map[net.Conn]bool{}}
		server.Config.ConnState = c.changed
		server.Start()
		t.Cleanup(server.Close)
		return c
	}
	handler := calls(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/unavailable" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		io.WriteString(w, strings.Repeat("x", 2000))
	})
	drive := func(client *http.Client, url string, callers int) {
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				for range 25 {
					resp, err := client.Get(url)
					if err != nil {
						t.Error(err)
						return
					}
					io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			})
		}
		wg.Wait()
	}

	server := httptest.NewUnstartedServer(handler)
	bare := count(server)
	transport := &http.Transport{MaxIdleConnsPerHost: idlePerEndpoint}
	drive(&http.Client{Transport: transport}, server.URL, 1)
	transport.CloseIdleConnections()

	server = httptest.NewUnstartedServer(handler)
	routed := count(server)
	cfg := config([]string{server.URL}, nil)
	cfg.Health.Probe.Interval = time.Hour // a probe needs a connection as well
	e := newEnv(t, cfg)
	drive(e.client, "http://routing-api/", 1)
	if routed.count() > bare.count() {
		t.Errorf("opened %d connections, http.Transport alone %d", routed.count(), bare.count())
	}
	drive(e.client, "http://routing-api/", 4)
	if routed.count() > 8 { // each call finds one idle, or waits for one to be dialed
		t.Errorf("4 callers opened %d connections", routed.count())
	}

	cfg.Retry.Fraction, cfg.Retry.Floor = 1, 1000
	if err := e.router.Update(cfg); err != nil {
		t.Fatal(err)
	}
	before := routed.count()
	for range 20 {
		resp, err := e.client.Get("http://routing-api/unavailable")
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	if n := routed.count() - before; n > 1 {
		t.Errorf("20 calls with retries opened %d connections", n)
	}
	e.router.Close()
	e.client.CloseIdleConnections()
	if !routed.allClosed() {
		t.Error("connections are left open")
	}
}

// connections counts those that a server has seen.
type connections struct {
	mu   sync.Mutex
	all  int
	open map[net.Conn]bool
}

func (c *connections) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		c.all++
		c.open[conn] = true
	case http.StateClosed, http.StateHijacked:
		delete(c.open, conn)
	}
}

func (c *connections) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all
}

// allClosed waits until the server has noticed.
func (c *connections) allClosed() bool {
	for range 1000 {
		c.mu.Lock()
		open := len(c.open)
		c.mu.Unlock()
		if open == 0 {
			return true
		}
		<-time.After(5 * time.Millisecond)
	}
	return false
}

// TestCloseWaitsForNobody closes everything while an answer is left unread and
// open.
func TestCloseWaitsForNobody(t *testing.T) {
	for _, scheme := range []string{"http", "h2c"} {
		synctest.Test(t, func(t *testing.T) {
			lan := network(t, map[string]http.HandlerFunc{"192.0.2.1:80": calls(func(w http.ResponseWriter, r *http.Request) {
				io.WriteString(w, "the beginning")
				http.NewResponseController(w).Flush()
				<-r.Context().Done()
			})})
			e := newEnv(t, config([]string{scheme + "://192.0.2.1"}, nil), WithBase(lan.base))
			resp, err := e.client.Get("http://routing-api/")
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			e.router.Close()
			e.client.CloseIdleConnections()
			if took := time.Since(began); took > 0 {
				t.Errorf("%s: closing took %v", scheme, took)
			}
			if _, err := io.ReadFull(resp.Body, make([]byte, len("the beginning"))); err != nil {
				t.Errorf("%s: what was being answered is cut off: %v", scheme, err)
			}
			resp.Body.Close()
		})
	}
}
