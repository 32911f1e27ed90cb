package cloudgrpc_test

import (
	"context"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

// What the servers of a cloud do with a stream is written in its metadata: what
// they do after n messages, without having sent headers.
//
//	fail N    fails with UNAVAILABLE
//	stall N   does so after a second
//	die N     ends the server and its connections
//	hang N    does nothing until the stream ends
//	headers N sends headers, and goes on
//	late N    sends headers, and fails with UNAVAILABLE after two answers
//	cancel N  likewise with CANCELED
//	expire N  likewise with DEADLINE_EXCEEDED
//	dead N    sends headers, and ends the server after two answers
//	flood N   answers without end, and reads no more
func scripted(ctx context.Context, cloud, what string, n int) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "at-"+cloud, what+" "+strconv.Itoa(n))
}

// script is what a server does with one stream.
type script struct {
	*server
	ss    grpc.ServerStream
	what  string
	after int
	got   []string // the bodies of the messages, or their sizes if they are long
	sent  int
}

func (s *server) script(ss grpc.ServerStream) *script {
	c := &script{server: s, ss: ss, after: -1}
	md, _ := metadata.FromIncomingContext(ss.Context())
	if v := md.Get("at-" + s.cloud); len(v) > 0 {
		what, n, _ := strings.Cut(v[0], " ")
		c.what = what
		c.after, _ = strconv.Atoi(n)
	}
	return c
}

// read takes note of a message.
func (c *script) read(p *pb.Payload) {
	body := string(p.GetBody())
	if len(body) > 100 {
		body = strconv.Itoa(len(body))
	}
	c.got = append(c.got, body)
}

// turn does what the script says once enough messages were read.
func (c *script) turn() error {
	if c.after != len(c.got) {
		return nil
	}
	switch c.what {
	case "fail":
		return status.Error(codes.Unavailable, "scripted")
	case "stall":
		time.Sleep(time.Second)
		return status.Error(codes.Unavailable, "scripted")
	case "die":
		go c.stop()
		<-c.ss.Context().Done()
		return status.FromContextError(c.ss.Context().Err()).Err()
	case "hang":
		<-c.ss.Context().Done()
		return status.FromContextError(c.ss.Context().Err()).Err()
	case "headers", "late", "cancel", "expire", "dead":
		return c.ss.SendHeader(nil)
	case "flood":
		for {
			if err := c.ss.SendMsg(c.answer(1 << 10)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *script) answer(size int) *pb.StreamingOutputCallResponse {
	body := make([]byte, max(size, len(c.cloud)))
	copy(body, c.cloud)
	return &pb.StreamingOutputCallResponse{Payload: &pb.Payload{Body: body}}
}

// send answers once more.
func (c *script) send(size int) error {
	if c.sent == 2 {
		switch c.what {
		case "late":
			return status.Error(codes.Unavailable, "scripted")
		case "cancel":
			return status.Error(codes.Canceled, "scripted")
		case "expire":
			return status.Error(codes.DeadlineExceeded, "scripted")
		case "dead":
			time.Sleep(time.Millisecond) // what was answered is on its way
			go c.stop()
			<-c.ss.Context().Done()
			return nil
		}
	}
	c.sent++
	return c.ss.SendMsg(c.answer(size))
}

// end tells the caller what was read, and by whom.
func (c *script) end() {
	c.ss.SetTrailer(metadata.MD{"got": c.got, "cloud": {c.cloud}})
}

// StreamingOutputCall answers as often as there are parameters.
func (s *server) StreamingOutputCall(req *pb.StreamingOutputCallRequest, ss grpc.ServerStreamingServer[pb.StreamingOutputCallResponse]) error {
	c := s.script(ss)
	defer c.end()
	c.read(req.Payload)
	if err := c.turn(); err != nil {
		return err
	}
	for _, p := range req.ResponseParameters {
		time.Sleep(time.Duration(p.IntervalUs) * time.Microsecond)
		if err := c.send(int(p.Size)); err != nil {
			return err
		}
	}
	return nil
}

// StreamingInputCall answers with the sum of the sizes.
func (s *server) StreamingInputCall(ss grpc.ClientStreamingServer[pb.StreamingInputCallRequest, pb.StreamingInputCallResponse]) error {
	c := s.script(ss)
	defer c.end()
	sum := 0
	for {
		if err := c.turn(); err != nil {
			return err
		}
		req, err := ss.Recv()
		if err == io.EOF {
			return ss.SendAndClose(&pb.StreamingInputCallResponse{AggregatedPayloadSize: int32(sum)})
		}
		if err != nil {
			return err
		}
		sum += len(req.Payload.GetBody())
		c.read(req.Payload)
	}
}

// FullDuplexCall answers each message as often as it has parameters.
func (s *server) FullDuplexCall(ss grpc.BidiStreamingServer[pb.StreamingOutputCallRequest, pb.StreamingOutputCallResponse]) error {
	c := s.script(ss)
	defer c.end()
	for {
		if err := c.turn(); err != nil {
			return err
		}
		req, err := ss.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		c.read(req.Payload)
		for _, p := range req.ResponseParameters {
			if err := c.send(int(p.Size)); err != nil {
				return err
			}
		}
	}
}

// question is a message with a body that is to be answered n times.
func question(body string, n int) *pb.StreamingOutputCallRequest {
	return &pb.StreamingOutputCallRequest{
		Payload:            &pb.Payload{Body: []byte(body)},
		ResponseParameters: slices.Repeat([]*pb.ResponseParameters{{}}, n),
	}
}

func input(body string) *pb.StreamingInputCallRequest {
	return &pb.StreamingInputCallRequest{Payload: &pb.Payload{Body: []byte(body)}}
}

// streams runs a test in a bubble: one server in each cloud, and as good as all
// calls begin at a. In the end nothing may be in flight.
func streams(t *testing.T, test func(*testing.T, *world, *balancer.Router, pb.TestServiceClient)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		cfg.Clouds = map[string]balancer.Cloud{"a": {Weight: 1e6}, "b": {Weight: 1}}
		for i := range cfg.Tiers {
			cfg.Tiers[i].Timeout = 800 * time.Millisecond
		}
		w := newWorld(t, cfg)
		r := w.router(cfg)
		conn := w.conn(r)
		conn.Connect()
		if err := r.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		test(t, w, r, pb.NewTestServiceClient(conn))
		synctest.Wait()
		wantIdle(t, r)
	})
}

func wantIdle(t *testing.T, r *balancer.Router) {
	t.Helper()
	for _, c := range r.Status().Services[0].Clouds {
		for _, e := range c.Endpoints {
			if e.InFlight != 0 {
				t.Errorf("%d in flight at %s %s", e.InFlight, c.Name, e.Address)
			}
		}
	}
}

// counted is what was counted of a cloud in the last 10 s.
func counted(r *balancer.Router, cloud string) health.Counts {
	time.Sleep(200 * time.Millisecond) // until the next sweep
	return cloudStatus(r, cloud).Counts
}
