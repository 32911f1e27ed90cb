package cloudgrpc_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/fairlead-go/fairlead/sla"
)

// A call that is shed fails with RESOURCE_EXHAUSTED before anything is sent; the
// error still says of what tier it was and when to try again.
func TestShedCallIsResourceExhausted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(1)
		cfg.Instances = 1
		for name, c := range cfg.Services["api"].Clouds {
			c.Capacity = 20
			cfg.Services["api"].Clouds[name] = c
		}
		w := newWorld(t, cfg)
		client := pb.NewTestServiceClient(w.conn(w.router(cfg)))
		shed, served := 0, 0
		for range 1000 { // 200 a second
			_, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{})
			var e *sla.ShedError
			switch {
			case err == nil:
				served++
			case status.Code(err) != codes.ResourceExhausted || !errors.As(err, &e) || e.Tier != "standard" || e.RetryAfter < time.Second:
				t.Fatalf("%v: %v", status.Code(err), err)
			default:
				shed++
			}
			time.Sleep(5 * time.Millisecond)
		}
		asked := 0
		for _, s := range w.servers {
			asked += s.count()
		}
		if shed < 500 || asked != served {
			t.Errorf("%d calls were shed, %d served, the servers had %d", shed, served, asked)
		}
	})
}
