package cloudgrpc_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
)

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
