package balancer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testConfig has one service, api, in clouds a (70) and b (30) with two
// endpoints each, and the tiers critical and standard.
func testConfig() *Config {
	return &Config{
		Clouds: map[string]Cloud{"a": {Weight: 70}, "b": {Weight: 30}},
		Services: map[string]Service{"api": {Clouds: map[string]ServiceCloud{
			"a": {HTTP: []string{"http://10.0.0.1:80", "http://10.0.0.2:80"}},
			"b": {HTTP: []string{"http://10.0.1.1:80", "http://10.0.1.2:80"}},
		}}},
		Tiers: []sla.Tier{
			{Name: "critical", Protected: true, Timeout: 800 * time.Millisecond, Attempts: 3},
			{Name: "standard"},
		},
		Default: "standard",
	}
}

// world is a network in memory: what each address answers.
type world struct {
	mu      sync.Mutex
	rules   map[string]rule // by address, or by cloud
	asked   map[string]int  // attempts by cloud
	probes  int
	latency time.Duration
}

type rule int

const (
	fine rule = iota
	refuses
	fails  // answers with a fault
	silent // never answers
	broken // accepts and breaks
)

func newWorld() *world {
	return &world{rules: map[string]rule{}, asked: map[string]int{}, latency: 5 * time.Millisecond}
}

func (w *world) set(place string, r rule) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rules[place] = r
}

func (w *world) rule(cloud, address string) rule {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r, ok := w.rules[address]; ok {
		return r
	}
	return w.rules[cloud]
}

func (w *world) count(cloud string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked[cloud]
}

// ask is one exchange with an address.
func (w *world) ask(ctx context.Context, cloud, address string) (health.Outcome, error) {
	r := w.rule(cloud, address)
	wait := w.latency
	switch r {
	case refuses:
		wait = 0
	case silent:
		wait = time.Hour
	}
	if wait > 0 && !sleep(ctx, wait, nil) {
		return health.Outcome{}, ctx.Err()
	}
	switch r {
	case refuses:
		return health.Outcome{Kind: health.Refused, Reason: "connection refused"}, errors.New("connection refused")
	case fails:
		return health.Outcome{Kind: health.Failed, Reason: "fault 500"}, nil
	case broken:
		return health.Outcome{Kind: health.Broken, Reason: "reset"}, errors.New("connection reset")
	}
	return health.Outcome{Kind: health.OK, Reason: "fine"}, nil
}

func (w *world) probe(ctx context.Context, p Probe) health.Outcome {
	w.mu.Lock()
	w.probes++
	w.mu.Unlock()
	o, err := w.ask(ctx, p.Cloud, p.Endpoint.Address)
	if err != nil && o.Kind == health.Neutral {
		return health.Outcome{Kind: health.TimedOut, Reason: "probe timeout"}
	}
	return o
}

// router returns a router in this world, which is closed with the test.
func (w *world) router(t testing.TB, cfg *Config, opts ...Option) *Router {
	t.Helper()
	r, err := New(cfg, opts...)
	if err != nil {
		t.Fatal(err)
	}
	r.SetProber(HTTP, w.probe)
	t.Cleanup(func() { r.Close() })
	return r
}

// call makes one call. Its value is "cloud address".
func (w *world) call(ctx context.Context, r *Router, call Call) (string, error) {
	return Do(ctx, r, call, func(ctx context.Context, at Attempt) (string, health.Outcome, error) {
		w.mu.Lock()
		w.asked[at.Cloud()]++
		w.mu.Unlock()
		o, err := w.ask(ctx, at.Cloud(), at.Endpoint().Address)
		return at.Cloud() + " " + at.Endpoint().Address, o, err
	}, nil)
}

// load makes n idempotent calls, one every interval, each in a goroutine of its
// own, and returns the errors when all have ended.
func (w *world) load(r *Router, tier string, n int, interval time.Duration) (errs []error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	ctx := sla.WithTier(context.Background(), tier)
	for range n {
		wg.Go(func() {
			if _, err := w.call(ctx, r, Call{Service: "api", Idempotent: true}); err != nil {
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
			}
		})
		time.Sleep(interval)
	}
	wg.Wait()
	return errs
}

// share returns the share of a cloud in the plan in force.
func share(r *Router, tier, cloud string) failover.Share {
	for _, t := range r.Status().Services[0].Tiers {
		for _, s := range t.Shares {
			if t.Name == tier && s.Cloud == cloud {
				return s
			}
		}
	}
	panic(fmt.Sprintf("no share of %s in tier %s", cloud, tier))
}

func state(r *Router, cloud string) CloudStatus {
	for _, c := range r.Status().Services[0].Clouds {
		if c.Name == cloud {
			return c
		}
	}
	panic("no cloud " + cloud)
}
