package cloudgrpc_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	grpcbalancer "google.golang.org/grpc/balancer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
	"github.com/fairlead-go/fairlead/health"
)

const retryPolicy = `{"methodConfig": [{
	"name": [{}],
	"retryPolicy": {"maxAttempts": 3, "initialBackoff": "0.01s", "maxBackoff": "0.1s", "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}
}]}`

// However the service config is given, the policy is ours, or the call says why
// it isn't.
func TestThePolicyIsInUse(t *testing.T) {
	named := `{"loadBalancingConfig": [{"` + cloudgrpc.PolicyName + `": {"unknown": [1]}}]}`
	for name, test := range map[string]struct {
		opts   []grpc.DialOption
		broken string
	}{
		"by default":           {},
		"own retry policy":     {opts: []grpc.DialOption{cloudgrpc.WithServiceConfig(retryPolicy)}},
		"replaced":             {opts: []grpc.DialOption{grpc.WithDefaultServiceConfig(retryPolicy)}},
		"replaced and named":   {opts: []grpc.DialOption{grpc.WithDefaultServiceConfig(named)}},
		"disabled":             {opts: []grpc.DialOption{grpc.WithDisableServiceConfig()}},
		"disabled and named":   {opts: []grpc.DialOption{grpc.WithDisableServiceConfig(), grpc.WithDefaultServiceConfig(named)}},
		"another policy":       {opts: []grpc.DialOption{grpc.WithDefaultServiceConfig(`{"loadBalancingConfig": [{"round_robin": {}}]}`)}},
		"own and another":      {opts: []grpc.DialOption{cloudgrpc.WithServiceConfig(`{"loadBalancingPolicy": "round_robin"}`)}},
		"disabled and another": {opts: []grpc.DialOption{grpc.WithDisableServiceConfig(), grpc.WithDefaultServiceConfig(`{}`)}, broken: "isn't in use"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := testConfig(1)
				w := newWorld(t, cfg)
				client := w.client(w.router(cfg), test.opts...)
				if test.broken != "" {
					_, _ = client.UnaryCall(t.Context(), &pb.SimpleRequest{}) // before gRPC has been told why
					synctest.Wait()
				}
				seen := map[string]int{}
				for range 100 {
					resp, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{})
					if test.broken != "" {
						if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), test.broken) {
							t.Fatalf("got %v, want a failure that says %q", err, test.broken)
						}
						continue
					}
					if err != nil {
						t.Fatal(err)
					}
					seen[resp.ServerId]++
				}
				if test.broken == "" && (seen["a"] < 40 || seen["b"] < 10) {
					t.Errorf("calls went to %v", seen)
				}
			})
		})
	}
}

func TestPolicyConfig(t *testing.T) {
	parser := grpcbalancer.Get(cloudgrpc.PolicyName).(grpcbalancer.ConfigParser)
	if _, err := parser.ParseConfig(json.RawMessage(`{"later": {"more": true}}`)); err != nil {
		t.Errorf("unknown fields: %v", err)
	}
	if _, err := parser.ParseConfig(json.RawMessage(`[]`)); err == nil {
		t.Error("a list was accepted")
	}
}

// A retry of gRPC's own leaves the failed cloud, and nobody retries again on top.
func TestRetryPolicyOfAServiceConfig(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(2)
		cfg.Retry.Floor = 100
		w := newWorld(t, cfg)
		for _, s := range w.servers {
			if s.cloud == "a" {
				s.set(fails(codes.Unavailable))
			}
		}
		r := w.router(cfg)
		client := w.client(r, cloudgrpc.WithServiceConfig(retryPolicy))
		for range 20 {
			resp, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{})
			if err != nil || resp.ServerId != "b" {
				t.Fatalf("%v, %v", resp, err)
			}
			time.Sleep(20 * time.Millisecond)
		}
		if n := w.count("a"); n == 0 || n > 20 {
			t.Errorf("%d attempts at a for 20 calls", n)
		}
		counts := cloudStatus(r, "a").Counts
		if time.Sleep(100 * time.Millisecond); counts.Bad == 0 {
			t.Errorf("the failures at a weren't counted: %+v", counts)
		}
		for _, s := range w.servers {
			s.set(fails(codes.Unavailable))
		}
		before := w.count("a") + w.count("b")
		_, err := client.UnaryCall(cloudgrpc.WithIdempotent(t.Context()), &pb.SimpleRequest{})
		if status.Code(err) != codes.Unavailable {
			t.Error(err)
		}
		if n := w.count("a") + w.count("b") - before; n != 3 {
			t.Errorf("%d attempts, want the 3 of the policy", n)
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

// Without the interceptors each attempt is gRPC's own.
func TestResolverAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(2)
		w := newWorld(t, cfg)
		r := w.router(cfg)
		conn, err := grpc.NewClient("fairlead:///api", cloudgrpc.ResolverBuilder(r),
			grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(w.dial))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		client := pb.NewTestServiceClient(conn)
		for range 300 {
			if _, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{}); err != nil {
				t.Fatal(err)
			}
		}
		if a, b := w.count("a"), w.count("b"); a < 170 || a > 250 || a+b != 300 {
			t.Errorf("%d calls at a and %d at b, want 70 %% and 30 %%", a, b)
		}
		for _, s := range w.servers {
			if s.cloud == "a" {
				s.set(fails(codes.Internal))
			}
		}
		failed := 0
		for range 500 {
			if _, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{}); err != nil {
				failed++
			}
			time.Sleep(5 * time.Millisecond)
		}
		if failed == 0 || failed > 100 {
			t.Errorf("%d of 500 calls failed, want those until a is known to be down", failed)
		}
	})
}

func TestTargetWithoutService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		w := newWorld(t, cfg)
		r := w.router(cfg)
		for target, want := range map[string]codes.Code{"": codes.Internal, "other": codes.Internal} {
			conn, err := cloudgrpc.NewClient(r, target, grpc.WithTransportCredentials(insecure.NewCredentials()))
			if err != nil {
				continue // as good
			}
			_, err = pb.NewTestServiceClient(conn).UnaryCall(t.Context(), &pb.SimpleRequest{})
			if status.Code(err) != want {
				t.Errorf("%q: %v, want %v", target, err, want)
			}
			conn.Close()
		}
	})
}

// Without an address a call fails, also without interceptors.
func TestResolverAloneWithoutDNS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		for c := range cfg.Services["api"].Clouds {
			cfg.Services["api"].Clouds[c] = balancer.ServiceCloud{GRPC: []string{c + ".example.com:1"}}
		}
		w := newWorld(t, cfg)
		r := w.router(cfg, balancer.WithResolver(func(ctx context.Context, h string) ([]netip.Addr, error) {
			time.Sleep(100 * time.Millisecond)
			return nil, errors.New("no such host")
		}))
		conn, err := grpc.NewClient("fairlead:///api", cloudgrpc.ResolverBuilder(r), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(w.dial))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		began := time.Now()
		_, err = pb.NewTestServiceClient(conn).UnaryCall(ctx, &pb.SimpleRequest{})
		if waited := time.Since(began); waited > time.Second || status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "no such host") {
			t.Errorf("after %v: %v", waited, err)
		}
	})
}

// A ClientConn that was dialed badly takes no cloud down for the others.
func TestPolicyNotInUseChargesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		w := newWorld(t, cfg)
		r := w.router(cfg)
		client := w.client(r, grpc.WithDisableServiceConfig(), grpc.WithDefaultServiceConfig(`{}`))
		for range 100 {
			if _, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{}); err == nil {
				t.Fatal("the policy is in use")
			}
			time.Sleep(time.Millisecond)
		}
		for _, cloud := range []string{"a", "b"} {
			if c := cloudStatus(r, cloud); c.Counts.Bad > 0 || c.State == health.Down {
				t.Errorf("%+v: %v", c.Counts, c)
			}
		}
	})
}
