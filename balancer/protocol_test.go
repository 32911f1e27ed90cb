package balancer

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unique"
	"unsafe"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// bothConfig is testConfig with gRPC beside HTTP in both clouds.
func bothConfig() *Config {
	cfg := testConfig()
	clouds := cfg.Services["api"].Clouds
	for name, address := range map[string]string{"a": "10.0.0.1:9090", "b": "10.0.1.1:9090"} {
		runs := clouds[name]
		runs.GRPC = []string{address}
		clouds[name] = runs
	}
	return cfg
}

// A cloud that is lost over one protocol isn't over the other.
func TestProtocolsAreKnownApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		cfg := bothConfig()
		cfg.Retry.Floor = 100 // enough until the loss is known
		r := w.router(t, cfg)
		r.SetProber(GRPC, w.probe)
		w.set("10.0.0.1:9090", refuses)
		for range 100 {
			if at, err := w.call(t.Context(), r, Call{Service: "api", Protocol: GRPC, Idempotent: true}); err != nil || at != "b 10.0.1.1:9090" {
				t.Fatalf("%s, %v", at, err)
			}
			if _, err := w.call(t.Context(), r, Call{Service: "api"}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		states := map[Protocol]health.State{}
		for _, s := range r.Status().Services {
			states[s.Protocol] = s.Clouds[0].State
		}
		if states[GRPC] != health.Down || states[HTTP] != health.Healthy {
			t.Errorf("cloud a is %v", states)
		}
	})
}

func TestUnknownServiceNamesTheProtocol(t *testing.T) {
	r := newWorld().router(t, testConfig())
	_, err := r.Pick(t.Context(), Call{Service: "api", Protocol: GRPC}, nil)
	var unknown *UnknownServiceError
	if !errors.As(err, &unknown) || unknown.Protocol != GRPC {
		t.Fatal(err)
	}
	if got, want := err.Error(), `no service "api" with grpc endpoints in the config, which has no grpc endpoints`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// An attempt leaves what isn't usable, as long as something is.
func TestMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		usable := map[string]bool{}
		pick := func(tried ...Attempt) string {
			t.Helper()
			a, err := r.Pick(t.Context(), Call{Service: "api"}, tried)
			if err != nil {
				t.Fatal(err)
			}
			was := a.Endpoint()
			if ready := func(e *Endpoint) bool { return usable[e.Address] }; !ready(was) {
				moved := false
				if a, moved = a.Move(health.Outcome{}, tried, ready); !moved && a.Endpoint() != was {
					t.Fatal("it went somewhere and denies it")
				}
			}
			a.Done(health.Outcome{Kind: health.OK})
			return a.Endpoint().Address
		}
		for range 50 {
			pick() // nothing is usable
		}
		usable["10.0.1.2:80"] = true
		for range 50 {
			if at := pick(); at != "10.0.1.2:80" {
				t.Fatalf("went to %s", at)
			}
		}
		// The plan's cloud has the first word.
		usable["10.0.0.1:80"] = true
		seen := map[string]int{}
		for range 1000 {
			seen[pick()]++
		}
		if a, b := seen["10.0.0.1:80"], seen["10.0.1.2:80"]; a+b != 1000 || a < 600 || a > 800 {
			t.Errorf("went to %v, want 70 %% and 30 %% at the two that are usable", seen)
		}
		for _, c := range r.Status().Services[0].Clouds {
			for _, e := range c.Endpoints {
				if e.InFlight != 0 {
					t.Errorf("%d in flight at %s", e.InFlight, e.Address)
				}
			}
		}
	})
}

// Residency is hard, and what speaks against an endpoint is remembered.
func TestMoveWithinTheTiersClouds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.Tiers[0].Clouds.Only = []string{"a"}
		r := newWorld().router(t, cfg)
		ctx := sla.WithTier(t.Context(), "critical")
		elsewhere := func(e *Endpoint) bool { return e.Address == "10.0.1.1:80" }
		for range 4 { // fewer than eject an endpoint
			a, err := r.Pick(ctx, Call{Service: "api"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, moved := a.Move(health.Outcome{}, nil, elsewhere); moved {
				t.Fatal("moved to a cloud that the tier may not use")
			}
			next := func(e *Endpoint) bool { return e != a.Endpoint() }
			b, moved := a.Move(health.Outcome{Kind: health.Refused, Reason: "no connection"}, nil, next)
			if !moved || b.Cloud() != "a" || b.Endpoint() == a.Endpoint() {
				t.Fatalf("moved %v to %s", moved, b.Endpoint())
			}
			b.Done(health.Outcome{Kind: health.OK})
		}
		time.Sleep(100 * time.Millisecond)
		if c := state(r, "a").Counts; c.Bad != 4 || c.OK != 4 {
			t.Errorf("counted %+v", c)
		}
	})
}

// Do goes on with the attempt where the adapter moved it.
func TestDoFollowsTheMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		var at []Attempt
		_, err := Do(t.Context(), r, Call{Service: "api", Idempotent: true}, func(_ context.Context, a Attempt) (int, health.Outcome, error) {
			if len(at) == 0 {
				first := a.Endpoint()
				a, _ = a.Move(health.Outcome{}, nil, func(e *Endpoint) bool { return e != first })
			}
			at = append(at, a)
			return len(at), health.Outcome{Kind: health.Failed, Reason: "fault"}, errors.New("fault")
		}, nil)
		var failed *CallError
		if !errors.As(err, &failed) || len(failed.Attempts) != 2 {
			t.Fatal(err)
		}
		for i, a := range at {
			if failed.Attempts[i].Endpoint != a.Endpoint().String() {
				t.Errorf("attempt %d is reported at %s, was at %s", i+1, failed.Attempts[i].Endpoint, a.Endpoint())
			}
		}
		if at[0].Cloud() == at[1].Cloud() {
			t.Errorf("the retry stayed in %s, where the first attempt was moved", at[1].Cloud())
		}
		for _, c := range r.Status().Services[0].Clouds {
			for _, e := range c.Endpoints {
				if e.InFlight != 0 {
					t.Errorf("%d in flight at %s", e.InFlight, e.Address)
				}
			}
		}
	})
}

// Streams that have nothing to say yet are neither silent nor late.
func TestOpenStreamsAreNotSilent(t *testing.T) {
	for _, stream := range []Streaming{ServerStream, ClientStream} {
		synctest.Test(t, func(t *testing.T) {
			r := newWorld().router(t, testConfig())
			ctx := sla.WithTier(t.Context(), "critical") // 800 ms
			var attempts []Attempt
			for range 20 {
				a, err := r.Pick(ctx, Call{Service: "api", Stream: stream}, nil)
				if err != nil {
					t.Fatal(err)
				}
				attempts = append(attempts, a)
			}
			began := time.Now()
			_, err := Do(ctx, r, Call{Service: "api", Stream: stream, Idempotent: true}, func(ctx context.Context, a Attempt) (int, health.Outcome, error) {
				if !sleep(ctx, time.Minute, nil) {
					return 0, health.Outcome{}, ctx.Err()
				}
				return 1, health.Outcome{Kind: health.OK}, nil
			}, nil)
			if err != nil || time.Since(began) != time.Minute {
				t.Errorf("%v after %v", err, time.Since(began))
			}
			for _, c := range r.Status().Services[0].Clouds {
				if c.State == health.Down {
					t.Error(c)
				}
			}
			// No sweep may be due at the very moment: one that finds half of them
			// broken takes the cloud out, and excuses the rest.
			time.Sleep(10 * time.Millisecond)
			synctest.Wait()
			for _, a := range attempts {
				a.Answered(health.Outcome{Kind: health.OK})
				a.Release(health.Outcome{Kind: health.Broken, Reason: "reset"})
			}
			time.Sleep(100 * time.Millisecond)
			counts := state(r, "a").Counts
			other := state(r, "b").Counts
			if ok, bad := counts.OK+other.OK, counts.Bad+other.Bad; ok != 21 || bad != 20 {
				t.Errorf("%d good and %d bad, want 21 and 20", ok, bad)
			}
		})
	}
}

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

// An attempt that nothing was sent of may be cut short; one that may have been
// sent may not.
func TestSendingForbidsTheCut(t *testing.T) {
	for _, sends := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := newWorld().router(t, testConfig())
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			var clouds []string
			_, err := Do(ctx, r, Call{Service: "api", Announces: true}, func(ctx context.Context, at Attempt) (int, health.Outcome, error) {
				clouds = append(clouds, at.Cloud())
				if len(clouds) == 1 {
					if sends && !at.Sending() {
						t.Error("cut at once")
					}
					<-ctx.Done()
					if !sends && at.Sending() {
						t.Error("something may be sent after the cut")
					}
					return 0, health.Outcome{}, ctx.Err()
				}
				if first, again := at.Sending(), at.Sending(); !first || !again {
					t.Error("the second attempt was cut")
				}
				return 1, health.Outcome{Kind: health.OK}, nil
			}, nil)
			var failed *CallError
			switch {
			case sends && (!errors.As(err, &failed) || !failed.Ambiguous || len(clouds) != 1):
				t.Errorf("sent: tried %v, %v", clouds, err)
			case !sends && (err != nil || len(clouds) != 2 || clouds[0] == clouds[1]):
				t.Errorf("unsent: tried %v, %v", clouds, err)
			}
		})
	}
}

// Whoever interns the name of a service has the very string that picks compare.
func TestServiceNamesAreInterned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		a, err := r.Pick(t.Context(), Call{Service: "api"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Done(health.Outcome{})
		name := unique.Make(strings.Clone("api")).Value()
		if unsafe.StringData(a.Service()) != unsafe.StringData(name) {
			t.Error("another string")
		}
	})
}
