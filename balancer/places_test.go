package balancer

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
)

func TestPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &names{addrs: map[string][]string{"api.example.com": {"10.0.0.1", "10.0.0.2"}}}
		cfg := &Config{
			Clouds: map[string]Cloud{"a": {}, "b": {}},
			Services: map[string]Service{"api": {Clouds: map[string]ServiceCloud{
				"a": {GRPC: []string{"api.example.com:9090"}},
				"b": {GRPC: []string{"10.0.0.1:9090"}, ServerName: "b.example.com"},
			}}},
		}
		r := newWorld().router(t, cfg, WithResolver(n.lookup))
		synctest.Wait()
		places, changed, err := r.Places("api", GRPC)
		if err != nil || len(places) != 3 {
			t.Fatalf("%v, %v", places, err)
		}
		slots := map[int]bool{}
		for _, p := range places {
			slots[p.Endpoint.Slot] = true
			want := Endpoint{Scheme: "grpc", Address: p.Endpoint.Address, Name: "api.example.com", Host: "api.example.com:9090", Slot: p.Endpoint.Slot}
			if p.Cloud == "b" {
				want.Name, want.Host = "b.example.com", "b.example.com:9090"
			}
			if *p.Endpoint != want {
				t.Errorf("got %+v, want %+v", *p.Endpoint, want)
			}
		}
		if len(slots) != 3 || !slots[0] || !slots[1] || !slots[2] {
			t.Errorf("slots %v", slots)
		}
		n.set("api.example.com", "10.0.0.2", "10.0.0.3")
		<-changed
		again, changed, err := r.Places("api", GRPC)
		if err != nil || len(again) != 3 {
			t.Fatalf("%v, %v", again, err)
		}
		if !slices.ContainsFunc(again, func(p Place) bool { return p.Endpoint == places[1].Endpoint }) {
			t.Error("an endpoint that stayed has another pointer")
		}
		for _, p := range again {
			if p.Endpoint.Slot > 2 {
				t.Errorf("slot %d, though one was given back", p.Endpoint.Slot)
			}
		}
		r.Close()
		<-changed
		if _, closed, err := r.Places("api", GRPC); !errors.Is(err, ErrClosed) {
			t.Errorf("%v after Close", err)
		} else {
			<-closed
		}
	})
}

// Those who ask for a service too early learn when to ask again.
func TestPlacesOfAServiceToCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		_, changed, err := r.Places("api", GRPC)
		if err == nil {
			t.Fatal("the service speaks no gRPC")
		}
		if err := r.Update(bothConfig()); err != nil {
			t.Fatal(err)
		}
		<-changed
		places, changed, err := r.Places("api", GRPC)
		if err != nil || len(places) != 2 {
			t.Fatalf("%v, %v", places, err)
		}
		if err := r.Update(testConfig()); err != nil {
			t.Fatal(err)
		}
		<-changed
	})
}

func TestTargetResolver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := &Config{
			Clouds: map[string]Cloud{"a": {}, "b": {}},
			Services: map[string]Service{"api": {Clouds: map[string]ServiceCloud{
				"a": {GRPC: []string{"xds:///routing"}},
				"b": {GRPC: []string{"unix:///run/b.sock"}, ServerName: "b.example.com"},
			}}},
		}
		r := newWorld().router(t, cfg, WithResolver(func(context.Context, string) ([]netip.Addr, error) {
			t.Error("DNS was asked")
			return nil, nil
		}))
		if _, err := r.Pick(t.Context(), Call{Service: "api", Protocol: GRPC}, nil); !errors.Is(err, ErrNoCloud) {
			t.Errorf("%v without a resolver", err)
		}
		if why := state(r, "a").Reason; why != "no address: this process has no adapter that resolves it" {
			t.Errorf("the reason is %q", why)
		}
		fail := make(chan struct{})
		var ended atomic.Int32
		r.SetTargetResolver(func(ctx context.Context, target string, again <-chan struct{}, found func([]Endpoint, error)) {
			defer ended.Add(1)
			sleep(ctx, time.Second, nil)
			switch target {
			case "xds:///routing":
				found([]Endpoint{{Address: "10.0.0.2:1", Name: "x"}, {Address: "10.0.0.1:1", Name: "x"}}, nil)
				select {
				case <-fail:
					found(nil, errors.New("the control plane is away"))
				case <-ctx.Done():
				}
			default:
				found([]Endpoint{{Address: "unix:/run/b.sock", Name: "localhost"}}, nil)
			}
			<-ctx.Done()
		})
		began := time.Now()
		a, err := r.Pick(t.Context(), Call{Service: "api", Protocol: GRPC}, nil)
		if err != nil || time.Since(began) != time.Second {
			t.Fatalf("%v after %v, want the first pick to wait for an answer", err, time.Since(began))
		}
		a.Done(health.Outcome{Kind: health.OK})
		synctest.Wait()
		addresses := func() (all []string) {
			places, _, err := r.Places("api", GRPC)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range places {
				all = append(all, p.Cloud+" "+p.Endpoint.String()+" "+p.Endpoint.Name)
			}
			return all
		}
		want := []string{"a grpc://10.0.0.1:1 x", "a grpc://10.0.0.2:1 x", "b grpc://unix:/run/b.sock b.example.com"}
		if got := addresses(); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		close(fail)
		synctest.Wait()
		if got := addresses(); !slices.Equal(got, want) {
			t.Errorf("after an error: %q, want what was good last", got)
		}
		r.Close()
		if ended.Load() != 2 {
			t.Errorf("%d of 2 watches have ended with the router", ended.Load())
		}
	})
}

// A target that comes into a service at work leaves the slope in force.
func TestNewTargetKeepsTheSlope(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := bothConfig()
		r := newWorld().router(t, cfg)
		r.SetTargetResolver(func(ctx context.Context, _ string, _ <-chan struct{}, found func([]Endpoint, error)) {
			sleep(ctx, time.Second, nil)
			found([]Endpoint{{Address: "unix:/run/b.sock"}}, nil)
			<-ctx.Done()
		})
		ofB := func() (fraction float64) {
			for _, s := range r.Status().Services {
				for _, share := range s.Tiers[0].Shares {
					if s.Protocol == GRPC && share.Cloud == "b" {
						fraction = share.Fraction
					}
				}
			}
			return fraction
		}
		time.Sleep(time.Minute)
		if got := ofB(); got != 0.3 {
			t.Fatalf("b has %v", got)
		}
		cfg = bothConfig()
		cfg.Clouds = map[string]Cloud{"a": {Weight: 30}, "b": {Weight: 70}}
		b := cfg.Services["api"].Clouds["b"]
		b.GRPC = append(b.GRPC, "unix:///run/b.sock")
		cfg.Services["api"].Clouds["b"] = b
		if err := r.Update(cfg); err != nil {
			t.Fatal(err)
		}
		for second := range 3 {
			if got, most := ofB(), 0.40+0.10*float64(second); got > most {
				t.Errorf("after %d s b has %v, want at most %v", second, got, most)
			}
			time.Sleep(time.Second)
		}
		time.Sleep(10 * time.Second)
		if got := ofB(); got < 0.6 { // the new endpoint isn't known to be healthy
			t.Errorf("in the end b has %v", got)
		}
	})
}
