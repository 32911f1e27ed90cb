package cloudhttp

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

// lag is a server that answers with its name and what it was sent, after a time that
// calls can choose.
type lag struct {
	name  string
	by    *witness // nil: nobody
	mu    sync.Mutex
	delay time.Duration
	calls int
}

func (l *lag) set(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay = d
}

// watch has a witness see what comes.
func (l *lag) watch(by *witness) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.by = by
}

func (l *lag) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calls
}

func (l *lag) serve(w http.ResponseWriter, r *http.Request) {
	if r.UserAgent() == ProbeUserAgent {
		return
	}
	l.mu.Lock()
	l.calls++
	delay, by := l.delay, l.by
	l.mu.Unlock()
	if by != nil {
		by.handle(func(http.ResponseWriter, *http.Request) {})(w, r)
	}
	body, _ := io.ReadAll(r.Body)
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
		return
	}
	fmt.Fprintf(w, "%s:%s", l.name, body)
}

// hedgedEnv has two clouds that answer after 5 ms, and a tier that hedges a tenth of
// its calls and knows when.
func hedgedEnv(t *testing.T, change func(*balancer.Config), opts ...Option) (*env, *lag, *lag) {
	t.Helper()
	first, second := &lag{name: "first", delay: 5 * time.Millisecond}, &lag{name: "second", delay: 5 * time.Millisecond}
	lan := network(t, map[string]http.HandlerFunc{"192.0.2.1:80": first.serve, "192.0.2.2:80": second.serve})
	cfg := config([]string{"http://192.0.2.1"}, []string{"http://192.0.2.2"})
	cfg.Tiers[0].Hedge = 0.1
	if change != nil {
		change(cfg)
	}
	e := newEnv(t, cfg, append([]Option{WithBase(lan.base)}, opts...)...)
	for range 400 { // sequentially, for more than a second
		e.get(t, "http://routing-api/")
	}
	e.mu.Lock()
	e.outcomes = nil
	e.mu.Unlock()
	return e, first, second
}

// TestHedge: a cloud that is slow for once is overtaken by the other one. Bodies that
// can be sent again reach both; what nobody needs is closed.
func TestHedge(t *testing.T) {
	for name, body := range map[string]func() (io.Reader, int64){
		"nothing": func() (io.Reader, int64) { return nil, 0 },
		"GetBody": func() (io.Reader, int64) { return strings.NewReader("a body"), 6 },
		"kept":    func() (io.Reader, int64) { return stream("a body"), 6 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, first, second := hedgedEnv(t, nil)
				first.set(time.Minute)
				second.set(2 * time.Millisecond)
				content, length := body()
				req, err := http.NewRequest("PUT", "http://routing-api/", content)
				if err != nil {
					t.Fatal(err)
				}
				req.ContentLength = length
				began := time.Now()
				resp, err := e.client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				want := "second:"
				if content != nil {
					want += "a body"
				}
				if got := text(t, resp); got != want || resp.Request != req {
					t.Errorf("got %q", got)
				}
				if took := time.Since(began); took < 7*time.Millisecond || took > 9*time.Millisecond {
					t.Errorf("took %v", took)
				}
				synctest.Wait()
				// In the order in which they ended.
				e.expect(t, seen{"second", health.OK, "http 200"}, seen{"first", health.Neutral, "hedge lost"})
			})
		})
	}
}

// TestNotHedged: what can't be sent twice at a time is sent once, however long the
// answer takes.
func TestNotHedged(t *testing.T) {
	for name, change := range map[string]func(*http.Request){
		"not idempotent":      func(r *http.Request) { r.Method = "POST" },
		"a body once":         func(r *http.Request) { r.Body, r.GetBody, r.ContentLength = stream("a body"), nil, -1 },
		"trailers":            func(r *http.Request) { r.Trailer, r.ContentLength = http.Header{"Sum": nil}, -1 },
		"switching protocols": func(r *http.Request) { r.Header.Set("Connection", "Upgrade"); r.Header.Set("Upgrade", "raw") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, first, second := hedgedEnv(t, nil)
				first.set(15 * time.Millisecond)
				req, err := http.NewRequest("PUT", "http://routing-api/", strings.NewReader("a body"))
				if err != nil {
					t.Fatal(err)
				}
				change(req)
				before := second.count()
				resp, err := e.client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				if got := text(t, resp); got != "first:a body" || second.count() != before {
					t.Errorf("got %q, %d calls to the second", got, second.count()-before)
				}
			})
		})
	}
}

// TestWinnersBodyLives: the context of the winner lasts until the body ends, and the
// losers' bodies are closed, whoever wins.
func TestWinnersBodyLives(t *testing.T) {
	for _, winner := range []string{"first", "second"} {
		t.Run(winner, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				bodies := map[string]*closer{}
				ctxs := map[string]context.Context{}
				slow := false
				answer := func(cloud string) roundTrip {
					return func(req *http.Request) (*http.Response, error) {
						mu.Lock()
						delay := 5 * time.Millisecond
						if slow {
							// Both answer at the same time, whatever their context says.
							delay = map[bool]time.Duration{true: 8 * time.Millisecond, false: 9 * time.Millisecond}[cloud == winner]
							if cloud == "second" {
								delay -= 6 * time.Millisecond
							}
						}
						b := &closer{Reader: strings.NewReader(cloud)}
						bodies[cloud], ctxs[cloud] = b, req.Context()
						mu.Unlock()
						time.Sleep(delay)
						resp := response(200, "")
						resp.Body = b
						return resp, nil
					}
				}
				cfg := config([]string{"http://192.0.2.1"}, []string{"http://192.0.2.2"})
				cfg.Tiers[0].Hedge = 0.1
				e := newEnv(t, cfg, fake(map[string]roundTrip{"first": answer("first"), "second": answer("second")}))
				for range 400 {
					e.get(t, "http://routing-api/")
				}
				mu.Lock()
				slow = true
				mu.Unlock()
				resp, err := e.client.Get("http://routing-api/")
				if err != nil {
					t.Fatal(err)
				}
				loser := map[string]string{"first": "second", "second": "first"}[winner]
				time.Sleep(100 * time.Millisecond)
				synctest.Wait()
				if ctxs[winner].Err() != nil || bodies[winner].isClosed() {
					t.Error("the winner's context has ended, or its body is closed")
				}
				if ctxs[loser].Err() == nil || !bodies[loser].isClosed() {
					t.Error("the loser's context goes on, or its body wasn't closed")
				}
				if n := e.inFlight(); n != 1 {
					t.Errorf("%d in flight", n)
				}
				if got := text(t, resp); got != winner {
					t.Errorf("got %q", got)
				}
				if ctxs[winner].Err() == nil {
					t.Error("the winner's context goes on")
				}
			})
		})
	}
}

// TestConcurrentHooks: hedges and retries survive httptrace hooks of the caller, which
// are called for both attempts at a time, and a caller that changes his request as
// soon as he has its answer. Run it with -race.
func TestConcurrentHooks(t *testing.T) {
	first, second := &lag{name: "first"}, &lag{name: "second"}
	cfg := config([]string{serve(t, first.serve)}, []string{serve(t, second.serve)})
	cfg.Tiers[0].Hedge, cfg.Retry.Fraction, cfg.Retry.Floor = 0.5, 1, 1000
	var signed atomic.Int64
	e := newEnv(t, cfg, WithSign(func(at balancer.Attempt, req *http.Request) error {
		signed.Add(1)
		req.Header.Set("X-Cloud", at.Cloud())
		return nil
	}))
	for began := time.Now(); time.Since(began) < 1200*time.Millisecond; {
		e.get(t, "http://routing-api/")
	}
	first.set(10 * time.Millisecond)
	second.set(9 * time.Millisecond)
	before := second.count()
	var wg sync.WaitGroup
	var hooked atomic.Int64
	for range 4 {
		wg.Go(func() {
			header := http.Header{"Accept": {"*/*"}}
			for range 50 {
				ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
					GetConn:              func(string) { hooked.Add(1) },
					GotConn:              func(httptrace.GotConnInfo) { hooked.Add(1) },
					ConnectStart:         func(string, string) { hooked.Add(1) },
					TLSHandshakeDone:     func(tls.ConnectionState, error) { hooked.Add(1) },
					WroteHeaders:         func() { hooked.Add(1) },
					WroteRequest:         func(httptrace.WroteRequestInfo) { hooked.Add(1) },
					GotFirstResponseByte: func() { hooked.Add(1) },
				})
				req, err := http.NewRequestWithContext(ctx, "PUT", "http://routing-api/", bytes.NewReader([]byte("a body")))
				if err != nil {
					t.Error(err)
					return
				}
				req.Header = header
				resp, err := e.transport.RoundTrip(req)
				if err != nil {
					t.Error(err)
					continue
				}
				got, err := io.ReadAll(resp.Body)
				if resp.Body.Close(); err != nil || !strings.HasSuffix(string(got), ":a body") {
					t.Errorf("%q, %v", got, err)
				}
				header.Set("Accept", fmt.Sprint(len(got))) // it is the caller's again
				req.Host, req.URL.Path = "changed", "/changed"
			}
		})
	}
	wg.Wait()
	if second.count() == before || hooked.Load() == 0 || signed.Load() == 0 {
		t.Errorf("%d calls to the second, %d hooks, %d signed", second.count()-before, hooked.Load(), signed.Load())
	}
}
