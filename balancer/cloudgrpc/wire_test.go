package cloudgrpc_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"

	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
	"github.com/fairlead-go/fairlead/sla"
)

// taken are the contexts of the calls that a server got since it was last asked.
func taken(s *server) []context.Context {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	seen := s.seen
	s.seen = nil
	return seen
}

// TestAttemptsTellTheirClass, each its own number, and nothing of what the caller
// was told of another call.
func TestAttemptsTellTheirClass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		for name, cloud := range cfg.Clouds { // secrets are kept apart
			cloud.Trust = name
			cfg.Clouds[name] = cloud
		}
		w := newWorld(t, cfg)
		r := w.router(cfg)
		for _, s := range w.servers {
			s.set(fails(codes.Unavailable))
		}
		client, numbers := w.client(r), map[string]bool{}
		ctx := metadata.AppendToOutgoingContext(t.Context(),
			"x-sla-tier", "batch", "x-sla-level", "1", "x-sla-attempt", "9", "authorization", "secret", "x-request-id", "r1")
		for _, test := range []struct {
			tier, want string
		}{
			{"", "standard"}, {"critical", "critical"},
			{"gold", "gold"},    // known to others
			{"No!", "standard"}, // to nobody
		} {
			ctx := cloudgrpc.WithIdempotent(sla.WithLevel(sla.WithTier(ctx, test.tier), 42))
			client.UnaryCall(ctx, &pb.SimpleRequest{})
			ss, err := client.StreamingInputCall(ctx)
			if err == nil {
				ss.CloseAndRecv()
			}
			attempts := 0
			for _, s := range w.servers {
				for _, seen := range taken(s) {
					attempts++
					md, _ := metadata.FromIncomingContext(seen)
					n := md["x-sla-attempt"]
					numbers[strings.Join(n, " ")] = true
					if !slices.Equal(md["x-sla-tier"], []string{test.want}) || !slices.Equal(md["x-sla-level"], []string{"42"}) ||
						len(n) != 1 || !slices.Equal(md["x-request-id"], []string{"r1"}) {
						t.Errorf("tier %q: %q, level %q, attempt %q, request %q", test.tier, md["x-sla-tier"], md["x-sla-level"], n, md["x-request-id"])
					}
				}
			}
			if attempts < 2 { // a call's and a stream's
				t.Errorf("tier %q: %d attempts", test.tier, attempts)
			}
		}
		if !numbers["1"] || !numbers["2"] {
			t.Errorf("attempts had the numbers %v", numbers)
		}
	})
}

// TestOneTierTellsNothing: where there is but one class, the context may still give
// a call its own, and what the caller was told of another call isn't forwarded.
func TestOneTierTellsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		cfg.Tiers, cfg.Default = cfg.Tiers[:1], ""
		w := newWorld(t, cfg)
		client := w.client(w.router(cfg))
		forwarded := metadata.AppendToOutgoingContext(t.Context(), "x-sla-tier", "batch", "x-sla-level", "1", "x-sla-attempt", "9", "x-request-id", "r1")
		for name, test := range map[string]struct {
			ctx  context.Context
			want []string // tier and attempt
		}{
			"nothing":             {t.Context(), nil},
			"forwarded":           {forwarded, nil},
			"tier":                {sla.WithTier(t.Context(), "gold"), []string{"gold", "1"}},
			"level":               {sla.WithLevel(t.Context(), 7), []string{"critical", "1"}},
			"forwarded, and tier": {sla.WithTier(forwarded, "gold"), []string{"gold", "1"}},
		} {
			if _, err := client.UnaryCall(test.ctx, &pb.SimpleRequest{}); err != nil {
				t.Fatal(err)
			}
			for _, s := range w.servers {
				for _, seen := range taken(s) {
					md, _ := metadata.FromIncomingContext(seen)
					if got := slices.Concat(md["x-sla-tier"], md["x-sla-attempt"]); !slices.Equal(got, test.want) || len(md["x-sla-level"]) != len(test.want)/2 {
						t.Errorf("%s: tier and attempt %q, level %q, want %q", name, got, md["x-sla-level"], test.want)
					}
				}
			}
		}
	})
}
