package cloudgrpc_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
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
)

// receive reads a stream to its end, and returns the number of messages.
func receive(s interface {
	Recv() (*pb.StreamingOutputCallResponse, error)
}) (n int, err error) {
	for {
		if _, err := s.Recv(); err != nil {
			return n, err
		}
		n++
	}
}

func wantTrailer(t *testing.T, s grpc.ClientStream, cloud string, got ...string) {
	t.Helper()
	trailer := s.Trailer()
	if c := trailer.Get("cloud"); !slices.Equal(c, []string{cloud}) {
		t.Errorf("answered by %v, want %s", c, cloud)
	}
	if g := trailer.Get("got"); !slices.Equal(g, got) {
		t.Errorf("%s got %v, want %v", cloud, g, got)
	}
}

func TestServerStream(t *testing.T) {
	streams(t, func(t *testing.T, _ *world, r *balancer.Router, client pb.TestServiceClient) {
		s, err := client.StreamingOutputCall(t.Context(), question("q", 5))
		if err != nil {
			t.Fatal(err)
		}
		n, err := receive(s)
		if n != 5 || err != io.EOF {
			t.Errorf("%d messages, %v", n, err)
		}
		if _, err := s.Recv(); err != io.EOF {
			t.Errorf("after the end: %v", err)
		}
		wantTrailer(t, s, "a", "q")
		if c := counted(r, "a"); c.OK != 1 || c.Bad != 0 {
			t.Errorf("counted %+v", c)
		}
	})
}

func TestServerStreamWithoutMessages(t *testing.T) {
	streams(t, func(t *testing.T, _ *world, _ *balancer.Router, client pb.TestServiceClient) {
		s, err := client.StreamingOutputCall(t.Context(), question("q", 0))
		if err != nil {
			t.Fatal(err)
		}
		if md, err := s.Header(); md != nil || err != nil {
			t.Errorf("headers %v, %v", md, err)
		}
		if n, err := receive(s); n != 0 || err != io.EOF {
			t.Errorf("%d messages, %v", n, err)
		}
		wantTrailer(t, s, "a", "q")
	})
}

func TestClientStream(t *testing.T) {
	streams(t, func(t *testing.T, _ *world, _ *balancer.Router, client pb.TestServiceClient) {
		s, err := client.StreamingInputCall(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, body := range []string{"1", "22", "333"} {
			if err := s.Send(input(body)); err != nil {
				t.Fatal(err)
			}
		}
		resp, err := s.CloseAndRecv()
		if err != nil || resp.AggregatedPayloadSize != 6 {
			t.Errorf("%v, %v", resp, err)
		}
		wantTrailer(t, s, "a", "1", "22", "333")
	})
}

func TestPingPong(t *testing.T) {
	streams(t, func(t *testing.T, _ *world, _ *balancer.Router, client pb.TestServiceClient) {
		s, err := client.FullDuplexCall(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var sent []string
		for i := range 20 {
			sent = append(sent, strings.Repeat("x", i))
			if err := s.Send(question(sent[i], 1)); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Recv(); err != nil {
				t.Fatal(err)
			}
		}
		s.CloseSend()
		if n, err := receive(s); n != 0 || err != io.EOF {
			t.Errorf("%d messages more, %v", n, err)
		}
		wantTrailer(t, s, "a", sent...)
	})
}

// A stream at a cloud that is drained has a grace, and ends with a typed error.
func TestStreamEndsWhenItsCloudIsDrained(t *testing.T) {
	streams(t, func(t *testing.T, _ *world, r *balancer.Router, client pb.TestServiceClient) {
		s, err := client.FullDuplexCall(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Send(question("q", 1)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Recv(); err != nil {
			t.Fatal(err)
		}
		if err := r.Drain("a", balancer.WithGrace(5*time.Second)); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err = s.Recv()
		var drained *balancer.DrainedError
		if took := time.Since(began); !errors.As(err, &drained) || drained.Cloud != "a" || status.Code(err) != codes.Unavailable || took < 5*time.Second || took > 5100*time.Millisecond {
			t.Errorf("after %v: %v", took, err)
		}
		if c := counted(r, "a"); c.Bad != 0 {
			t.Errorf("counted %+v", c)
		}
	})
}

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

func TestBeyondTheLogThereIsNoReplay(t *testing.T) {
	streams(t, func(t *testing.T, w *world, _ *balancer.Router, client pb.TestServiceClient) {
		ctx := scripted(cloudgrpc.WithIdempotent(t.Context()), "a", "fail", 5)
		s, err := client.StreamingInputCall(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var sendErr error
		for i := 0; i < 100 && sendErr == nil; i++ {
			sendErr = s.Send(input(strings.Repeat("x", 20<<10)))
			synctest.Wait()
		}
		if sendErr != io.EOF {
			t.Errorf("SendMsg: %v", sendErr)
		}
		_, err = s.CloseAndRecv()
		var failed *balancer.CallError
		if !errors.As(err, &failed) || status.Code(err) != codes.Unavailable || failed.Stop != "what the call sends can't be sent again" {
			t.Errorf("%v", err)
		}
		if n := w.servers["10.0.1.1:9090"].count(); n != 0 {
			t.Errorf("%d calls at b", n)
		}
	})
}

// A message that finds no place in the log waits for the next attempt while there
// is none.
func TestBigMessagesWait(t *testing.T) {
	streams(t, func(t *testing.T, w *world, _ *balancer.Router, client pb.TestServiceClient) {
		b := w.servers["10.0.1.1:9090"]
		b.stop()
		b.stalled = make(chan struct{})
		b.restart()
		synctest.Wait()
		ctx := scripted(cloudgrpc.WithIdempotent(t.Context()), "a", "die", 1)
		s, err := client.StreamingInputCall(ctx, grpc.WaitForReady(true))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Send(input("1")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		time.AfterFunc(500*time.Millisecond, func() { close(b.stalled) })
		began := time.Now()
		for i := range 3 {
			if err := s.Send(input(strings.Repeat("x", 1<<20))); err != nil {
				t.Fatal(err)
			}
			if i == 0 && time.Since(began) < 500*time.Millisecond {
				t.Error("sent to nobody")
			}
		}
		if _, err := s.CloseAndRecv(); err != nil {
			t.Fatal(err)
		}
		wantTrailer(t, s, "b", "1", "1048576", "1048576", "1048576")
	})
}

func TestReplayDoesNotWaitForTheServer(t *testing.T) {
	streams(t, func(t *testing.T, _ *world, _ *balancer.Router, client pb.TestServiceClient) {
		ctx, cancel := context.WithCancel(cloudgrpc.WithIdempotent(t.Context()))
		ctx = scripted(scripted(ctx, "a", "fail", 21), "b", "flood", 0)
		s, err := client.FullDuplexCall(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for range 21 {
			if err := s.Send(question(strings.Repeat("x", 3000), 0)); err != nil {
				t.Fatal(err)
			}
		}
		for range 1000 {
			if _, err := s.Recv(); err != nil {
				t.Fatal(err)
			}
		}
		cancel()
		if _, err := receive(s); status.Code(err) != codes.Canceled {
			t.Error(err)
		}
	})
}

// Big messages wait for the server to read, and all arrive.
func TestBackpressure(t *testing.T) {
	streams(t, func(t *testing.T, _ *world, _ *balancer.Router, client pb.TestServiceClient) {
		ctx := scripted(t.Context(), "a", "headers", 0)
		s, err := client.FullDuplexCall(ctx)
		if err != nil {
			t.Fatal(err)
		}
		const n, size = 50, 1 << 18
		go func() {
			for range n {
				q := question(strings.Repeat("x", size), 1)
				q.ResponseParameters[0].Size = size
				if err := s.Send(q); err != nil {
					t.Error(err)
				}
			}
			s.CloseSend()
		}()
		if got, err := receive(s); got != n || err != io.EOF {
			t.Errorf("%d messages, %v", got, err)
		}
	})
}

// A subscription that has nothing to tell is left alone, be it by headers or not.
func TestQuietSubscription(t *testing.T) {
	streams(t, func(t *testing.T, _ *world, r *balancer.Router, client pb.TestServiceClient) {
		q := question("q", 2)
		for _, p := range q.ResponseParameters {
			p.IntervalUs = int32(15 * time.Minute / time.Microsecond)
		}
		subscribe := func(ctx context.Context) {
			s, err := client.StreamingOutputCall(ctx, q)
			if err != nil {
				t.Error(err)
				return
			}
			began := time.Now()
			n, err := receive(s)
			if took := time.Since(began); n != 2 || err != io.EOF || took < 30*time.Minute {
				t.Errorf("%d messages, %v after %v", n, err, took)
			}
			wantTrailer(t, s, "a", "q")
		}
		ctx := cloudgrpc.WithIdempotent(t.Context())
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() { subscribe(ctx) })
			wg.Go(func() { subscribe(scripted(ctx, "a", "headers", 1)) })
		}
		wg.Wait()
		if c := cloudStatus(r, "a"); c.State != health.Healthy || !c.Endpoints[0].Eligible || c.Since.After(time.Now().Add(-30*time.Minute)) {
			t.Errorf("%v %+v", c, c.Endpoints)
		}
	})
}

func TestCancel(t *testing.T) {
	for _, c := range []struct {
		what    string
		receive bool
	}{{"hang", true}, {"hang", false}, {"headers", true}, {"headers", false}} {
		streams(t, func(t *testing.T, _ *world, r *balancer.Router, client pb.TestServiceClient) {
			ctx, cancel := context.WithCancel(scripted(cloudgrpc.WithIdempotent(t.Context()), "a", c.what, 0))
			s, err := client.FullDuplexCall(ctx)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			cancel()
			if c.receive {
				if _, err := s.Recv(); status.Code(err) != codes.Canceled {
					t.Errorf("%v: %v", c, err)
				}
			}
			synctest.Wait()
			wantIdle(t, r)
			if bad := counted(r, "a").Bad; bad != 0 {
				t.Errorf("%v: %d bad attempts", c, bad)
			}
		})
	}
}

func TestDeadline(t *testing.T) {
	for _, what := range []string{"hang", "headers"} {
		streams(t, func(t *testing.T, _ *world, r *balancer.Router, client pb.TestServiceClient) {
			ctx, cancel := context.WithTimeout(scripted(t.Context(), "a", what, 0), 2*time.Second)
			defer cancel()
			s, err := client.FullDuplexCall(ctx)
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			_, err = s.Recv()
			if took := time.Since(began); status.Code(err) != codes.DeadlineExceeded || took != 2*time.Second {
				t.Errorf("%s: %v after %v", what, err, took)
			}
		})
	}
}

func TestOpeningFails(t *testing.T) {
	streams(t, func(t *testing.T, w *world, r *balancer.Router, client pb.TestServiceClient) {
		for _, s := range w.servers {
			s.stop()
		}
		time.Sleep(100 * time.Millisecond)
		ends := 0
		_, err := client.FullDuplexCall(t.Context(), grpc.OnFinish(func(error) { ends++ }))
		var failed *balancer.CallError
		if !errors.As(err, &failed) || status.Code(err) != codes.Unavailable || failed.Ambiguous || ends != 1 {
			t.Errorf("%v; told %d times", err, ends)
		}
		go func() {
			time.Sleep(10 * time.Second)
			w.servers["10.0.1.1:9090"].restart()
		}()
		s, err := client.FullDuplexCall(t.Context(), grpc.WaitForReady(true))
		if err != nil {
			t.Fatal(err)
		}
		s.CloseSend()
		if _, err := receive(s); err != io.EOF {
			t.Error(err)
		}
	})
}

func TestStreamOptions(t *testing.T) {
	streams(t, func(t *testing.T, _ *world, _ *balancer.Router, client pb.TestServiceClient) {
		var header, trailer metadata.MD
		var p peer.Peer
		var ends []error
		ctx := scripted(cloudgrpc.WithIdempotent(t.Context()), "a", "fail", 1)
		s, err := client.StreamingOutputCall(ctx, question("q", 1), grpc.Header(&header), grpc.Trailer(&trailer), grpc.Peer(&p),
			grpc.OnFinish(func(err error) { ends = append(ends, err) }))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := receive(s); err != io.EOF {
			t.Fatal(err)
		}
		if !slices.Equal(trailer.Get("cloud"), []string{"b"}) || len(header) == 0 || p.Addr == nil {
			t.Errorf("header %v, trailer %v, peer %v", header, trailer, p)
		}
		if len(ends) != 1 || ends[0] != nil {
			t.Errorf("told %v", ends)
		}
	})
}

// The context is good before the answer, and names the peer.
func TestStreamContext(t *testing.T) {
	type key struct{}
	streams(t, func(t *testing.T, _ *world, _ *balancer.Router, client pb.TestServiceClient) {
		ctx, cancel := context.WithCancel(context.WithValue(scripted(t.Context(), "a", "hang", 0), key{}, "mine"))
		s, err := client.FullDuplexCall(ctx)
		if err != nil {
			t.Fatal(err)
		}
		early := s.Context()
		if p, ok := peer.FromContext(early); !ok || p.Addr == nil {
			t.Errorf("no peer")
		}
		if early.Value(key{}) != "mine" || early.Err() != nil {
			t.Errorf("value %v, %v", early.Value(key{}), early.Err())
		}
		cancel()
		if _, err := s.Recv(); status.Code(err) != codes.Canceled || early.Err() == nil {
			t.Error(err)
		}
	})
}

// A message that can't be sent is nobody's fault but the caller's.
func TestUnsendable(t *testing.T) {
	for _, what := range []string{"hang", "headers"} {
		for _, code := range []codes.Code{codes.Internal, codes.ResourceExhausted} {
			streams(t, func(t *testing.T, w *world, r *balancer.Router, client pb.TestServiceClient) {
				ctx := scripted(cloudgrpc.WithIdempotent(t.Context()), "a", what, 0)
				s, err := client.StreamingInputCall(ctx, grpc.MaxCallSendMsgSize(1000))
				if err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				var m any = input(strings.Repeat("x", 2000))
				if code == codes.Internal {
					m = "no message"
				}
				if err := s.SendMsg(m); status.Code(err) != code {
					t.Errorf("%s, SendMsg: %v", what, err)
				}
				if err := s.RecvMsg(&pb.StreamingInputCallResponse{}); status.Code(err) != code {
					t.Errorf("%s, RecvMsg: %v, want %v", what, err, code)
				}
				if bad := counted(r, "a").Bad + counted(r, "b").Bad; bad != 0 {
					t.Errorf("%s: %d bad attempts", what, bad)
				}
			})
		}
	}
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

func TestPreparedMessages(t *testing.T) {
	streams(t, func(t *testing.T, w *world, _ *balancer.Router, client pb.TestServiceClient) {
		s, err := client.StreamingInputCall(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			m := &grpc.PreparedMsg{}
			if err := m.Encode(s, input("22")); err != nil {
				t.Fatal(err)
			}
			if err := s.SendMsg(m); err != nil {
				t.Fatal(err)
			}
		}
		if resp, err := s.CloseAndRecv(); err != nil || resp.AggregatedPayloadSize != 6 {
			t.Errorf("%v, %v", resp, err)
		}
	})
}

// Closing in any order ends all streams, and blames nobody.
func TestCloseWithOpenStreams(t *testing.T) {
	for _, what := range []string{"hang", "headers"} {
		for _, first := range []string{"conn", "router"} {
			synctest.Test(t, func(t *testing.T) {
				cfg := testConfig(1)
				w := newWorld(t, cfg)
				r := w.router(cfg)
				conn := w.conn(r)
				ctx := scripted(scripted(cloudgrpc.WithIdempotent(t.Context()), "a", what, 0), "b", what, 0)
				for range 20 {
					if _, err := pb.NewTestServiceClient(conn).FullDuplexCall(ctx); err != nil {
						t.Fatal(err)
					}
				}
				synctest.Wait()
				if first == "router" {
					r.Close()
				}
				conn.Close()
				synctest.Wait()
				wantIdle(t, r)
				if bad := counted(r, "a").Bad + counted(r, "b").Bad; bad != 0 {
					t.Errorf("%s, %s first: %d bad attempts", what, first, bad)
				}
			})
		}
	}
}

// A cloud dies under a thousand streams of all kinds. Those that had no answer
// yet go on elsewhere, the others break, and nothing remains.
func TestACloudDiesUnderStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(2)
		w := newWorld(t, cfg)
		r := w.router(cfg)
		conn := w.conn(r)
		conn.Connect()
		synctest.Wait()
		client := pb.NewTestServiceClient(conn)
		var wg sync.WaitGroup
		var mu sync.Mutex
		ends := map[string]int{}
		for i := range 1000 {
			wg.Go(func() {
				ctx, cancel := context.WithCancel(cloudgrpc.WithIdempotent(t.Context()))
				defer cancel()
				if i%4 == 0 {
					ctx = scripted(ctx, "a", "hang", 0)
				}
				s, err := client.FullDuplexCall(ctx)
				if err != nil {
					t.Error(err)
					return
				}
				if i%5 == 0 {
					wg.Go(func() { // who never receives
						time.Sleep(2 * time.Second)
						cancel()
					})
				} else {
					wg.Go(func() {
						n, err := receive(s)
						mu.Lock()
						defer mu.Unlock()
						switch {
						case err == io.EOF:
							ends["well"]++
							if want := 50; n != want {
								t.Errorf("%d messages, want %d", n, want)
							}
						case i%4 == 0:
							var failed *balancer.CallError
							if !errors.As(err, &failed) || failed.Stop != "the retry budget is spent" {
								t.Errorf("had no answer: %v", err)
							}
						default:
							ends[status.Code(err).String()]++
						}
					})
				}
				for range 50 {
					if s.Send(question("q", 1)) != nil {
						break
					}
					time.Sleep(20 * time.Millisecond)
				}
				s.CloseSend()
				time.Sleep(10 * time.Second)
			})
		}
		time.Sleep(500 * time.Millisecond)
		for _, s := range w.servers {
			if s.cloud == "a" {
				s.stop()
			}
		}
		wg.Wait()
		synctest.Wait()
		wantIdle(t, r)
		t.Log(ends)
		if ends["well"] < 100 || ends["Unavailable"] < 100 {
			t.Errorf("ends: %v", ends)
		}
	})
}
