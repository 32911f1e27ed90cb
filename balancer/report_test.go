package balancer

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
)

func TestLoadReportsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, bothConfig())
		a, err := r.Pick(t.Context(), Call{Service: "api"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		a.Report(LoadReport{CPU: 0.5, Calls: 100})
		a.Done(health.Outcome{Kind: health.OK})
		places, _, err := r.Places("api", GRPC)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		places[0].Report(LoadReport{CPU: 0.5, Application: 0.7})
		seen := 0
		for _, s := range r.Status().Services {
			for _, c := range s.Clouds {
				for _, e := range c.Endpoints {
					switch l := e.Load; {
					case l.At.IsZero():
					case s.Protocol == HTTP && l.Utilization() == 0.5 && l.Calls == 100 && time.Since(l.At) == time.Second,
						s.Protocol == GRPC && l.Utilization() == 0.7 && time.Since(l.At) == 0:
						seen++
					default:
						t.Errorf("%v: %+v", s.Protocol, l)
					}
				}
			}
		}
		if seen != 2 {
			t.Errorf("%d of 2 reports are in the status", seen)
		}
	})
}

func TestAdapterIsAttachedOnce(t *testing.T) {
	r := newWorld().router(t, testConfig())
	type key struct{}
	n := 0
	attach := func() any { n++; return &n }
	if r.Adapter(key{}, attach) != r.Adapter(key{}, attach) || n != 1 {
		t.Errorf("attached %d times", n)
	}
}

// A prober that can't ask leaves it to the router to connect.
func TestProberThatCannotAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dialed atomic.Int32
		r, err := New(testConfig(), WithDialer(func(context.Context, string, string) (net.Conn, error) {
			dialed.Add(1)
			return nil, errors.New("refused")
		}))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		r.SetProber(HTTP, func(context.Context, Probe) health.Outcome { return health.Outcome{} })
		time.Sleep(10 * time.Second)
		if r.Close(); dialed.Load() == 0 || state(r, "a").State != health.Down {
			t.Errorf("dialed %d times, cloud a is %v", dialed.Load(), state(r, "a"))
		}
	})
}
