package cloudgrpc_test

import (
	"context"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/orca"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	v3orcapb "github.com/cncf/xds/go/xds/data/orca/v3"

	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
)

// loadOf reads the report in a trailer.
func loadOf(t *testing.T, trailer metadata.MD) *v3orcapb.OrcaLoadReport {
	t.Helper()
	values := trailer["endpoint-load-metrics-bin"]
	if len(values) != 1 {
		t.Fatalf("trailer %v", trailer)
	}
	report := new(v3orcapb.OrcaLoadReport)
	if err := proto.Unmarshal([]byte(values[0]), report); err != nil {
		t.Fatal(err)
	}
	return report
}

// TestServerReportsItsLoad with the end of each call, as it is then, also with that
// of one that is refused.
func TestServerReportsItsLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wait := make(chan struct{})
		h := newHandled(t, func(ctx context.Context) error {
			if md, _ := metadata.FromIncomingContext(ctx); md["wait"] != nil {
				<-wait
			}
			return nil
		}, []cloudgrpc.ServerOption{cloudgrpc.WithCap(4)})
		for kind, call := range calls {
			var ended sync.WaitGroup
			occupy := func(n int) {
				for range n {
					ended.Go(func() { call(h, metadata.AppendToOutgoingContext(t.Context(), "wait", "1")) })
				}
				synctest.Wait()
			}
			check := func(inFlight float64, code codes.Code) {
				t.Helper()
				var trailer metadata.MD
				if err := call(h, t.Context(), grpc.Trailer(&trailer)); status.Code(err) != code {
					t.Errorf("%s: %v", kind, err)
				}
				if got := loadOf(t, trailer).ApplicationUtilization; got != inFlight/4 {
					t.Errorf("%s: load %v, want %v", kind, got, inFlight/4)
				}
			}
			check(1, codes.OK)
			occupy(2)
			check(3, codes.OK)
			occupy(2)
			check(4, codes.ResourceExhausted)
			close(wait)
			ended.Wait()
			wait = make(chan struct{})
		}
		time.Sleep(time.Second) // 12 calls were taken up since the first report
		var trailer metadata.MD
		if err := calls["unary"](h, t.Context(), grpc.Trailer(&trailer)); err != nil {
			t.Fatal(err)
		}
		if got := loadOf(t, trailer).RpsFractional; got != 12 {
			t.Errorf("%v calls per second", got)
		}
	})
}

// TestHandlersReportMore than the server does, and know better.
func TestHandlersReportMore(t *testing.T) {
	h := newHandled(t, func(ctx context.Context) error {
		recorder := orca.CallMetricsRecorderFromContext(ctx)
		recorder.SetApplicationUtilization(0.9)
		recorder.SetNamedMetric("queue", 7)
		recorder.SetRequestCost("rows", 8)
		recorder.SetNamedUtilization("disk", 0.5)
		return nil
	}, []cloudgrpc.ServerOption{cloudgrpc.WithUtilization(func() float64 { return 0.3 })})
	for kind, call := range calls {
		var trailer metadata.MD
		if err := call(h, t.Context(), grpc.Trailer(&trailer)); err != nil {
			t.Fatal(err)
		}
		got := loadOf(t, trailer)
		if got.ApplicationUtilization != 0.9 || got.NamedMetrics["queue"] != 7 || got.RequestCost["rows"] != 8 || got.Utilization["disk"] != 0.5 {
			t.Errorf("%s: %v", kind, got)
		}
	}
}

func TestServerHasNothingToReport(t *testing.T) {
	for name, opts := range map[string][]cloudgrpc.ServerOption{
		"no measure":   nil,
		"not a number": {cloudgrpc.WithUtilization(math.NaN), cloudgrpc.WithCap(1)},
		"negative":     {cloudgrpc.WithUtilization(func() float64 { return -1 })},
	} {
		h := newHandled(t, func(context.Context) error { return nil }, opts)
		var trailer metadata.MD
		if err := calls["unary"](h, t.Context(), grpc.Trailer(&trailer)); err != nil {
			t.Fatal(err)
		}
		if values := trailer["endpoint-load-metrics-bin"]; len(values) > 0 && values[0] != "" {
			t.Errorf("%s: %q", name, values)
		}
	}
}
