package cloudgrpc_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
)

// A cloud that fails before its headers: the other gets each message once.
func TestStreamsGoElsewhere(t *testing.T) {
	for _, what := range []string{"fail", "die"} {
		for after := range 4 {
			t.Run(what+" "+string(rune('0'+after)), func(t *testing.T) {
				streams(t, func(t *testing.T, _ *world, r *balancer.Router, client pb.TestServiceClient) {
					ctx := scripted(cloudgrpc.WithIdempotent(t.Context()), "a", what, after)
					s, err := client.StreamingInputCall(ctx)
					if err != nil {
						t.Fatal(err)
					}
					bodies := []string{"1", "22", "333"}
					for i, body := range bodies {
						if i == 2 {
							synctest.Wait() // some is sent before, some after
						}
						if err := s.Send(input(body)); err != nil {
							t.Fatalf("message %d: %v", i, err)
						}
					}
					resp, err := s.CloseAndRecv()
					if err != nil || resp.AggregatedPayloadSize != 6 {
						t.Fatalf("%v, %v", resp, err)
					}
					wantTrailer(t, s, "b", bodies...)
					if bad := counted(r, "a").Bad; bad != 1 {
						t.Errorf("%d bad attempts at a", bad)
					}
				})
			})
		}
	}
}

func TestServerStreamGoesElsewhere(t *testing.T) {
	for _, size := range []int{1, 1 << 20} {
		streams(t, func(t *testing.T, _ *world, _ *balancer.Router, client pb.TestServiceClient) {
			ctx := scripted(cloudgrpc.WithIdempotent(t.Context()), "a", "fail", 1)
			s, err := client.StreamingOutputCall(ctx, question(strings.Repeat("x", size), 3))
			if err != nil {
				t.Fatal(err)
			}
			if n, err := receive(s); n != 3 || err != io.EOF {
				t.Errorf("%d messages, %v", n, err)
			}
		})
	}
}

// A server that is silent is left for another in time for the caller's deadline.
func TestSilentServerStreamGoesElsewhere(t *testing.T) {
	streams(t, func(t *testing.T, _ *world, _ *balancer.Router, client pb.TestServiceClient) {
		ctx, cancel := context.WithTimeout(scripted(cloudgrpc.WithIdempotent(t.Context()), "a", "hang", 1), 10*time.Second)
		defer cancel()
		s, err := client.StreamingOutputCall(ctx, question("q", 3))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := receive(s); n != 3 || err != io.EOF {
			t.Errorf("%d messages, %v", n, err)
		}
		wantTrailer(t, s, "b", "q")
	})
}

func TestStreamsThatAreNotIdempotentStay(t *testing.T) {
	streams(t, func(t *testing.T, w *world, r *balancer.Router, client pb.TestServiceClient) {
		s, err := client.StreamingOutputCall(scripted(t.Context(), "a", "fail", 1), question("q", 3))
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Recv()
		var failed *balancer.CallError
		if !errors.As(err, &failed) || !failed.Ambiguous || len(failed.Attempts) != 1 || status.Code(err) != codes.Unavailable {
			t.Errorf("%v", err)
		}
		wantTrailer(t, s, "a", "q")
		if n := w.servers["10.0.1.1:9090"].count(); n != 0 {
			t.Errorf("%d calls at b", n)
		}
		// What certainly wasn't sent may be.
		w.servers["10.0.0.1:9090"].stop()
		synctest.Wait()
		if s, err = client.StreamingOutputCall(t.Context(), question("q", 3)); err != nil {
			t.Fatal(err)
		}
		if n, err := receive(s); n != 3 || err != io.EOF {
			t.Errorf("%d messages, %v", n, err)
		}
	})
}

// Once there are headers the attempt is the stream.
func TestNoReplayAfterHeaders(t *testing.T) {
	for _, what := range []string{"late", "dead"} {
		streams(t, func(t *testing.T, w *world, r *balancer.Router, client pb.TestServiceClient) {
			ctx := scripted(cloudgrpc.WithIdempotent(t.Context()), "a", what, 1)
			s, err := client.StreamingOutputCall(ctx, question("q", 3))
			if err != nil {
				t.Fatal(err)
			}
			n, err := receive(s)
			var failed *balancer.CallError
			if n != 2 || status.Code(err) != codes.Unavailable || !errors.As(err, &failed) {
				t.Fatalf("%s: %d messages, %v", what, n, err)
			}
			if len(failed.Attempts) != 1 || failed.Attempts[0].Cloud != "a" || failed.Ambiguous || failed.Tier != "standard" {
				t.Errorf("%s: %+v", what, failed)
			}
			if n := w.servers["10.0.1.1:9090"].count(); n != 0 {
				t.Errorf("%s: %d calls at b", what, n)
			}
			if c := counted(r, "a"); c.Bad != 1 || c.OK != 1 {
				t.Errorf("%s: counted %+v", what, c)
			}
		})
	}
}

// An application's error is the answer, with headers and without.
func TestStreamAnswersWithAnError(t *testing.T) {
	streams(t, func(t *testing.T, w *world, r *balancer.Router, client pb.TestServiceClient) {
		w.servers["10.0.0.1:9090"].set(fails(codes.NotFound))
		s, err := client.StreamingOutputCall(cloudgrpc.WithIdempotent(t.Context()), question("q", 3))
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Recv()
		var failed *balancer.CallError
		if status.Code(err) != codes.NotFound || errors.As(err, &failed) || status.Convert(err).Message() != "out of order" {
			t.Errorf("%v", err)
		}
		if bad := counted(r, "a").Bad; bad != 0 {
			t.Errorf("%d bad attempts", bad)
		}
	})
}

// With a retry policy gRPC itself retries, and leaves the failed cloud, too. While
// it waits it holds a mutex, for which a bubble's clock would stand still: so
// everything is sent before.
func TestRetryPolicyOfStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		cfg.Clouds = map[string]balancer.Cloud{"a": {Weight: 1e6}, "b": {Weight: 1}}
		w := newWorld(t, cfg)
		r := w.router(cfg)
		conn := w.conn(r, cloudgrpc.WithServiceConfig(`{"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 3,
			"initialBackoff": "0.01s", "maxBackoff": "0.01s", "backoffMultiplier": 1, "retryableStatusCodes": ["UNAVAILABLE"]}}]}`))
		conn.Connect()
		synctest.Wait()
		s, err := pb.NewTestServiceClient(conn).StreamingInputCall(scripted(t.Context(), "a", "stall", 2))
		if err != nil {
			t.Fatal(err)
		}
		for _, body := range []string{"1", "22"} {
			if err := s.Send(input(body)); err != nil {
				t.Fatal(err)
			}
		}
		if resp, err := s.CloseAndRecv(); err != nil || resp.AggregatedPayloadSize != 3 {
			t.Errorf("%v, %v", resp, err)
		}
		wantTrailer(t, s, "b", "1", "22")
		synctest.Wait()
		wantIdle(t, r)
		if a, b := counted(r, "a"), counted(r, "b"); a.Bad != 1 || b.OK != 1 || b.Bad != 0 {
			t.Errorf("counted %+v at a, %+v at b", a, b)
		}
	})
}
