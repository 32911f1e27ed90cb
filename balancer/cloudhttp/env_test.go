package cloudhttp

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// env is a router over two clouds, and what its trace has seen. First attempts
// go to the cloud "first", whose weight is all there is, the next to "second".
type env struct {
	router    *balancer.Router
	transport *Transport
	client    *http.Client

	mu       sync.Mutex
	outcomes []seen
	tier     string // of the latest
}

// seen is an outcome and the cloud it was reported of.
type seen struct {
	cloud  string
	kind   health.Kind
	reason string
}

// config returns a config for an env. Either list may be empty.
func config(first, second []string) *balancer.Config {
	cfg := &balancer.Config{
		Clouds: map[string]balancer.Cloud{},
		Tiers:  []sla.Tier{{Name: "critical", Protected: true, Attempts: 3}},
	}
	service := balancer.Service{Clouds: map[string]balancer.ServiceCloud{}}
	if len(first) > 0 {
		cfg.Clouds["first"] = balancer.Cloud{Weight: 1<<32 - 1}
		service.Clouds["first"] = balancer.ServiceCloud{HTTP: first}
	}
	if len(second) > 0 {
		cfg.Clouds["second"] = balancer.Cloud{Weight: 1}
		service.Clouds["second"] = balancer.ServiceCloud{HTTP: second}
	}
	cfg.Services = map[string]balancer.Service{"routing-api": service}
	return cfg
}

func newEnv(t *testing.T, cfg *balancer.Config, opts ...Option) *env {
	t.Helper()
	return newEnvWith(t, cfg, nil, opts...)
}

func newEnvWith(t *testing.T, cfg *balancer.Config, router []balancer.Option, opts ...Option) *env {
	t.Helper()
	e := &env{}
	router = append(router, balancer.WithTrace(balancer.Trace{Answered: e.answered}))
	var err error
	if e.router, err = balancer.New(cfg, router...); err != nil {
		t.Fatal(err)
	}
	e.transport = NewTransport(e.router, opts...)
	e.client = &http.Client{Transport: e.transport}
	t.Cleanup(func() {
		e.router.Close()
		e.client.CloseIdleConnections()
		if n := e.inFlight(); n != 0 {
			t.Errorf("%d attempts were never ended", n)
		}
	})
	return e
}

func (e *env) answered(a balancer.Attempt, o health.Outcome, _ time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.outcomes = append(e.outcomes, seen{a.Cloud(), o.Kind, o.Reason})
	e.tier = a.Tier()
}

// expect checks the outcomes since it was last called.
func (e *env) expect(t *testing.T, want ...seen) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if !slices.Equal(e.outcomes, want) {
		t.Errorf("outcomes are %v, want %v", e.outcomes, want)
	}
	e.outcomes = nil
}

// inFlight is the number of attempts that occupy an endpoint.
func (e *env) inFlight() (n int) {
	for _, s := range e.router.Status().Services {
		for _, c := range s.Clouds {
			for _, endpoint := range c.Endpoints {
				n += endpoint.InFlight
			}
		}
	}
	return n
}

// get makes a call and returns status and body of the answer.
func (e *env) get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := e.client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, text(t, resp)
}

func text(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// calls leaves the probes out of what a handler gets.
func calls(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.UserAgent() != ProbeUserAgent {
			h(w, r)
		}
	}
}

// say is a handler that answers with a text.
func say(text string) http.HandlerFunc {
	return calls(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) })
}

// pipes is a network in memory for real servers and transports, which works in
// virtual time.
type pipes map[string]*pipe // by address

// pipe is the way to one address. It is the listener of its server.
type pipe struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// network starts a server for each address, which speaks HTTP/1 and h2c. Use it
// inside the bubble.
func network(t *testing.T, handlers map[string]http.HandlerFunc) pipes {
	ps := pipes{}
	for address, handler := range handlers {
		p := newPipe()
		ps[address] = p
		server := &http.Server{Handler: handler, Protocols: new(http.Protocols)}
		server.Protocols.SetHTTP1(true)
		server.Protocols.SetUnencryptedHTTP2(true)
		var serving sync.WaitGroup
		serving.Go(func() { server.Serve(p) })
		t.Cleanup(func() {
			server.Close()
			serving.Wait()
		})
	}
	return ps
}

// base makes a transport dial these pipes.
func (ps pipes) base(_ string, t *http.Transport) http.RoundTripper {
	t.DialContext = func(ctx context.Context, _, address string) (net.Conn, error) {
		p := ps[address]
		if p == nil {
			return nil, &net.OpError{Op: "dial", Net: "pipe", Err: &net.AddrError{Err: "no such pipe", Addr: address}}
		}
		client, server := net.Pipe()
		select {
		case p.conns <- server:
			return client, nil
		case <-p.closed:
		case <-ctx.Done():
		}
		return nil, &net.OpError{Op: "dial", Net: "pipe", Err: net.ErrClosed}
	}
	return t
}

func newPipe() *pipe { return &pipe{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipe) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipe) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipe) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// roundTrip is a RoundTripper that is a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// fake makes a base of functions by cloud.
func fake(by map[string]roundTrip) Option {
	return WithBase(func(cloud string, _ *http.Transport) http.RoundTripper {
		return roundTrip(func(req *http.Request) (*http.Response, error) {
			if req.UserAgent() == ProbeUserAgent {
				return response(200, ""), nil
			}
			return by[cloud](req)
		})
	})
}

// response is an answer out of nowhere.
func response(status int, body string) *http.Response {
	resp := &http.Response{StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody}
	if body != "" {
		resp.Body = io.NopCloser(strings.NewReader(body))
	}
	return resp
}

func tier(name string) sla.Tier { return sla.Tier{Name: name} }

func rule(method, tier string) sla.Rule { return sla.Rule{Method: method, Tier: tier} }

// quiet is for servers whose clients hang up on purpose.
var quiet = log.New(io.Discard, "", 0)

// closer is a body that says whether it was closed.
type closer struct {
	io.Reader
	closed atomic.Bool
}

func (c *closer) Close() error   { c.closed.Store(true); return nil }
func (c *closer) isClosed() bool { return c.closed.Load() }

// failing is a reader that can't be read.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the disk is gone") }
