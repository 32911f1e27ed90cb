package cloudgrpc_test

import (
	"context"
	"errors"
	"io"
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

// Clouds that were down from the beginning are found again.
func TestBackFromNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		cfg.Failover.Panic = "fail"
		w := newWorld(t, cfg)
		for _, s := range w.servers {
			s.stop()
		}
		r := w.router(cfg)
		client := w.client(r)
		time.Sleep(20 * time.Second)
		if _, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{}); status.Code(err) != codes.Unavailable {
			t.Error(err)
		}
		for _, s := range w.servers {
			s.restart()
		}
		time.Sleep(5 * time.Second)
		if _, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{}); err != nil {
			t.Errorf("5 s after both clouds are back: %v", err)
		}
	})
}

// A call doesn't wait for a cloud longer than its tier allows.
func TestWaitingEndsWithTheTiersTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		w := newWorld(t, cfg)
		r := w.router(cfg)
		client := w.client(r)
		for _, s := range w.servers {
			s.stop()
		}
		ctx, cancel := context.WithTimeout(sla.WithTier(t.Context(), "critical"), time.Hour)
		defer cancel()
		began := time.Now()
		_, err := client.UnaryCall(ctx, &pb.SimpleRequest{}, grpc.WaitForReady(true))
		if took := time.Since(began); took != 800*time.Millisecond || status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("took %v: %v", took, err)
		}
	})
}

// A call that waits for a connection goes where the router finds another place.
func TestTheRouterWakesCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		w := newWorld(t, cfg)
		never := make(chan struct{})
		r := w.router(cfg)
		client := w.client(r)
		for range 50 {
			if _, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Drain("b"); err != nil {
			t.Fatal(err)
		}
		w.servers["10.0.0.1:9090"].stalled = never
		w.servers["10.0.0.1:9090"].stop()
		w.servers["10.0.0.1:9090"].restart()
		time.Sleep(100 * time.Millisecond)
		go func() {
			time.Sleep(time.Second)
			if err := r.Resume("b"); err != nil {
				t.Error(err)
			}
		}()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		began := time.Now()
		_, err := client.UnaryCall(ctx, &pb.SimpleRequest{}, grpc.WaitForReady(true))
		if waited := time.Since(began); err != nil || waited > 1100*time.Millisecond {
			t.Errorf("waited %v for a cloud that is there after 1 s: %v", waited, err)
		}
	})
}

// Clouds that were silent for so long that gRPC is idle are found again: a call
// that finds no cloud has gRPC connect.
func TestBackFromIdleness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		cfg.Failover.Panic = "fail"
		w := newWorld(t, cfg)
		var cuts []*cut
		for address := range w.servers {
			cuts = append(cuts, w.cut(address))
		}
		r := w.router(cfg)
		conn := w.conn(r, grpc.WithIdleTimeout(time.Minute))
		client := pb.NewTestServiceClient(conn)
		ctx := cloudgrpc.WithIdempotent(sla.WithTier(t.Context(), "critical"))
		for range 200 {
			if _, err := client.UnaryCall(ctx, &pb.SimpleRequest{}); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range cuts {
			c.drop()
		}
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { _, _ = client.UnaryCall(ctx, &pb.SimpleRequest{}) })
			time.Sleep(100 * time.Millisecond)
		}
		wg.Wait()
		time.Sleep(5 * time.Minute)
		if conn.GetState() != connectivity.Idle || cloudStatus(r, "a").State != health.Down || cloudStatus(r, "b").State != health.Down {
			t.Fatalf("the connection is %v, %v, %v", conn.GetState(), cloudStatus(r, "a"), cloudStatus(r, "b"))
		}
		for _, c := range cuts {
			c.heal()
		}
		for range 10 {
			if _, err := client.UnaryCall(ctx, &pb.SimpleRequest{}); err == nil {
				return
			}
			time.Sleep(time.Second)
		}
		t.Errorf("10 s after healing the connection is %v, %v", conn.GetState(), cloudStatus(r, "a"))
	})
}

// A service config lets calls wait, too, unless they say otherwise.
func TestWaitForReadyOfAServiceConfig(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		cfg.Failover.Panic = "fail"
		cfg.Tiers[0].Timeout = 0
		w := newWorld(t, cfg)
		r := w.router(cfg)
		client := w.client(r, cloudgrpc.WithServiceConfig(`{"methodConfig": [{"name": [{}], "waitForReady": true}]}`))
		if _, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{}); err != nil {
			t.Fatal(err)
		}
		for _, s := range w.servers {
			s.stop()
		}
		failFast := grpc.WaitForReady(false)
		for range 200 {
			_, _ = client.UnaryCall(t.Context(), &pb.SimpleRequest{}, failFast)
			time.Sleep(50 * time.Millisecond)
		}
		if _, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{}, failFast); !errors.Is(err, balancer.ErrNoCloud) {
			t.Errorf("with nothing left: %v", err)
		}
		go func() {
			time.Sleep(time.Second)
			w.servers["10.0.0.1:9090"].restart()
		}()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{}); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			s, err := client.StreamingOutputCall(t.Context(), question("q", 1))
			if err != nil {
				t.Error(err)
			} else if n, err := receive(s); n != 1 || err != io.EOF {
				t.Errorf("%d messages, %v", n, err)
			}
		})
		wg.Wait()
	})
}
