package cloudgrpc_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

func TestCallsAreSplitByWeight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(2)
		w := newWorld(t, cfg)
		r := w.router(cfg)
		client := w.client(r)
		seen := map[string]int{}
		for range 1000 {
			resp, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{})
			if err != nil {
				t.Fatal(err)
			}
			seen[resp.ServerId]++
		}
		if seen["a"] < 640 || seen["a"] > 760 {
			t.Errorf("split %v, want about 700 and 300", seen)
		}
		for address, s := range w.servers {
			if s.count() == 0 {
				t.Errorf("%s got no call", address)
			}
		}
	})
}

// A cloud dies under load: nobody notices, and it comes back by the gates.
func TestACloudDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(2)
		w := newWorld(t, cfg)
		r := w.router(cfg)
		client := w.client(r)
		ctx := cloudgrpc.WithIdempotent(sla.WithTier(t.Context(), "critical"))
		call := func() string {
			resp, err := client.UnaryCall(ctx, &pb.SimpleRequest{})
			if err != nil {
				t.Error(err)
			}
			return resp.GetServerId()
		}
		load := func(d time.Duration) map[string]int {
			seen := map[string]int{}
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
				seen[call()]++
			}
			return seen
		}
		load(time.Second)
		w.servers["10.0.0.1:9090"].stop()
		w.servers["10.0.0.2:9090"].stop()
		load(time.Second)
		if c := cloudStatus(r, "a"); c.State != health.Down {
			t.Errorf("after a second: %v", c)
		}
		load(10 * time.Second)
		w.servers["10.0.0.1:9090"].restart()
		w.servers["10.0.0.2:9090"].restart()
		load(30 * time.Second)
		if seen := load(10 * time.Second); seen["a"] < 2*seen["b"] {
			t.Errorf("after half a minute: %v, want 70 %% at a; %v", seen, cloudStatus(r, "a"))
		}
	})
}

func TestAFrozenCloud(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		w := newWorld(t, cfg)
		r := w.router(cfg)
		client := w.client(r)
		ctx := cloudgrpc.WithIdempotent(sla.WithTier(t.Context(), "critical"))
		w.servers["10.0.0.1:9090"].set(hangs)
		var failed atomic.Int32
		for range 400 {
			time.Sleep(5 * time.Millisecond)
			go func() {
				if _, err := client.UnaryCall(ctx, &pb.SimpleRequest{}); err != nil {
					failed.Add(1)
				}
			}()
		}
		time.Sleep(time.Second)
		if n := failed.Load(); n > 0 {
			t.Errorf("%d calls failed", n)
		}
	})
}

func TestErrorsSayWhatHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		w := newWorld(t, cfg)
		r := w.router(cfg)
		client := w.client(r)
		for _, s := range w.servers {
			s.set(fails(codes.Internal))
		}
		_, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{})
		var failed *balancer.CallError
		if !errors.As(err, &failed) || !failed.Ambiguous || len(failed.Attempts) != 1 || status.Code(err) != codes.Internal {
			t.Errorf("not idempotent: %v", err)
		}
		_, err = client.UnaryCall(cloudgrpc.WithIdempotent(t.Context()), &pb.SimpleRequest{})
		if !errors.As(err, &failed) || failed.Ambiguous || len(failed.Attempts) != 2 || status.Code(err) != codes.Internal {
			t.Errorf("idempotent: %v", err)
		}
		for _, s := range w.servers {
			s.set(fails(codes.NotFound))
		}
		_, err = client.UnaryCall(cloudgrpc.WithIdempotent(t.Context()), &pb.SimpleRequest{})
		if errors.As(err, &failed) || status.Code(err) != codes.NotFound || status.Convert(err).Message() != "out of order" {
			t.Errorf("an answer: %v", err)
		}
		for _, s := range w.servers {
			s.set(hangs)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = client.UnaryCall(ctx, &pb.SimpleRequest{})
		if !errors.As(err, &failed) || status.Code(err) != codes.DeadlineExceeded || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("deadline: %v", err)
		}
		for _, s := range w.servers {
			s.stop()
		}
		time.Sleep(100 * time.Millisecond)
		_, err = client.UnaryCall(t.Context(), &pb.SimpleRequest{})
		if !errors.As(err, &failed) || status.Code(err) != codes.Unavailable || failed.Ambiguous {
			t.Errorf("nobody there: %v", err)
		}
		t.Log(err)
	})
}
