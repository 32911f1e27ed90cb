package cloudgrpc_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
)

// faulty is a stream of an interceptor, or a hook, that panics or worse.
type faulty struct {
	grpc.ClientStream
	at string
	do func()
}

func (f *faulty) reach(at string) {
	if f.at == at {
		f.do()
	}
}

func (f *faulty) intercept(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	s, err := open(ctx, desc, cc, method, opts...)
	f.reach("open")
	return &faulty{s, f.at, f.do}, err
}

func (f *faulty) token(context.Context, balancer.Attempt) (map[string]string, error) {
	f.reach("token")
	return nil, nil
}

func (f *faulty) Header() (metadata.MD, error) {
	f.reach("header")
	return f.ClientStream.Header()
}

func (f *faulty) SendMsg(m any) error {
	f.reach("send")
	return f.ClientStream.SendMsg(m)
}

func (f *faulty) CloseSend() error {
	f.reach("close")
	return f.ClientStream.CloseSend()
}

// client is one whose interceptor sees each attempt.
func (f *faulty) client(t *testing.T, w *world, r *balancer.Router) pb.TestServiceClient {
	t.Helper()
	conn, err := grpc.NewClient("fairlead:///api", append(cloudgrpc.DialOptions(r, cloudgrpc.WithToken(f.token)),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(w.dial), grpc.WithChainStreamInterceptor(f.intercept))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.Connect()
	synctest.Wait()
	return pb.NewTestServiceClient(conn)
}

// Whatever panics on the way of a stream does so in its caller's goroutine, where it
// can be recovered from, and what ends its goroutine ends the stream.
func TestPanicOnTheWayOfAStream(t *testing.T) {
	for _, at := range []string{"token", "open", "header", "send", "close", "finish"} {
		for how, do := range map[string]func(){"panic": func() { panic("oops") }, "exit": runtime.Goexit} {
			if how == "exit" && (at == "send" || at == "close") {
				continue // it is the caller's own goroutine
			}
			t.Run(at+" "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					cfg := testConfig(1)
					w := newWorld(t, cfg)
					r := w.router(cfg)
					f := &faulty{at: at, do: do}
					client := f.client(t, w, r)
					var err, panicked any
					func() {
						defer func() { panicked = recover() }()
						ctx, cancel := context.WithCancel(cloudgrpc.WithIdempotent(t.Context()))
						defer cancel()
						ctx = scripted(scripted(ctx, "a", "fail", 1), "b", "fail", 1)
						var s grpc.ServerStreamingClient[pb.StreamingOutputCallResponse]
						s, err = client.StreamingOutputCall(ctx, question("q", 1), grpc.OnFinish(func(error) { f.reach("finish") }))
						if err == nil {
							_, err = receive(s)
						}
					}()
					e, _ := err.(error)
					if how == "panic" && panicked != "oops" || how == "exit" && status.Code(e) != codes.Internal {
						t.Errorf("panicked with %v, returned %v", panicked, err)
					}
					synctest.Wait()
					wantIdle(t, r)
				})
			})
		}
	}
}

// A message that is sent again may panic as well.
func TestPanicWhileSendingAgain(t *testing.T) {
	for _, at := range []string{"send", "close"} {
		streams(t, func(t *testing.T, w *world, r *balancer.Router, _ pb.TestServiceClient) {
			n := 0
			f := &faulty{at: at, do: func() {
				if n++; n > 1 {
					panic("oops")
				}
			}}
			client := f.client(t, w, r)
			s, err := client.StreamingInputCall(scripted(cloudgrpc.WithIdempotent(t.Context()), "a", "stall", 1))
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if got := recover(); got != "oops" {
					t.Errorf("%s: recovered %v", at, got)
				}
			}()
			if err := s.Send(input("1")); err != nil {
				t.Error(err)
			}
			_, err = s.CloseAndRecv()
			t.Errorf("%s: %v", at, err)
		})
	}
}
