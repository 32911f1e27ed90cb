package browser

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/balancertest"
	"github.com/fairlead-go/fairlead/balancer/console"
	"github.com/fairlead-go/fairlead/sla"
)

// world is a router with clouds in memory, calls on their way, and a console.
type world struct {
	clouds *balancertest.Clouds
	router *balancer.Router
	server *httptest.Server
	page   string // the address of the console
	asked  chan string
}

// prefix is where the console is mounted.
const prefix = "/debug/fairlead/"

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{clouds: balancertest.New(3, "gcp", "onprem"), asked: make(chan string, 10000)}
	w.clouds.Cloud("gcp").SetLatency(9 * time.Millisecond)
	w.clouds.Cloud("onprem").SetLatency(4 * time.Millisecond)
	cfg := w.clouds.Config("routing-api", "tiles")
	cfg.Clouds = map[string]balancer.Cloud{"onprem": {Weight: 70}, "gcp": {Weight: 30}}
	cfg.Instances = 1
	for name, capacity := range map[string]float64{"onprem": 500, "gcp": 400} {
		c := cfg.Services["routing-api"].Clouds[name]
		c.Capacity = capacity
		cfg.Services["routing-api"].Clouds[name] = c
	}
	cfg.Tiers = []sla.Tier{
		{Name: "critical", Protected: true, Timeout: 800 * time.Millisecond, Attempts: 3},
		{Name: "standard", Timeout: time.Second},
		{Name: "batch", Clouds: sla.Clouds{Prefer: []string{"gcp", "onprem"}}},
	}
	cfg.Assign = []sla.Rule{{Product: "dispatch", Tier: "critical"}, {Customer: "partner-*", Method: "GET /v1/*", Tier: "standard"}}
	cfg.Default = "standard"
	cfg.Contracts = []sla.Contract{{Name: "acme-dispatch", Product: "dispatch", Customer: "acme", Target: 0.999}, {Name: "globex-tiles", Product: "tiles", Customer: "globex", Target: 0.99}}
	router, err := balancer.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { router.Close() })
	router.SetProber(balancer.HTTP, w.clouds.Probe)
	w.router = router
	mux := http.NewServeMux()
	mux.Handle(prefix, console.Handler(router))
	w.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		select {
		case w.asked <- r.URL.Path:
		default:
		}
		mux.ServeHTTP(rw, r)
	}))
	w.page = w.server.URL + prefix
	ctx, cancel := context.WithCancel(context.Background())
	var calls sync.WaitGroup
	calls.Go(func() { w.load(ctx) })
	t.Cleanup(func() {
		cancel()
		calls.Wait()
		w.server.Close()
	})
	return w
}

// load makes about 300 calls per second until ctx ends.
func (w *world) load(ctx context.Context) {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	var calls sync.WaitGroup
	defer calls.Wait()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		for _, tier := range []string{"critical", "standard", "batch"} {
			service, caller := "routing-api", sla.Caller{Product: "dispatch", Customer: "acme"}
			if tier == "batch" {
				service, caller = "tiles", sla.Caller{Product: "tiles", Customer: "globex"}
			}
			calls.Go(func() {
				call := balancer.Call{Service: service, Method: "GET /v1/route", Idempotent: true}
				balancer.Do(sla.WithCaller(sla.WithTier(ctx, tier), caller), w.router, call, w.clouds.Try, nil)
			})
		}
	}
}
