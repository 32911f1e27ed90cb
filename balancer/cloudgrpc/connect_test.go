package cloudgrpc_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// What is known outlives the connections: gRPC gives them up after half an hour
// without a call.
func TestIdlenessForgetsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		w := newWorld(t, cfg)
		r := w.router(cfg)
		conn := w.conn(r, grpc.WithIdleTimeout(time.Minute))
		client := pb.NewTestServiceClient(conn)
		ctx := cloudgrpc.WithIdempotent(t.Context())
		w.servers["10.0.0.1:9090"].stop()
		for range 400 {
			if _, err := client.UnaryCall(ctx, &pb.SimpleRequest{}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(30 * time.Minute)
		if s := conn.GetState(); s != connectivity.Idle {
			t.Errorf("after half an hour the connection is %v", s)
		}
		if c := cloudStatus(r, "a"); c.State != health.Down {
			t.Errorf("after half an hour %v", c)
		}
		w.servers["10.0.0.1:9090"].restart()
		for range 300 {
			resp, err := client.UnaryCall(ctx, &pb.SimpleRequest{})
			if err != nil || resp.ServerId != "b" {
				t.Fatalf("%v, %v: want the cloud that is well", resp, err)
			}
			time.Sleep(time.Millisecond)
		}
		for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if _, err := client.UnaryCall(ctx, &pb.SimpleRequest{}); err != nil {
				t.Fatal(err)
			}
		}
		if c := cloudStatus(r, "a"); c.State != health.Healthy {
			t.Errorf("half a minute after it is back: %v", c)
		}
	})
}

// Connections and router may be closed in any order, also under load.
func TestCloseInAnyOrder(t *testing.T) {
	for _, routerFirst := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			cfg := testConfig(3)
			w := newWorld(t, cfg)
			r := w.router(cfg)
			conn := w.conn(r)
			client := pb.NewTestServiceClient(conn)
			ctx, cancel := context.WithCancel(sla.WithTier(t.Context(), "critical"))
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					for ctx.Err() == nil {
						_, _ = client.UnaryCall(ctx, &pb.SimpleRequest{})
						time.Sleep(time.Millisecond)
					}
				})
			}
			time.Sleep(300 * time.Millisecond)
			if routerFirst {
				r.Close()
				_, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{})
				if !errors.Is(err, balancer.ErrClosed) || status.Code(err) != codes.Unavailable {
					t.Errorf("after Close of the router: %v", err)
				}
				time.Sleep(300 * time.Millisecond)
				conn.Close()
			} else {
				conn.Close()
				time.Sleep(300 * time.Millisecond)
				r.Close()
			}
			cancel()
			wg.Wait()
		})
	}
}

// Closing a ClientConn under load speaks against nobody.
func TestCloseChargesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(3)
		w := newWorld(t, cfg)
		r := w.router(cfg)
		conn := w.conn(r)
		client := pb.NewTestServiceClient(conn)
		for _, s := range w.servers {
			s.set(hangs)
		}
		var wg sync.WaitGroup
		for range 300 {
			wg.Go(func() {
				if _, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{}); status.Code(err) != codes.Canceled {
					t.Error(err)
				}
			})
		}
		time.Sleep(20 * time.Millisecond)
		conn.Close()
		wg.Wait()
		time.Sleep(100 * time.Millisecond)
		for _, cloud := range []string{"a", "b"} {
			if c := cloudStatus(r, cloud); c.Counts.Bad > 0 || c.State == health.Down {
				t.Errorf("%+v: %v", c.Counts, c)
			}
		}
	})
}
