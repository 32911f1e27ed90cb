package cloudgrpc_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
	"github.com/fairlead-go/fairlead/failover"
)

// refuser is as much of an HTTP/2 server as refuses streams, which says that it
// hasn't processed them (RFC 9113, 8.7). Until it begins to, it answers each call
// that it doesn't implement it.
type refuser struct {
	begun  atomic.Bool
	answer func(cloud string) []byte // a header block that it ends streams with instead; nil: none
}

// Frame types, flags and a code of RFC 9113.
const (
	h2Headers, h2Reset, h2Settings, h2Ping = 1, 3, 4, 6
	h2Ack, h2EndStream, h2EndHeaders       = 1, 1, 4
	h2RefusedStream                        = 7
)

func (r *refuser) serve(conn net.Conn, cloud string) {
	defer conn.Close()
	send := func(kind, flags byte, stream uint32, payload []byte) {
		frame := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
		frame = binary.BigEndian.AppendUint32(append(frame, flags), stream)
		_, _ = conn.Write(append(frame, payload...))
	}
	preface := make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
	if _, err := io.ReadFull(conn, preface); err != nil {
		return
	}
	send(h2Settings, 0, 0, nil)
	for {
		var head [9]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return
		}
		payload := make([]byte, binary.BigEndian.Uint32(head[:])>>8)
		if _, err := io.ReadFull(conn, payload); err != nil {
			return
		}
		stream := binary.BigEndian.Uint32(head[5:])
		switch kind, flags := head[3], head[4]; {
		case kind == h2Settings && flags&h2Ack == 0:
			send(h2Settings, h2Ack, 0, nil)
		case kind == h2Ping && flags&h2Ack == 0:
			send(h2Ping, h2Ack, 0, payload)
		case kind == h2Headers:
			if block := r.block(cloud); block != nil {
				send(h2Headers, h2EndStream|h2EndHeaders, stream, block)
			} else {
				send(h2Reset, 0, stream, binary.BigEndian.AppendUint32(nil, h2RefusedStream))
			}
		}
	}
}

// dialer connects to cloud c of a world, and to the refuser instead of the others.
func (r *refuser) dialer(w *world) grpc.DialOption {
	return grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
		cloud := w.servers[address].cloud
		if cloud == "c" {
			return w.dial(ctx, address)
		}
		ours, theirs := net.Pipe()
		go r.serve(theirs, cloud)
		return ours, nil
	})
}

// block is what a stream is ended with, nil for a reset.
func (r *refuser) block(cloud string) []byte {
	switch {
	case !r.begun.Load():
		return headerBlock("grpc-status", "12")
	case r.answer != nil:
		return r.answer(cloud)
	}
	return nil
}

// headerBlock is an indexed ":status: 200" and literals: names and values.
func headerBlock(fields ...string) []byte {
	block := []byte{0x88}
	for i, s := range append([]string{"content-type", "application/grpc"}, fields...) {
		if i%2 == 0 {
			block = append(block, 0)
		}
		block = append(append(block, byte(len(s))), s...)
	}
	return block
}

// refusal is a world where clouds a and b refuse streams, and as good as all calls
// try a first, then b, and then c, which answers. It counts the attempts.
func refusal(t *testing.T, retry failover.BudgetSettings) (attempts *atomic.Int64, r *balancer.Router, client pb.TestServiceClient) {
	attempts, r, conn := refusalBy(t, new(refuser), retry)
	return attempts, r, pb.NewTestServiceClient(conn)
}

// refusalBy is the same with a refuser and options of one's own.
func refusalBy(t *testing.T, refusing *refuser, retry failover.BudgetSettings, opts ...grpc.DialOption) (attempts *atomic.Int64, r *balancer.Router, conn *grpc.ClientConn) {
	cfg := testConfig(1)
	cfg.Clouds = map[string]balancer.Cloud{"a": {Weight: 1e9}, "b": {Weight: 3e4}, "c": {Weight: 1}}
	cfg.Services["api"].Clouds["c"] = balancer.ServiceCloud{GRPC: []string{"10.0.2.1:9090"}}
	cfg.Tiers = cfg.Tiers[:1] // of three attempts
	cfg.Default = "critical"
	cfg.Retry = retry
	w := newWorld(t, cfg)
	attempts = new(atomic.Int64)
	r = w.router(cfg, balancer.WithTrace(balancer.Trace{Picked: func(balancer.Attempt) { attempts.Add(1) }}))
	conn = w.conn(r, append(opts, refusing.dialer(w))...)
	conn.Connect()
	if err := r.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	refusing.begun.Store(true)
	return attempts, r, conn
}

// What servers refuse to process gRPC repeats once by itself. If it is refused
// again, the call goes on to the next cloud.
func TestRefusedStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts, r, client := refusal(t, failover.BudgetSettings{})
		resp, err := client.UnaryCall(cloudgrpc.WithIdempotent(t.Context()), &pb.SimpleRequest{})
		if err != nil || resp.ServerId != "c" {
			t.Fatalf("%v, %v", resp, err)
		}
		if n := attempts.Load(); n != 3 {
			t.Errorf("%d attempts, want one at each cloud", n)
		}
		wantIdle(t, r)
	})
}

// If the budget doesn't pay for what gRPC would repeat, the caller hears that, and
// that nothing has happened.
func TestRefusedStreamsWithoutBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts, r, client := refusal(t, failover.BudgetSettings{Fraction: 1e-9, Floor: 1e-9})
		for range 5 { // each takes two of ten tokens
			if _, err := client.UnaryCall(cloudgrpc.WithIdempotent(t.Context()), &pb.SimpleRequest{}); err != nil {
				t.Fatal(err)
			}
		}
		_, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{})
		var failed *balancer.CallError
		if !errors.As(err, &failed) || status.Code(err) != codes.Unavailable || failed.Stop != "the retry budget is spent" || failed.Ambiguous {
			t.Errorf("got %v", err)
		}
		if n := attempts.Load(); n != 5*3+1 {
			t.Errorf("%d attempts, want 16", n)
		}
		wantIdle(t, r)
	})
}
