package cloudgrpc_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// after is a fault that lasts for a time, after which the call goes on or fails with
// the code. The answer's header and trailer name the server.
func (s *server) after(d time.Duration, code codes.Code) func(context.Context, string) error {
	return func(ctx context.Context, _ string) error {
		grpc.SetHeader(ctx, metadata.Pairs("by", s.cloud))
		grpc.SetTrailer(ctx, metadata.Pairs("by", s.cloud))
		select {
		case <-time.After(d):
			if code == codes.OK {
				return nil
			}
			return status.Error(code, "out of order")
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		}
	}
}

// outcomes counts those of hedges and of first attempts by their reasons.
type outcomes struct {
	mu sync.Mutex
	n  map[string]int
}

func (o *outcomes) answered(a balancer.Attempt, out health.Outcome, _ time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.n[fmt.Sprintf("%v %s", a.Hedge(), out.Reason)]++
}

// hedgedWorld has two clouds of which "a" gets the first attempts, and a tier that
// hedges and knows when: the usual answer takes 3 ms.
func hedgedWorld(t *testing.T) (*world, pb.TestServiceClient, context.Context, *outcomes) {
	t.Helper()
	cfg := testConfig(1)
	cfg.Clouds = map[string]balancer.Cloud{"a": {Weight: 1<<32 - 1}, "b": {Weight: 1}}
	cfg.Tiers[0].Hedge = 0.3
	cfg.Retry.Fraction = 1
	w := newWorld(t, cfg)
	seen := &outcomes{n: map[string]int{}}
	client := w.client(w.router(cfg, balancer.WithTrace(balancer.Trace{Answered: seen.answered})))
	ctx := cloudgrpc.WithIdempotent(sla.WithTier(t.Context(), "critical"))
	for _, s := range w.servers {
		s.set(s.after(2*time.Millisecond, codes.OK))
	}
	for range 500 {
		if _, err := client.UnaryCall(ctx, &pb.SimpleRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	seen.mu.Lock()
	defer seen.mu.Unlock()
	seen.n = map[string]int{}
	return w, client, ctx, seen
}

// TestHedge: answer, header, trailer and peer are those of one attempt, whichever wins,
// and also when the answer is an error.
func TestHedge(t *testing.T) {
	for _, test := range []struct {
		name   string
		a, b   time.Duration
		code   codes.Code
		winner string
		seen   string
	}{
		{"the hedge wins", time.Minute, 0, codes.OK, "b", "map[false hedge lost:1 true grpc OK:1]"},
		{"the hedge's error wins", time.Minute, 0, codes.NotFound, "b", "map[false hedge lost:1 true grpc NotFound:1]"},
		{"the first wins", 8 * time.Millisecond, time.Minute, codes.OK, "a", "map[false grpc OK:1 true hedge lost:1]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, client, ctx, seen := hedgedWorld(t)
				a, b := w.servers["10.0.0.1:9090"], w.servers["10.0.1.1:9090"]
				a.set(a.after(test.a, codes.OK))
				b.set(b.after(test.b, test.code))
				var header, trailer metadata.MD
				var from peer.Peer
				reply, err := client.UnaryCall(ctx, &pb.SimpleRequest{}, grpc.Header(&header), grpc.Trailer(&trailer), grpc.Peer(&from))
				if status.Code(err) != test.code || err == nil && reply.ServerId != test.winner {
					t.Errorf("from %q, %v", reply.GetServerId(), err)
				}
				if fmt.Sprint(header["by"], trailer["by"]) != fmt.Sprintf("[%s] [%[1]s]", test.winner) && test.code == codes.OK ||
					fmt.Sprint(trailer["by"]) != fmt.Sprintf("[%s]", test.winner) || from.Addr == nil {
					t.Errorf("header %v, trailer %v, peer %v", header, trailer, from.Addr)
				}
				synctest.Wait()
				seen.mu.Lock()
				defer seen.mu.Unlock()
				if fmt.Sprint(seen.n) != test.seen {
					t.Errorf("%v, want %s", seen.n, test.seen)
				}
			})
		})
	}
}

// TestConcurrentAttempts end at about the same time, while callers change what they
// asked as soon as they have their answer. No answer is mixed from two. Run it with
// -race.
func TestConcurrentAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, client, ctx, seen := hedgedWorld(t)
		for _, s := range w.servers {
			var mu sync.Mutex
			n := 0
			s.set(func(ctx context.Context, method string) error {
				mu.Lock()
				n++
				delay := time.Duration(n%5) * 500 * time.Microsecond
				mu.Unlock()
				if s.cloud == "a" {
					delay += 3 * time.Millisecond
				}
				return s.after(delay, codes.OK)(ctx, method)
			})
		}
		var wg sync.WaitGroup
		won := map[string]int{}
		var mu sync.Mutex
		for range 8 {
			wg.Go(func() {
				req := &pb.SimpleRequest{Payload: &pb.Payload{Body: []byte("0")}}
				for i := range 100 {
					var header, trailer metadata.MD
					reply, err := client.UnaryCall(ctx, req, grpc.Header(&header), grpc.Trailer(&trailer))
					if err != nil {
						t.Error(err)
						return
					}
					if by := fmt.Sprint([]string{reply.ServerId}); fmt.Sprint(header["by"]) != by || fmt.Sprint(trailer["by"]) != by ||
						w.servers[reply.Hostname].cloud != reply.ServerId {
						t.Errorf("answer of %s from %s, header %v, trailer %v", reply.ServerId, reply.Hostname, header, trailer)
					}
					req.Payload.Body = fmt.Append(req.Payload.Body[:0], i)
					req.FillUsername = !req.FillUsername
					mu.Lock()
					won[reply.ServerId]++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		time.Sleep(time.Second) // servers of losers don't notice
		synctest.Wait()
		seen.mu.Lock()
		defer seen.mu.Unlock()
		if won["a"] == 0 || won["b"] < 20 || seen.n["true hedge lost"] == 0 {
			t.Errorf("won: %v, %v", won, seen.n)
		}
	})
}

// TestSecretsOfHedges: of a call that is made in both trust groups at a time, each
// server sees what is for its group.
func TestSecretsOfHedges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		cfg.Clouds = map[string]balancer.Cloud{"a": {Weight: 1, Trust: "mine"}, "b": {Weight: 1, Trust: "theirs"}}
		service := cfg.Services["api"]
		service.Trust = "mine"
		cfg.Services["api"] = service
		cfg.Tiers[0].Hedge, cfg.Retry.Fraction = 0.5, 1
		w := newWorld(t, cfg)
		var mu sync.Mutex
		hedges := map[string]int{}
		client := w.client(w.router(cfg, balancer.WithTrace(balancer.Trace{Picked: func(a balancer.Attempt) {
			mu.Lock()
			defer mu.Unlock()
			if a.Hedge() {
				hedges[a.Cloud()]++
			}
		}})))
		ctx := cloudgrpc.WithIdempotent(sla.WithTier(t.Context(), "critical"))
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "canary", "x-api-key", "canary", "color", "red")
		for _, s := range w.servers {
			s.set(s.after(2*time.Millisecond, codes.OK))
		}
		for i := range 1000 {
			if i == 500 {
				for _, s := range w.servers {
					s.set(s.after(8*time.Millisecond, codes.OK))
				}
			}
			if _, err := client.UnaryCall(ctx, &pb.SimpleRequest{}); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		for _, s := range w.servers {
			s.world.mu.Lock()
			for _, ctx := range s.seen {
				md, _ := metadata.FromIncomingContext(ctx)
				want := 0
				if s.cloud == "a" {
					want = 1
				}
				if len(md["authorization"]) != want || len(md["x-api-key"]) != want || len(md["color"]) != 1 {
					t.Fatalf("cloud %s saw %v", s.cloud, md)
				}
			}
			s.world.mu.Unlock()
		}
		mu.Lock()
		defer mu.Unlock()
		if hedges["a"] < 10 || hedges["b"] < 10 {
			t.Errorf("hedges by cloud: %v", hedges)
		}
	})
}
