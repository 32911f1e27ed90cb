package balancer

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// names is a DNS in memory.
type names struct {
	mu    sync.Mutex
	addrs map[string][]string
	delay time.Duration
	asked int
}

func (n *names) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	n.asked++
	addrs, delay := n.addrs[host], n.delay
	n.mu.Unlock()
	if delay > 0 && !sleep(ctx, delay, nil) {
		return nil, ctx.Err()
	}
	if addrs == nil {
		return nil, errors.New("no such host")
	}
	var found []netip.Addr
	for _, a := range addrs {
		found = append(found, netip.MustParseAddr(a))
	}
	return found, nil
}

func (n *names) set(host string, addrs ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.addrs[host] = addrs
}

func dnsConfig() *Config {
	return &Config{
		Clouds: map[string]Cloud{"a": {}},
		Services: map[string]Service{"api": {Clouds: map[string]ServiceCloud{
			"a": {HTTP: []string{"https://api.example.com/v1"}},
		}}},
	}
}

func addresses(r *Router) (found []string) {
	for _, e := range r.Status().Services[0].Clouds[0].Endpoints {
		found = append(found, e.Address)
	}
	return found
}

func TestEveryAddressIsAnEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &names{addrs: map[string][]string{"api.example.com": {"192.0.2.2", "192.0.2.1", "2001:db8::1", "192.0.2.1"}}}
		r := newWorld().router(t, dnsConfig(), WithResolver(n.lookup))
		a, err := r.Pick(t.Context(), Call{Service: "api"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		a.Done(health.Outcome{Kind: health.OK})
		want := []string{"192.0.2.1:443", "192.0.2.2:443", "[2001:db8::1]:443"}
		if got := addresses(r); !slices.Equal(got, want) {
			t.Errorf("endpoints are %v, want %v", got, want)
		}
		e := a.Endpoint()
		if e.Name != "api.example.com" || e.Host != "api.example.com" || e.Scheme != "https" || e.Path != "/v1" {
			t.Errorf("endpoint is %+v", *e)
		}
	})
}

// The first answer is waited for, and the context counts meanwhile. Later ones
// nobody waits for; a failed or empty one changes nothing.
func TestResolving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &names{addrs: map[string][]string{"api.example.com": {"192.0.2.1"}}, delay: time.Second}
		r := newWorld().router(t, dnsConfig(), WithResolver(n.lookup))
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if _, err := r.Pick(ctx, Call{Service: "api"}, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("an impatient pick: %v", err)
		}
		a, err := r.Pick(t.Context(), Call{Service: "api"}, nil)
		if err != nil || time.Since(begun) != time.Second {
			t.Fatalf("after %v: %v", time.Since(begun), err)
		}
		a.Done(health.Outcome{Kind: health.OK})
		known := a.endpoint

		for _, answer := range [][]string{nil, {}} {
			n.set("api.example.com", answer...)
			if answer == nil {
				n.mu.Lock()
				delete(n.addrs, "api.example.com")
				n.mu.Unlock()
			}
			time.Sleep(2 * resolveEvery)
			begun := time.Now()
			a, err := r.Pick(t.Context(), Call{Service: "api"}, nil)
			if err != nil || time.Since(begun) != 0 || a.endpoint != known {
				t.Fatalf("answer %v: after %v: %v", answer, time.Since(begun), err)
			}
			a.Done(health.Outcome{Kind: health.OK})
		}

		n.set("api.example.com", "192.0.2.7", "192.0.2.1")
		time.Sleep(2 * resolveEvery)
		if got := addresses(r); !slices.Equal(got, []string{"192.0.2.1:443", "192.0.2.7:443"}) {
			t.Errorf("endpoints are %v", got)
		}
		if r.order[0].clouds[0].endpoints[0] != known {
			t.Error("the endpoint that stayed was forgotten")
		}
	})
}

func TestNoAddressAtAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &names{addrs: map[string][]string{}, delay: time.Second}
		r := newWorld().router(t, dnsConfig(), WithResolver(n.lookup))
		_, err := r.Pick(t.Context(), Call{Service: "api"}, nil)
		var call *CallError
		if !errors.As(err, &call) || !errors.Is(err, ErrNoCloud) || call.Clouds[0].Reason != "no address: no such host" {
			t.Fatalf("error is %v", err)
		}
		n.set("api.example.com", "192.0.2.1")
		time.Sleep(10 * time.Second) // backed off, and soon enough
		a, err := r.Pick(t.Context(), Call{Service: "api"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		a.Done(health.Outcome{Kind: health.OK})
	})
}

// A cloud that goes down may have moved: its names are looked up at once.
func TestDownLooksUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := dnsConfig()
		cfg.Clouds["b"] = Cloud{}
		cfg.Services["api"].Clouds["b"] = ServiceCloud{HTTP: []string{"http://10.0.1.1"}}
		n := &names{addrs: map[string][]string{"api.example.com": {"192.0.2.1"}}}
		w := newWorld()
		r := w.router(t, cfg, WithResolver(n.lookup))
		w.load(r, "default", 400, 5*time.Millisecond)
		n.set("api.example.com", "192.0.2.9")
		w.set("192.0.2.1:443", refuses)
		w.load(r, "default", 400, 5*time.Millisecond)
		if got := addresses(r); !slices.Equal(got, []string{"192.0.2.9:443"}) {
			t.Errorf("endpoints are %v", got)
		}
	})
}

func TestRemovedNamesAreLookedUpNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &names{addrs: map[string][]string{"api.example.com": {"192.0.2.1"}}}
		r := newWorld().router(t, dnsConfig(), WithResolver(n.lookup))
		time.Sleep(time.Second)
		cfg := dnsConfig()
		cfg.Services["api"].Clouds["a"] = ServiceCloud{HTTP: []string{"http://192.0.2.5"}}
		if err := r.Update(cfg); err != nil {
			t.Fatal(err)
		}
		asked := n.asked
		time.Sleep(10 * resolveEvery)
		if n.asked != asked {
			t.Errorf("%d lookups after the name was removed", n.asked-asked)
		}
	})
}

// mixedConfig has a cloud with a name and one with addresses.
func mixedConfig() *Config {
	cfg := dnsConfig()
	cfg.Clouds = map[string]Cloud{"a": {Weight: 70}, "b": {Weight: 30}}
	cfg.Services["api"].Clouds["b"] = ServiceCloud{HTTP: []string{"http://10.0.1.1"}}
	return cfg
}

// A tier that may only use the cloud whose name is still looked up waits; others
// don't. Once the name is known the split is what it should be, at once.
func TestFirstAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := mixedConfig()
		cfg.Tiers = []sla.Tier{{Name: "resident", Clouds: sla.Clouds{Only: []string{"a"}}}, {Name: "any"}}
		n := &names{addrs: map[string][]string{"api.example.com": {"192.0.2.1"}}, delay: 500 * time.Millisecond}
		r := newWorld().router(t, cfg, WithResolver(n.lookup))
		begun := time.Now()
		a, err := r.Pick(t.Context(), Call{Service: "api"}, nil)
		if err != nil || a.Cloud() != "b" || time.Since(begun) != 0 {
			t.Fatalf("%v after %v", err, time.Since(begun))
		}
		a.Done(health.Outcome{Kind: health.OK})
		a, err = r.Pick(sla.WithTier(t.Context(), "resident"), Call{Service: "api"}, nil)
		if err != nil || a.Cloud() != "a" || time.Since(begun) != 500*time.Millisecond {
			t.Fatalf("%v after %v", err, time.Since(begun))
		}
		a.Done(health.Outcome{Kind: health.OK})
		if s := share(r, "any", "a"); math.Abs(s.Fraction-0.7) > 1e-9 {
			t.Errorf("share is %v when the name is known", s)
		}
	})
}

// The wait for a first address is part of the call's time.
func TestWaitForAddressIsBoundedByTheTier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := dnsConfig()
		cfg.Tiers = []sla.Tier{{Name: "quick", Timeout: 200 * time.Millisecond}}
		n := &names{addrs: map[string][]string{}, delay: 4 * time.Second}
		w := newWorld()
		r := w.router(t, cfg, WithResolver(n.lookup))
		begun := time.Now()
		_, err := w.call(t.Context(), r, Call{Service: "api"})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 200*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
	})
}

// One name that fails early doesn't begin the wait for another anew.
func TestWaitForAddressesIsOneWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := mixedConfig()
		cfg.Services["api"].Clouds["b"] = ServiceCloud{HTTP: []string{"http://late.example.com"}}
		cfg.Tiers = []sla.Tier{{Name: "quick", Timeout: time.Second}}
		r := newWorld().router(t, cfg, WithResolver(func(ctx context.Context, host string) ([]netip.Addr, error) {
			if host == "late.example.com" {
				<-ctx.Done()
			} else {
				time.Sleep(900 * time.Millisecond)
			}
			return nil, errors.New("no such host")
		}))
		begun := time.Now()
		_, err := r.Pick(t.Context(), Call{Service: "api"}, nil)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
	})
}

// Who waits for the address of a service that is removed learns so.
func TestRemovedServiceEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &names{addrs: map[string][]string{}, delay: time.Hour}
		r := newWorld().router(t, dnsConfig(), WithResolver(n.lookup))
		time.AfterFunc(time.Second, func() {
			cfg := testConfig()
			cfg.Services["other"] = cfg.Services["api"]
			delete(cfg.Services, "api")
			if err := r.Update(cfg); err != nil {
				t.Error(err)
			}
		})
		_, err := r.Pick(t.Context(), Call{Service: "api"}, nil)
		var unknown *UnknownServiceError
		if !errors.As(err, &unknown) {
			t.Errorf("error is %v", err)
		}
	})
}

// A cloud without an address is nowhere to go, not even in panic, and no reason
// to wait with the start.
func TestAbsentCloud(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &names{addrs: map[string][]string{}}
		w := newWorld()
		r := w.router(t, mixedConfig(), WithResolver(n.lookup))
		if err := r.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.load(r, "default", 200, 5*time.Millisecond)
		w.set("b", refuses)
		w.load(r, "default", 2000, 5*time.Millisecond) // past the hold: panic
		if s := share(r, "default", "a"); s.Fraction != 0 || s.Reason != failover.ReasonAbsent {
			t.Errorf("share is %v", s)
		}
		w.set("b", fine)
		time.Sleep(5 * time.Second)
		if errs := w.load(r, "default", 200, 5*time.Millisecond); len(errs) > 0 {
			t.Errorf("%d calls failed, such as %v", len(errs), errs[0])
		}
	})
}

// The system's resolver leaves out what can't be reached, and not the rest.
func TestLookupNetIP(t *testing.T) {
	if !hasRoute(netip.MustParseAddr("127.0.0.1")) {
		t.Error("no route to loopback")
	}
	addrs, err := lookupNetIP(t.Context(), "localhost")
	if err != nil || !slices.ContainsFunc(addrs, netip.Addr.IsLoopback) {
		t.Errorf("localhost is %v, %v", addrs, err)
	}
}

// The tier's timeout bounds the wait of a call and ends no stream.
func TestStreamsWaitForAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := dnsConfig()
		cfg.Tiers = []sla.Tier{{Name: "quick", Timeout: 200 * time.Millisecond}}
		n := &names{addrs: map[string][]string{"api.example.com": {"192.0.2.1"}}, delay: 4 * time.Second}
		w := newWorld()
		r := w.router(t, cfg, WithResolver(n.lookup))
		begun := time.Now()
		_, err := w.call(t.Context(), r, Call{Service: "api", Stream: ServerStream})
		if took := time.Since(begun); err != nil || took != 4*time.Second+w.latency {
			t.Errorf("%v after %v", err, took)
		}
	})
}
