package cloudgrpc_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
)

// retryAborted is a service config that has gRPC retry what a server aborts.
const retryAborted = `{"methodConfig": [{"name": [{}], "retryPolicy": {
	"maxAttempts": 3, "initialBackoff": "0.001s", "maxBackoff": "0.001s", "backoffMultiplier": 1, "retryableStatusCodes": ["ABORTED"]
}}]}`

// Once the budget is spent gRPC's retries end, and the caller gets what the last
// server said.
func TestRetryPolicyWithoutBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		w := newWorld(t, cfg)
		for _, s := range w.servers {
			s.set(fails(codes.Aborted))
		}
		r := w.router(cfg)
		client := w.client(r, cloudgrpc.WithServiceConfig(retryAborted))
		for range 500 {
			if _, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{}); status.Code(err) != codes.Aborted {
				t.Fatalf("ABORTED became %v", err)
			}
			time.Sleep(time.Millisecond)
		}
		time.Sleep(100 * time.Millisecond)
		for _, cloud := range []string{"a", "b"} {
			if c := cloudStatus(r, cloud); c.Counts.Bad > 0 {
				t.Errorf("answers count as %+v: %v", c.Counts, c)
			}
		}
		if n := w.count("a") + w.count("b"); n < 500 || n > 1000 {
			t.Errorf("%d attempts for 500 calls, each of which wants 3", n)
		}
	})
}

// What a retry of gRPC's own may have carried out is ambiguous, whatever became of
// the attempt before.
func TestAmbiguousAfterARetryOfGRPC(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		w := newWorld(t, cfg)
		first := make(chan struct{}, 1)
		first <- struct{}{}
		for _, s := range w.servers {
			s.set(func(ctx context.Context, _ string) error {
				select {
				case <-first:
					return status.Error(codes.Aborted, "again")
				default:
				}
				go s.grpc.Stop() // it was carried out, and then the process died
				<-ctx.Done()
				return ctx.Err()
			})
		}
		client := w.client(w.router(cfg), cloudgrpc.WithServiceConfig(retryAborted))
		_, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{})
		var failed *balancer.CallError
		if !errors.Is(err, balancer.ErrAmbiguous) || !errors.As(err, &failed) || len(failed.Attempts) != 2 {
			t.Errorf("got %v", err)
		}
		time.Sleep(100 * time.Millisecond)
	})
}

// A service config's timeout speaks against a server that doesn't answer, and the
// call is tried elsewhere.
func TestTimeoutOfAServiceConfig(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		w := newWorld(t, cfg)
		w.servers["10.0.0.1:9090"].set(hangs)
		client := w.client(w.router(cfg), cloudgrpc.WithServiceConfig(`{"methodConfig": [{"name": [{}], "timeout": "0.3s"}]}`))
		for range 30 {
			resp, err := client.UnaryCall(cloudgrpc.WithIdempotent(t.Context()), &pb.SimpleRequest{})
			if err != nil || resp.ServerId != "b" {
				t.Fatalf("%v, %v", resp, err)
			}
		}
	})
}

// A message that can't be encoded is nobody's fault but the caller's.
func TestMessageThatCannotBeEncoded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		w := newWorld(t, cfg)
		r := w.router(cfg)
		bad := &pb.SimpleRequest{ResponseStatus: &pb.EchoStatus{Message: "\xff"}}
		_, err := w.client(r).UnaryCall(cloudgrpc.WithIdempotent(t.Context()), bad)
		var failed *balancer.CallError
		if status.Code(err) != codes.Internal || !errors.As(err, &failed) || len(failed.Attempts) != 1 {
			t.Errorf("got %v", err)
		}
		time.Sleep(100 * time.Millisecond)
		for _, cloud := range []string{"a", "b"} {
			if c := cloudStatus(r, cloud); c.Counts.Bad > 0 {
				t.Errorf("%+v: %v", c.Counts, c)
			}
		}
	})
}
