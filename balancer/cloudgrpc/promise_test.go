package cloudgrpc_test

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
	"github.com/fairlead-go/fairlead/sla"
)

// What a status is to the caller who was promised an answer.
func TestPromise(t *testing.T) {
	good, bad := sla.Totals{Good: 1}, sla.Totals{Bad: 1}
	for code, want := range map[codes.Code]sla.Totals{
		codes.OK: good, codes.NotFound: good, codes.PermissionDenied: good, codes.Unavailable: bad, codes.Internal: bad,
	} {
		synctest.Test(t, func(t *testing.T) {
			cfg := testConfig(1)
			w := newWorld(t, cfg)
			r := w.router(cfg)
			for _, s := range w.servers {
				s.set(func(context.Context, string) error {
					if code == codes.OK {
						return nil
					}
					return status.Error(code, "as the test wants")
				})
			}
			if _, err := w.client(r).UnaryCall(t.Context(), &pb.SimpleRequest{}); status.Code(err) != code {
				t.Fatal(err)
			}
			if got := r.Status().Services[0].Tiers[1].Calls; got != want {
				t.Errorf("%v: got %+v, want %+v", code, got, want)
			}
		})
	}
}

// A stream counts when it ends.
func TestPromiseOfAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		w := newWorld(t, cfg)
		r := w.router(cfg)
		stream, err := w.client(r).StreamingOutputCall(t.Context(), &pb.StreamingOutputCallRequest{})
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = stream.Recv()
		}
		synctest.Wait()
		if got := r.Status().Services[0].Tiers[1].Calls; err != io.EOF || got != (sla.Totals{Good: 1}) {
			t.Errorf("ended with %v: got %+v", err, got)
		}
	})
}

// Without the interceptors nobody knows when a call has ended.
func TestNoPromiseWithoutInterceptors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		w := newWorld(t, cfg)
		r := w.router(cfg)
		conn, err := grpc.NewClient("fairlead:///api", cloudgrpc.ResolverBuilder(r), grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(w.dial))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := pb.NewTestServiceClient(conn).UnaryCall(t.Context(), &pb.SimpleRequest{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := r.Status().Services[0].Tiers[1].Calls; got != (sla.Totals{}) {
			t.Errorf("got %+v", got)
		}
	})
}
