package cloudgrpc_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
)

// slowCodec takes its time to encode a message: the stream is open by then, and may
// have ended before anything is written.
type slowCodec struct {
	encoding.CodecV2
	encoding func() // what happens meanwhile; nil: nothing
}

func (c slowCodec) Marshal(v any) (mem.BufferSlice, error) {
	time.Sleep(50 * time.Millisecond)
	if c.encoding != nil {
		c.encoding()
	}
	return c.CodecV2.Marshal(v)
}

func slowly() grpc.CallOption {
	return grpc.ForceCodecV2(slowCodec{CodecV2: encoding.GetCodecV2("proto")})
}

// retryUnavailable has gRPC retry at once.
const retryUnavailable = `{"methodConfig": [{"name": [{}], "retryPolicy": {
	"maxAttempts": 2, "initialBackoff": "0.001s", "maxBackoff": "0.001s", "backoffMultiplier": 1, "retryableStatusCodes": ["UNAVAILABLE"]
}}]}`

func answering(block []byte) *refuser { return &refuser{answer: func(string) []byte { return block }} }

var noBudget = failover.BudgetSettings{Fraction: 1e-9, Floor: 1e-9}

// spend uses up the budget of a refusal: each call takes two of ten tokens.
func spend(t *testing.T, client pb.TestServiceClient) {
	for range 5 {
		if _, err := client.UnaryCall(cloudgrpc.WithIdempotent(t.Context()), &pb.SimpleRequest{}); err != nil {
			t.Fatal(err)
		}
	}
}

// A stream that ends before its message is written hasn't succeeded, though gRPC
// ends the attempt without an error.
func TestRefusedWhileSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts, r, client := refusal(t, failover.BudgetSettings{})
		resp, err := client.UnaryCall(cloudgrpc.WithIdempotent(t.Context()), &pb.SimpleRequest{}, slowly())
		if err != nil || resp.ServerId != "c" {
			t.Errorf("%v, %v", resp, err)
		}
		if n := attempts.Load(); n != 3 {
			t.Errorf("%d attempts, want one at each cloud", n)
		}
		if c := counted(r, "a"); c.OK != 0 || c.Bad != 1 {
			t.Errorf("counted %+v", c)
		}
		wantIdle(t, r)
	})
}

func TestRefusedWhileSendingWithoutBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, r, client := refusal(t, noBudget)
		spend(t, client)
		resp, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{}, slowly())
		var failed *balancer.CallError
		if !errors.As(err, &failed) || status.Code(err) != codes.Unavailable || failed.Stop != "the retry budget is spent" || failed.Ambiguous {
			t.Errorf("%v, %v", resp, err)
		}
		wantIdle(t, r)
	})
}

// What gRPC repeats may end while it is sent again. Then gRPC says io.EOF.
func TestRefusedWhileSendingAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refusing := &refuser{answer: func(string) []byte {
			time.Sleep(time.Millisecond) // by then the message is sent, but for the second time
			return nil
		}}
		attempts, r, conn := refusalBy(t, refusing, failover.BudgetSettings{}, grpc.WithStatsHandler(new(slowAgain)))
		resp, err := pb.NewTestServiceClient(conn).UnaryCall(cloudgrpc.WithIdempotent(t.Context()), &pb.SimpleRequest{})
		if err != nil || resp.ServerId != "c" {
			t.Errorf("%v, %v", resp, err)
		}
		if n := attempts.Load(); n != 3 {
			t.Errorf("%d attempts, want one at each cloud", n)
		}
		if a, b := counted(r, "a"), counted(r, "b"); a.Bad != 1 || b.Bad != 1 || a.OK+b.OK != 0 {
			t.Errorf("counted %+v and %+v", a, b)
		}
	})
}

// slowAgain takes its time when the second stream is open.
type slowAgain struct{ streams int }

func (s *slowAgain) HandleRPC(_ context.Context, event stats.RPCStats) {
	if _, ok := event.(*stats.OutHeader); ok {
		if s.streams++; s.streams == 2 {
			time.Sleep(50 * time.Millisecond)
		}
	}
}

func (*slowAgain) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (*slowAgain) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (*slowAgain) HandleConn(context.Context, stats.ConnStats)                       {}

// The same goes for streams. An attempt that replaces another one is sent the message
// before anybody asks for its headers.
func TestStreamRefusedWhileSending(t *testing.T) {
	for name, calls := range map[string]int{"paid": 0, "without budget": 10} {
		t.Run(name, func(t *testing.T) {
			streamRefused(t, func(t *testing.T, r *balancer.Router, client pb.TestServiceClient, open opener) {
				n, err := receive(open(func() {
					for range calls {
						_, _ = client.UnaryCall(cloudgrpc.WithIdempotent(t.Context()), &pb.SimpleRequest{})
					}
				}))
				var failed *balancer.CallError
				switch {
				case calls == 0 && (n != 1 || err != io.EOF):
					t.Errorf("%d messages, %v", n, err)
				case calls > 0 && (!errors.As(err, &failed) || status.Code(err) != codes.Unavailable || failed.Stop != "the retry budget is spent"):
					t.Errorf("%d messages, %v", n, err)
				}
				if c := counted(r, "b"); c.OK != 0 {
					t.Errorf("counted %+v", c)
				}
			})
		})
	}
}

// If calls are shed when gRPC wants a retry, that isn't the message's fault.
func TestShedWhileSending(t *testing.T) {
	streamRefused(t, func(t *testing.T, r *balancer.Router, client pb.TestServiceClient, open opener) {
		s := open(func() {
			cfg := r.Config()
			cfg.Instances = 1
			for name, c := range cfg.Services["api"].Clouds {
				c.Capacity = 1
				cfg.Services["api"].Clouds[name] = c
			}
			if err := r.Update(cfg); err != nil {
				t.Error(err)
			}
			for range 200 {
				_, _ = client.UnaryCall(t.Context(), &pb.SimpleRequest{})
				time.Sleep(10 * time.Millisecond)
			}
		})
		_, err := receive(s)
		var failed *balancer.CallError
		if !errors.As(err, &failed) || status.Code(err) != codes.Unavailable || failed.Stop != "calls of the tier are being shed" {
			t.Errorf("got %v", err)
		}
	})
}

// opener opens a stream; something happens while its message is encoded for b.
type opener func(meanwhile func()) grpc.ServerStreamingClient[pb.StreamingOutputCallResponse]

// streamRefused is a test with a stream that fails at a and is refused at b.
func streamRefused(t *testing.T, test func(*testing.T, *balancer.Router, pb.TestServiceClient, opener)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		_, r, conn := refusalBy(t, &refuser{answer: func(cloud string) []byte {
			if cloud == "b" {
				return nil
			}
			time.Sleep(time.Millisecond) // by then the message is being encoded
			return headerBlock("grpc-status", "14")
		}}, noBudget)
		client := pb.NewTestServiceClient(conn)
		test(t, r, client, func(meanwhile func()) grpc.ServerStreamingClient[pb.StreamingOutputCallResponse] {
			encoded := 0
			codec := slowCodec{encoding.GetCodecV2("proto"), func() {
				if encoded++; encoded == 2 {
					meanwhile()
				}
			}}
			s, err := client.StreamingOutputCall(cloudgrpc.WithIdempotent(t.Context()), question("q", 1), grpc.ForceCodecV2(codec))
			if err != nil {
				t.Fatal(err)
			}
			return s
		})
		synctest.Wait()
		wantIdle(t, r)
	})
}

// With a retry policy gRPC repeats by itself; what it can't pay for has failed.
func TestRetryPolicyWhileSending(t *testing.T) {
	for _, budget := range []failover.BudgetSettings{{}, noBudget} {
		synctest.Test(t, func(t *testing.T) {
			refusing := answering(headerBlock("grpc-status", "14"))
			_, r, conn := refusalBy(t, refusing, budget, cloudgrpc.WithServiceConfig(retryUnavailable))
			client := pb.NewTestServiceClient(conn)
			for range 20 {
				resp, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{}, slowly())
				var failed *balancer.CallError
				if err == nil && resp.ServerId == "c" {
					continue // the others are known to be down
				}
				if !errors.As(err, &failed) || status.Code(err) != codes.Unavailable {
					t.Errorf("%v, %v", resp, err)
				}
			}
			if c := counted(r, "a"); c.OK != 0 {
				t.Errorf("counted %+v", c)
			}
			wantIdle(t, r)
		})
	}
}

// What the server says of retries counts also if it comes before the message is
// written.
func TestPushbackWhileSending(t *testing.T) {
	for _, status := range []string{"8", "14"} {
		synctest.Test(t, func(t *testing.T) {
			refusing := answering(headerBlock("grpc-status", status, "grpc-retry-pushback-ms", "1000"))
			attempts, r, conn := refusalBy(t, refusing, failover.BudgetSettings{})
			resp, err := pb.NewTestServiceClient(conn).UnaryCall(t.Context(), &pb.SimpleRequest{}, slowly())
			if err != nil || resp.ServerId != "c" {
				t.Errorf("%s: %v, %v", status, resp, err)
			}
			if n := attempts.Load(); n != 3 {
				t.Errorf("%s: %d attempts, want one at each cloud", status, n)
			}
			if c := counted(r, "a"); c.OK != 0 || c.Bad != 0 {
				t.Errorf("%s: counted %+v", status, c)
			}
		})
	}
}

// Without the interceptors the end of an attempt is all that is known of it.
func TestAloneWhileSending(t *testing.T) {
	for name, test := range map[string]struct {
		refusing *refuser
		want     health.Counts
	}{
		"refused":     {new(refuser), health.Counts{Begun: 2, Bad: 2}}, // gRPC repeats it
		"pushed back": {answering(headerBlock("grpc-status", "8", "grpc-retry-pushback-ms", "1000")), health.Counts{Begun: 1, Overloaded: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := testConfig(1)
				w := newWorld(t, cfg)
				r := w.router(cfg)
				conn, err := grpc.NewClient("fairlead:///api", cloudgrpc.ResolverBuilder(r), test.refusing.dialer(w),
					grpc.WithTransportCredentials(insecure.NewCredentials()))
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				conn.Connect()
				time.Sleep(time.Second)
				test.refusing.begun.Store(true)
				_, _ = pb.NewTestServiceClient(conn).UnaryCall(t.Context(), &pb.SimpleRequest{}, slowly())
				a, b := counted(r, "a"), counted(r, "b")
				got := health.Counts{Begun: a.Begun + b.Begun, OK: a.OK + b.OK, Bad: a.Bad + b.Bad, Overloaded: a.Overloaded + b.Overloaded}
				if got != test.want {
					t.Errorf("counted %+v, want %+v", got, test.want)
				}
			})
		})
	}
}
