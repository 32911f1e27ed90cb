package cloudgrpc_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	grpchealth "google.golang.org/grpc/health/grpc_health_v1"

	pb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
	"github.com/fairlead-go/fairlead/health"
)

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

// Half-open connections of each ClientConn are found.
func TestHalfOpenConnectionsOfAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		w := newWorld(t, cfg)
		var cuts []*cut
		for a := range w.servers {
			cuts = append(cuts, w.cut(a))
		}
		r := w.router(cfg)
		one, two := w.client(r), w.client(r)
		ctx := cloudgrpc.WithIdempotent(t.Context())
		for range 200 {
			for _, client := range []pb.TestServiceClient{one, two} {
				if _, err := client.UnaryCall(ctx, &pb.SimpleRequest{}); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, c := range cuts {
			c.drop()
		}
		time.Sleep(time.Second)
		for _, c := range cuts {
			c.heal()
		}
		try := func(client pb.TestServiceClient) (bad int) {
			for range 100 {
				c, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
				if _, err := client.UnaryCall(c, &pb.SimpleRequest{}); err != nil {
					bad++
				}
				cancel()
				time.Sleep(20 * time.Millisecond)
			}
			return bad
		}
		try(one)
		try(two)
		time.Sleep(20 * time.Second)
		if n := try(one); n > 0 {
			t.Errorf("first: %d failed", n)
		}
		if n := try(two); n > 0 {
			t.Errorf("second: %d failed", n)
		}
	})
}

// A server that wants a token for everything is well.
func TestProbesWithoutAToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		w := newWorld(t, cfg)
		for _, s := range w.servers {
			s.asks = true
		}
		r := w.router(cfg)
		client := w.client(r)
		ctx := cloudgrpc.WithIdempotent(t.Context())
		for range 100 {
			if _, err := client.UnaryCall(ctx, &pb.SimpleRequest{}); err != nil {
				t.Error(err)
			}
		}
		s := w.servers["10.0.0.1:9090"]
		s.stop()
		for range 100 {
			if _, err := client.UnaryCall(ctx, &pb.SimpleRequest{}); err != nil {
				t.Error(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		s.restart()
		for range 600 {
			if _, err := client.UnaryCall(ctx, &pb.SimpleRequest{}); err != nil {
				t.Error(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if c := cloudStatus(r, "a"); c.State != health.Healthy {
			t.Errorf("a minute after it is back: %v", c)
		}
		time.Sleep(time.Minute) // no calls
		if c := cloudStatus(r, "b"); c.State != health.Healthy {
			t.Errorf("nothing is wrong with b, which has no calls: %v", c)
		}
	})
}

// Health is asked for by the name that the program gives.
func TestHealthName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		w := newWorld(t, cfg)
		for _, s := range w.servers {
			s.health.SetServingStatus("", grpchealth.HealthCheckResponse_NOT_SERVING) // somebody else's
		}
		w.servers["10.0.0.1:9090"].health.SetServingStatus("routing", grpchealth.HealthCheckResponse_SERVING)
		r := w.router(cfg)
		client := w.client(r, cloudgrpc.WithHealthName(func(service string) string {
			if service != "api" {
				t.Errorf("asked for the name of %s", service)
			}
			return "routing"
		}))
		for range 100 {
			resp, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{})
			if err != nil || resp.ServerId != "a" {
				t.Fatalf("%v, %v: want the server that knows the name", resp, err)
			}
			time.Sleep(50 * time.Millisecond)
		}
		if c := cloudStatus(r, "b"); c.State != health.Down {
			t.Errorf("a cloud that doesn't know the name: %v", c)
		}
	})
}

// Where health can't be watched it is asked for again and again.
func TestHealthThatCannotBeWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(2)
		w := newWorld(t, cfg)
		for _, s := range w.servers {
			s.mute = true
		}
		client := w.client(w.router(cfg))
		sick := w.servers["10.0.0.1:9090"]
		calls := func() int {
			before := sick.count()
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() {
					if _, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{}); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			return sick.count() - before
		}
		calls()
		time.Sleep(time.Second) // until all are connected
		if calls() == 0 {
			t.Error("no call while it serves")
		}
		sick.health.SetServingStatus("", grpchealth.HealthCheckResponse_NOT_SERVING)
		for range 60 { // it has calls, so nobody probes it
			calls()
			time.Sleep(100 * time.Millisecond)
		}
		if n := calls(); n > 0 {
			t.Errorf("%d calls though it doesn't serve", n)
		}
		sick.health.SetServingStatus("", grpchealth.HealthCheckResponse_SERVING)
		time.Sleep(30 * time.Second)
		if calls() == 0 {
			t.Error("no call though it serves again")
		}
	})
}
