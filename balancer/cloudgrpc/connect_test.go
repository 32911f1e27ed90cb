package cloudgrpc_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	grpchealth "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// A fail-fast call says how each cloud stands; one that waits for a connection
// waits.
func TestWaitForReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		w := newWorld(t, cfg)
		for _, s := range w.servers {
			s.stop()
		}
		r := w.router(cfg)
		client := w.client(r)
		_, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{})
		if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "cloud a is") || !strings.Contains(err.Error(), "cloud b is") ||
			!strings.Contains(err.Error(), "connection refused") {
			t.Errorf("fail-fast: %v", err)
		}
		began := time.Now()
		go func() {
			time.Sleep(10 * time.Second)
			w.servers["10.0.1.1:9090"].restart()
		}()
		resp, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{}, grpc.WaitForReady(true))
		if err != nil || resp.ServerId != "b" {
			t.Errorf("waiting: %v, %v", resp, err)
		}
		if waited := time.Since(began); waited < 10*time.Second || waited > 12*time.Second {
			t.Errorf("waited %v for a server that is back after 10 s", waited)
		}
	})
}

// A call of a tier that has no cloud left waits for one, too, if it is to wait.
func TestWaitForACloud(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		cfg.Failover.Panic = "fail"
		cfg.Tiers[0].Timeout = 0
		w := newWorld(t, cfg)
		r := w.router(cfg)
		client := w.client(r)
		if _, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{}); err != nil {
			t.Fatal(err)
		}
		for _, s := range w.servers {
			s.stop()
		}
		for range 200 {
			_, _ = client.UnaryCall(t.Context(), &pb.SimpleRequest{})
			time.Sleep(50 * time.Millisecond)
		}
		_, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{})
		if !errors.Is(err, balancer.ErrNoCloud) || status.Code(err) != codes.Unavailable {
			t.Errorf("with nothing left: %v", err)
		}
		go func() {
			time.Sleep(time.Second)
			w.servers["10.0.0.1:9090"].restart()
		}()
		if _, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{}, grpc.WaitForReady(true)); err != nil {
			t.Error(err)
		}
	})
}

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
		time.Sleep(time.Hour)
		if s := conn.GetState(); s != connectivity.Idle {
			t.Errorf("after an hour the connection is %v", s)
		}
		if c := cloudStatus(r, "a"); c.State != health.Down {
			t.Errorf("after an hour %v", c)
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

// A server that says it doesn't serve gets no calls, though it would answer.
func TestHealthIsWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(2)
		w := newWorld(t, cfg)
		r := w.router(cfg)
		client := w.client(r)
		call := func() string {
			resp, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{})
			if err != nil {
				t.Error(err)
			}
			return resp.GetHostname()
		}
		call()
		time.Sleep(time.Second)
		w.servers["10.0.0.1:9090"].health.SetServingStatus("", grpchealth.HealthCheckResponse_NOT_SERVING)
		synctest.Wait()
		for range 200 {
			if at := call(); at == "10.0.0.1:9090" {
				t.Fatal("a call went to the server that doesn't serve")
			}
			time.Sleep(10 * time.Millisecond)
		}
		w.servers["10.0.0.1:9090"].health.SetServingStatus("", grpchealth.HealthCheckResponse_SERVING)
		time.Sleep(30 * time.Second)
		before := w.servers["10.0.0.1:9090"].count()
		var wg sync.WaitGroup
		for range 100 { // at once: who is busy is passed over
			wg.Go(func() { call() })
		}
		wg.Wait()
		if w.servers["10.0.0.1:9090"].count() == before {
			t.Errorf("it serves again and gets no call: %+v", cloudStatus(r, "a").Endpoints)
		}
	})
}

// A connection whose other end has gone without a word is found by the probes
// and replaced.
func TestHalfOpenConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		w := newWorld(t, cfg)
		cut := w.cut("10.0.0.1:9090")
		r := w.router(cfg)
		client := w.client(r)
		for range 10 {
			if _, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{}); err != nil {
				t.Fatal(err)
			}
		}
		cut.drop()
		began := time.Now()
		for cloudStatus(r, "a").State != health.Down {
			time.Sleep(50 * time.Millisecond)
			if time.Since(began) > 10*time.Second {
				t.Fatalf("not found: %v", cloudStatus(r, "a"))
			}
		}
		cut.heal()
		healed := time.Now()
		for cloudStatus(r, "a").State != health.Recovering {
			time.Sleep(10 * time.Millisecond)
			if time.Since(healed) > 3*time.Second {
				t.Fatalf("no way back: %v", cloudStatus(r, "a"))
			}
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
			time.Sleep(time.Second)
			if routerFirst {
				r.Close()
				_, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{})
				if !errors.Is(err, balancer.ErrClosed) || status.Code(err) != codes.Unavailable {
					t.Errorf("after Close of the router: %v", err)
				}
				time.Sleep(time.Second)
				conn.Close()
			} else {
				conn.Close()
				time.Sleep(time.Second)
				r.Close()
			}
			cancel()
			wg.Wait()
		})
	}
}
