package cloudgrpc_test

import (
	"context"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
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

// A context that was taken before the answer ends with the stream, whatever that
// ended with.
func TestStreamContextEnds(t *testing.T) {
	for _, c := range []struct {
		what string
		want error
	}{{"", io.EOF}, {"fail", status.Error(codes.Unavailable, "scripted")}} {
		streams(t, func(t *testing.T, _ *world, _ *balancer.Router, client pb.TestServiceClient) {
			s, err := client.FullDuplexCall(scripted(t.Context(), "a", c.what, 1))
			if err != nil {
				t.Fatal(err)
			}
			early := s.Context()
			if err := s.Send(question("q", 2)); err != nil {
				t.Fatal(err)
			}
			if err := s.CloseSend(); err != nil {
				t.Fatal(err)
			}
			if early.Err() != nil {
				t.Errorf("%s: over before its end", c.what)
			}
			if _, err := receive(s); status.Code(err) != status.Code(c.want) {
				t.Errorf("%s: %v", c.what, err)
			}
			if early.Err() != context.Canceled || s.Context().Err() != context.Canceled {
				t.Errorf("%s: %v and %v after the end", c.what, early.Err(), s.Context().Err())
			}
		})
	}
}
