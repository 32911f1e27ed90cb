package cloudgrpc_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/fairlead-go/fairlead/balancer"
)

// While one cloud never answers a handshake, calls go to the other from the
// beginning.
func TestAStalledHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		w := newWorld(t, cfg)
		stalled := make(chan struct{})
		w.servers["10.0.0.1:9090"].stalled = stalled
		r := w.router(cfg)
		client := w.client(r)
		began := time.Now()
		for range 100 {
			resp, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{})
			if err != nil || resp.ServerId != "b" {
				t.Fatal(resp, err)
			}
		}
		if took := time.Since(began); took > 200*time.Millisecond {
			t.Errorf("100 calls took %v", took)
		}
		close(stalled)
	})
}

// A fail-fast call doesn't wait for hosts that swallow connection attempts.
func TestFailFastWhileConnectsAreSwallowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(2)
		w := newWorld(t, cfg)
		r := w.router(cfg)
		never := make(chan struct{})
		for _, s := range w.servers {
			s.stalled = never
		}
		client := w.client(r)
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
			began := time.Now()
			_, err := client.UnaryCall(ctx, &pb.SimpleRequest{})
			cancel()
			waited := time.Since(began)
			if waited > 3*time.Second || status.Code(err) != codes.Unavailable || errors.Is(err, balancer.ErrAmbiguous) {
				t.Errorf("waited %v, then %v", waited, err)
			}
		}
	})
}

// A handshake that is slower than probes come is left to end.
func TestSlowHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		w := newWorld(t, cfg)
		r := w.router(cfg)
		var dials atomic.Int32
		dial := func(ctx context.Context, addr string) (net.Conn, error) {
			dials.Add(1)
			select {
			case <-time.After(1500 * time.Millisecond):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			return w.dial(ctx, addr)
		}
		client := w.client(r, grpc.WithContextDialer(dial))
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		defer cancel()
		began := time.Now()
		_, err := client.UnaryCall(ctx, &pb.SimpleRequest{}, grpc.WaitForReady(true))
		if err != nil || time.Since(began) > 2*time.Second || dials.Load() > 4 {
			t.Errorf("took %v and %d dials: %v", time.Since(began), dials.Load(), err)
		}
	})
}
