package cloudhttp

import (
	"context"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

// endless is a handler that never stops talking.
func endless(w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		if _, err := io.WriteString(w, strings.Repeat("x", 1<<10)); err != nil {
			return
		}
	}
}

// TestProbe asks a server that does something in virtual time.
func TestProbe(t *testing.T) {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	frozen := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		want    health.Outcome
		after   time.Duration
	}{
		{"well", status(200), health.Outcome{Kind: health.OK, Reason: "http 200"}, 0},
		{"not found", status(404), health.Outcome{Kind: health.OK, Reason: "http 404"}, 0},
		{"redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) },
			health.Outcome{Kind: health.OK, Reason: "http 302"}, 0},
		{"error", status(500), health.Outcome{Kind: health.Failed, Reason: "http 500"}, 0},
		{"unavailable", status(503), health.Outcome{Kind: health.Failed, Reason: "http 503"}, 0},
		{"busy", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
		}, health.Outcome{Kind: health.Reached, Reason: "http 503"}, 0},
		{"frozen", frozen, health.Outcome{Kind: health.TimedOut, Reason: "probe timeout"}, time.Second},
		{"frozen in the middle", func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "hello")
			http.NewResponseController(w).Flush()
			frozen(w, r)
		}, health.Outcome{Kind: health.TimedOut, Reason: "probe timeout"}, time.Second},
		{"broken off", func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "hello")
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, health.Outcome{Kind: health.Broken, Reason: "eof"}, 0},
		{"endless", endless, health.Outcome{Kind: health.OK, Reason: "http 200"}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lan := network(t, map[string]http.HandlerFunc{"192.0.2.1:80": test.handler})
				cfg := config([]string{"http://192.0.2.1"}, nil)
				cfg.Health.Probe.Interval = time.Hour // but for the one made here
				e := newEnv(t, cfg, WithBase(lan.base))
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				began := time.Now()
				got := e.transport.probe(ctx, balancer.Probe{
					Service: "routing-api", Cloud: "first", Path: "/healthz",
					Endpoint: &balancer.Endpoint{Scheme: "http", Address: "192.0.2.1:80", Host: "192.0.2.1", Name: "192.0.2.1"},
				})
				if got != test.want {
					t.Errorf("got %+v, want %+v", got, test.want)
				}
				if took := time.Since(began); took != test.after {
					t.Errorf("took %v, want %v", took, test.after)
				}
			})
		})
	}
}

// TestProbeIsRegistered lets the router probe, and looks at what the server is
// asked.
func TestProbeIsRegistered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := make(chan string, 100)
		lan := network(t, map[string]http.HandlerFunc{"192.0.2.1:8080": func(_ http.ResponseWriter, r *http.Request) {
			asked <- r.Method + " " + r.Host + r.RequestURI + " " + r.UserAgent()
		}})
		cfg := config([]string{"http://routing.example.com:8080/prefix"}, nil)
		cfg.Health.Probe.Path = "/live?deep=1"
		resolver := balancer.WithResolver(func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, nil
		})
		e := newEnvWith(t, cfg, []balancer.Option{resolver}, WithBase(lan.base))
		if err := e.router.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, want := <-asked, "GET routing.example.com:8080/prefix/live?deep=1 fairlead-probe"; got != want {
			t.Errorf("the server was asked %q, want %q", got, want)
		}
		for _, c := range e.router.Status().Services[0].Clouds {
			if c.State != health.Healthy {
				t.Errorf("cloud %s is %v", c.Name, c.State)
			}
		}
	})
}
