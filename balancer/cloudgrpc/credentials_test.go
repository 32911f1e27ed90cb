package cloudgrpc_test

import (
	"context"
	"errors"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
)

// handshakes are transport credentials that remember whom they were to verify.
type handshakes struct {
	credentials.TransportCredentials
	cloud string
	mu    *sync.Mutex
	names map[string]string // authority by cloud
}

func (h handshakes) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	h.mu.Lock()
	h.names[h.cloud] = authority
	h.mu.Unlock()
	return h.TransportCredentials.ClientHandshake(ctx, authority, conn)
}

func TestTransportCredentialsOfEachCloud(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		named := cfg.Services["api"].Clouds["b"]
		named.ServerName = "b.example.com"
		cfg.Services["api"].Clouds["b"] = named
		w := newWorld(t, cfg)
		var mu sync.Mutex
		names := map[string]string{}
		client := w.client(w.router(cfg), cloudgrpc.WithTransportCredentials(func(cloud string) credentials.TransportCredentials {
			return handshakes{insecure.NewCredentials(), cloud, &mu, names}
		}))
		authorities := map[string]bool{}
		for range 50 {
			if _, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{}); err != nil {
				t.Fatal(err)
			}
		}
		for _, s := range w.servers {
			for _, ctx := range s.seen {
				md, _ := metadata.FromIncomingContext(ctx)
				authorities[strings.Join(md[":authority"], ",")] = true
			}
		}
		if want := map[string]string{"a": "10.0.0.1:9090", "b": "b.example.com:9090"}; !maps.Equal(names, want) {
			t.Errorf("handshakes with %v, want %v", names, want)
		}
		if got := slices.Sorted(maps.Keys(authorities)); !slices.Equal(got, []string{"10.0.0.1:9090", "b.example.com:9090"}) {
			t.Errorf("authorities %q", got)
		}
	})
}

func TestCloudWithoutCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		w := newWorld(t, cfg)
		client := w.client(w.router(cfg), cloudgrpc.WithTransportCredentials(func(cloud string) credentials.TransportCredentials {
			if cloud == "a" {
				return nil
			}
			return insecure.NewCredentials()
		}))
		for range 50 {
			if resp, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{}); err != nil || resp.ServerId != "b" {
				t.Fatal(resp, err)
			}
		}
	})
}

// trustConfig has the caller's credentials for cloud a alone.
func trustConfig() *balancer.Config {
	cfg := testConfig(2)
	for name, group := range map[string]string{"a": "internal", "b": "partner"} {
		cloud := cfg.Clouds[name]
		cloud.Trust = group
		cfg.Clouds[name] = cloud
	}
	api := cfg.Services["api"]
	api.Trust = "internal"
	cfg.Services["api"] = api
	cfg.Retry.Floor = 1000
	cfg.Tiers[1].Attempts = 4
	return cfg
}

// token is a credential of a call.
type token struct{}

func (token) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"x-api-key": "canary-call"}, nil
}
func (token) RequireTransportSecurity() bool { return false }

// Nothing that is meant for one trust group is seen by another: by retries of
// ours, by those of a service config, or when connections are lost.
func TestSecretsStayInTheirGroup(t *testing.T) {
	for name, opts := range map[string][]grpc.DialOption{"": nil, "with gRPC's retries": {cloudgrpc.WithServiceConfig(retryPolicy)}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := trustConfig()
				w := newWorld(t, cfg)
				r := w.router(cfg)
				opts := append(opts, cloudgrpc.WithToken(func(_ context.Context, at balancer.Attempt) (map[string]string, error) {
					return map[string]string{"x-hook": "canary-hook-" + at.Cloud()}, nil
				}))
				client := w.client(r, opts...)
				ctx := metadata.AppendToOutgoingContext(cloudgrpc.WithIdempotent(t.Context()),
					"authorization", "canary-secret", "cookie", "canary-cookie", "x-plain", "seen by all")
				call := func() {
					if _, err := client.UnaryCall(ctx, &pb.SimpleRequest{}, grpc.PerRPCCredentials(token{})); err != nil {
						t.Error(err)
					}
				}
				for range 50 {
					call()
				}
				w.servers["10.0.0.1:9090"].set(fails(codes.Unavailable))
				w.servers["10.0.1.1:9090"].set(fails(codes.Unavailable))
				for range 100 {
					call()
				}
				w.servers["10.0.0.2:9090"].stop()
				for range 50 {
					call()
				}
				for _, s := range w.servers {
					if len(s.seen) == 0 {
						t.Errorf("%s got no call", s.address)
					}
					for _, ctx := range s.seen {
						md, _ := metadata.FromIncomingContext(ctx)
						want := map[string][]string{"x-plain": {"seen by all"}, "x-hook": {"canary-hook-" + s.cloud}}
						if s.cloud == "a" {
							want["authorization"], want["cookie"], want["x-api-key"] = []string{"canary-secret"}, []string{"canary-cookie"}, []string{"canary-call"}
						}
						for _, key := range []string{"x-plain", "x-hook", "authorization", "cookie", "x-api-key"} {
							if !slices.Equal(md[key], want[key]) {
								t.Fatalf("%s in cloud %s saw %s: %q, want %q", s.address, s.cloud, key, md[key], want[key])
							}
						}
					}
				}
			})
		})
	}
}

func TestTokenThatCannotBeHad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		w := newWorld(t, cfg)
		client := w.client(w.router(cfg), cloudgrpc.WithToken(func(context.Context, balancer.Attempt) (map[string]string, error) {
			return nil, errors.New("the vault is sealed")
		}))
		_, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{})
		if status.Code(err) != codes.Unauthenticated || !strings.Contains(err.Error(), "the vault is sealed") {
			t.Error(err)
		}
	})
}

// However the target is written, the interceptors are in force.
func TestSecretsWithEveryFormOfTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		cfg.Clouds["a"] = balancer.Cloud{Weight: 1, Trust: "x"}
		cfg.Clouds["b"] = balancer.Cloud{Weight: 1, Trust: "y"}
		w := newWorld(t, cfg)
		r := w.router(cfg)
		for _, target := range []string{"fairlead:///api", "fairlead:api", "FAIRLEAD:///api", "fairlead://x/api"} {
			opts := append(cloudgrpc.DialOptions(r), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(w.dial))
			conn, err := grpc.NewClient(target, opts...)
			if err != nil {
				t.Error(target, err)
				continue
			}
			ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "secret")
			client := pb.NewTestServiceClient(conn)
			for range 20 {
				if _, err := client.UnaryCall(ctx, &pb.SimpleRequest{}); err != nil {
					t.Error(target, err)
				}
			}
			conn.Close()
			for _, s := range w.servers {
				for _, c := range s.seen {
					if md, _ := metadata.FromIncomingContext(c); len(md["authorization"]) > 0 {
						t.Fatalf("%s: the secret went to a cloud, and the service trusts none", target)
					}
				}
			}
		}
	})
}

// Secrets of a call that waits don't go to a cloud that the config gains meanwhile.
func TestSecretsWhenTheConfigChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		cfg.Clouds["a"] = balancer.Cloud{Weight: 1, Trust: "x"}
		cfg.Clouds["b"] = balancer.Cloud{Weight: 1, Trust: "y"}
		both := *cfg
		w := newWorld(t, cfg)
		w.servers["10.0.0.1:9090"].stop()
		only := both
		only.Services = map[string]balancer.Service{"api": {Clouds: map[string]balancer.ServiceCloud{"a": both.Services["api"].Clouds["a"]}}}
		r := w.router(&only)
		client := w.client(r)
		go func() {
			time.Sleep(3 * time.Second)
			if err := r.Update(&both); err != nil {
				t.Error(err)
			}
		}()
		ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "secret")
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		_, _ = client.UnaryCall(ctx, &pb.SimpleRequest{}, grpc.WaitForReady(true)) // as long as it harms nobody
		for _, s := range w.servers {
			for _, c := range s.seen {
				if md, _ := metadata.FromIncomingContext(c); len(md["authorization"]) > 0 {
					t.Errorf("the secret went to %s", s.cloud)
				}
			}
		}
	})
}

// A hook may make calls of its own, also over the router and without the
// interceptors.
func TestTokenFromACallOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		w := newWorld(t, cfg)
		r := w.router(cfg)
		plain, err := grpc.NewClient("fairlead:///api", cloudgrpc.ResolverBuilder(r),
			grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(w.dial))
		if err != nil {
			t.Fatal(err)
		}
		defer plain.Close()
		client := w.client(r, cloudgrpc.WithToken(func(ctx context.Context, _ balancer.Attempt) (map[string]string, error) {
			_, err := pb.NewTestServiceClient(plain).UnaryCall(ctx, &pb.SimpleRequest{})
			return nil, err
		}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := client.UnaryCall(ctx, &pb.SimpleRequest{}); err != nil {
			t.Error(err)
		}
	})
}

// Without interceptors nothing can be taken out of a call, so it goes where it
// may, or fails.
func TestSecretsWithTheResolverAlone(t *testing.T) {
	for trust, want := range map[string]codes.Code{"x": codes.OK, "": codes.PermissionDenied} {
		synctest.Test(t, func(t *testing.T) {
			cfg := testConfig(1)
			cfg.Clouds["a"] = balancer.Cloud{Weight: 1, Trust: "x"}
			cfg.Clouds["b"] = balancer.Cloud{Weight: 1, Trust: "y"}
			api := cfg.Services["api"]
			api.Trust = trust
			cfg.Services["api"] = api
			w := newWorld(t, cfg)
			conn, err := grpc.NewClient("fairlead:///api", cloudgrpc.ResolverBuilder(w.router(cfg)),
				grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(w.dial))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			client := pb.NewTestServiceClient(conn)
			ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "secret")
			for range 20 {
				if _, err := client.UnaryCall(ctx, &pb.SimpleRequest{}); status.Code(err) != want {
					t.Errorf("trusting %q: %v", trust, err)
				}
			}
			if n := w.count("b"); n != 0 {
				t.Errorf("trusting %q: %d calls at b", trust, n)
			}
			if _, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{}); err != nil {
				t.Errorf("without secrets: %v", err)
			}
		})
	}
}

// unreadable are credentials whose file can't be read.
type unreadable struct{}

func (unreadable) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return nil, status.Error(codes.Unavailable, "no such file")
}

func (unreadable) RequireTransportSecurity() bool { return false }

// Credentials that can't be had are no cloud's fault, whatever their code is.
func TestCredentialsThatAreUnavailable(t *testing.T) {
	for name, of := range map[string]struct {
		dial []grpc.DialOption
		call []grpc.CallOption
	}{
		"the connection's": {dial: []grpc.DialOption{grpc.WithPerRPCCredentials(unreadable{})}},
		"the call's":       {call: []grpc.CallOption{grpc.PerRPCCredentials(unreadable{})}},
		"with a retry policy": {
			dial: []grpc.DialOption{cloudgrpc.WithServiceConfig(retryUnavailable)},
			call: []grpc.CallOption{grpc.PerRPCCredentials(unreadable{})},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := testConfig(1)
				w := newWorld(t, cfg)
				r := w.router(cfg)
				client := w.client(r, of.dial...)
				ctx := cloudgrpc.WithIdempotent(t.Context())
				for range 10 {
					_, err := client.UnaryCall(ctx, &pb.SimpleRequest{}, of.call...)
					var failed *balancer.CallError
					if status.Code(err) != codes.Unavailable || !errors.As(err, &failed) || len(failed.Attempts) != 1 || failed.Attempts[0].Outcome.Reason != "request" {
						t.Fatalf("got %v", err)
					}
					s, err := client.StreamingOutputCall(ctx, question("q", 1), of.call...)
					if status.Code(err) != codes.Unavailable || !errors.As(err, &failed) || len(failed.Attempts) != 1 {
						t.Fatalf("got %v, %v", s, err)
					}
				}
				for _, cloud := range []string{"a", "b"} {
					if c := counted(r, cloud); c.Bad != 0 {
						t.Errorf("counted %+v at %s", c, cloud)
					}
				}
			})
		})
	}
}
