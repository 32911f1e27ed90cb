package cloudgrpc_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpchealth "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
	"github.com/fairlead-go/fairlead/sla"
)

func TestServerRestoresTheClass(t *testing.T) {
	claims := []string{"x-sla-tier", "critical", "x-sla-level", "7"}
	trusted, rules := cloudgrpc.WithTrusted(everybody), cloudgrpc.WithClassifier(threeTiers())
	byKey := cloudgrpc.WithCaller(func(ctx context.Context) sla.Caller {
		if slices.Equal(metadata.ValueFromIncomingContext(ctx, "x-api-key"), []string{"k1"}) {
			return sla.Caller{Product: "dispatch", Customer: "acme"}
		}
		return sla.Caller{}
	})
	acme := sla.Caller{Product: "dispatch", Customer: "acme"}
	const unsaid = -1
	for _, test := range []struct {
		name           string
		opts           []cloudgrpc.ServerOption
		metadata       []string
		unary, streams string // the tier
		level          int
		caller         sla.Caller
	}{
		{"nobody is trusted by default", nil, claims, "", "", unsaid, sla.Caller{}},
		{"trusted", []cloudgrpc.ServerOption{trusted}, claims, "critical", "critical", 7, sla.Caller{}},
		{"trusted before rules", []cloudgrpc.ServerOption{trusted, rules, byKey}, []string{"x-sla-tier", "batch", "x-api-key", "k1"}, "batch", "batch", unsaid, acme},
		{"another is trusted", []cloudgrpc.ServerOption{cloudgrpc.WithTrusted(func(context.Context) bool { return false }), rules},
			claims, "standard", "batch", unsaid, sla.Caller{}},
		{"rule for the method", []cloudgrpc.ServerOption{rules}, nil, "standard", "batch", unsaid, sla.Caller{}},
		{"rule for the caller", []cloudgrpc.ServerOption{rules, byKey}, []string{"x-api-key", "k1", "x-sla-tier", "batch"}, "critical", "critical", unsaid, acme},
		{"malformed", []cloudgrpc.ServerOption{trusted, rules}, []string{"x-sla-tier", "Critical", "x-sla-level", "+7"}, "standard", "batch", unsaid, sla.Caller{}},
		{"repeated", []cloudgrpc.ServerOption{trusted, rules}, append(claims, claims...), "standard", "batch", unsaid, sla.Caller{}},
		{"huge", []cloudgrpc.ServerOption{trusted, rules},
			[]string{"x-sla-tier", strings.Repeat("a", 1<<18), "x-sla-level", strings.Repeat("1", 1<<18)}, "standard", "batch", unsaid, sla.Caller{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for kind, call := range calls {
				served := false
				want := map[string]string{"unary": test.unary, "stream": test.streams}[kind]
				h := newHandled(t, func(ctx context.Context) error {
					served = true
					tier, _ := sla.TierFrom(ctx)
					caller, _ := sla.CallerFrom(ctx)
					level := unsaid
					if l, ok := sla.LevelFrom(ctx); ok {
						level = int(l)
					}
					if tier != want || level != test.level || caller != test.caller {
						t.Errorf("%s: %q, level %d, %+v; want %q, level %d, %+v", kind, tier, level, caller, want, test.level, test.caller)
					}
					return nil
				}, test.opts)
				if err := call(h, metadata.AppendToOutgoingContext(t.Context(), test.metadata...)); err != nil || !served {
					t.Errorf("%s: served %v, %v", kind, served, err)
				}
			}
		})
	}
}

// TestServerTakesItsMetadataAway: a handler that forwards the metadata of a call
// forwards no class that the server doesn't believe.
func TestServerTakesItsMetadataAway(t *testing.T) {
	came := []string{"x-sla-tier", "batch", "x-sla-level", "7", "x-sla-attempt", "2", "x-request-id", "r1"}
	for name, opts := range map[string][]cloudgrpc.ServerOption{"trusted": {cloudgrpc.WithTrusted(everybody)}, "not trusted": nil} {
		var left []string
		h := newHandled(t, func(ctx context.Context) error {
			md, _ := metadata.FromIncomingContext(ctx)
			left = slices.Sorted(maps.Keys(md))
			return nil
		}, opts)
		for kind, call := range calls {
			if err := call(h, metadata.AppendToOutgoingContext(t.Context(), came...)); err != nil {
				t.Fatal(err)
			}
			if want := []string{":authority", "content-type", "user-agent", "x-request-id", "x-sla-attempt"}; !slices.Equal(left, want) {
				t.Errorf("%s, %s: the handler sees %q, want %q", name, kind, left, want)
			}
		}
	}
}

// TestServerAsksWhomToTrust only for calls that claim something.
func TestServerAsksWhomToTrust(t *testing.T) {
	asked := 0
	h := newHandled(t, func(context.Context) error { return nil },
		[]cloudgrpc.ServerOption{cloudgrpc.WithTrusted(func(context.Context) bool { asked++; return true })})
	for _, test := range []struct {
		metadata []string
		want     int
	}{
		{nil, 0},
		{[]string{"x-sla-attempt", "2"}, 0},
		{[]string{"x-sla-tier", "batch"}, 1},
		{[]string{"x-sla-level", "7"}, 1},
	} {
		asked = 0
		if err := calls["unary"](h, metadata.AppendToOutgoingContext(t.Context(), test.metadata...)); err != nil || asked != test.want {
			t.Errorf("%v: asked %d times, want %d; %v", test.metadata, asked, test.want, err)
		}
	}
}

// TestServerDropsExpiredCalls that waited for their turn longer than their caller
// does.
func TestServerDropsExpiredCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var refused []error
		busy := func(ctx context.Context) {
			if _, ok := ctx.Deadline(); ok {
				<-ctx.Done()
			}
		}
		served := 0
		h := newHandled(t, func(context.Context) error { served++; return nil }, nil,
			grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
				busy(ctx)
				resp, err := handler(ctx, req)
				refused = append(refused, err)
				return resp, err
			}),
			grpc.StreamInterceptor(func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
				busy(ss.Context())
				err := handler(srv, ss)
				refused = append(refused, err)
				return err
			}))
		for kind, call := range calls {
			refused = nil
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			err := call(h, ctx)
			cancel()
			synctest.Wait()
			if status.Code(err) != codes.DeadlineExceeded || served != 0 || len(refused) != 1 || status.Code(refused[0]) != codes.DeadlineExceeded {
				t.Errorf("%s: %v; served %d times; refused with %v", kind, err, served, refused)
			}
			if err := call(h, t.Context()); err != nil || served != 1 {
				t.Errorf("%s, without a deadline: %v; served %d times", kind, err, served)
			}
			served = 0
		}
	})
}

// TestServerShedsLeastCriticalFirst fills a server for 4 calls at a time, of which
// a batch call finds 2 places, a standard one 3.
func TestServerShedsLeastCriticalFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		served := 0
		h := newHandled(t, func(context.Context) error { served++; <-release; return nil }, []cloudgrpc.ServerOption{
			cloudgrpc.WithCap(4), cloudgrpc.WithTrusted(everybody), cloudgrpc.WithClassifier(threeTiers())})
		var ended sync.WaitGroup
		for _, step := range []struct {
			kind, tier string
			served     bool
		}{
			{"stream", "batch", true}, {"unary", "batch", true}, {"unary", "batch", false}, {"stream", "batch", false},
			{"unary", "standard", true}, {"stream", "standard", false},
			{"stream", "critical", true}, {"unary", "critical", false}, {"unary", "batch", false},
		} {
			before := served
			var trailer metadata.MD
			var err error
			done := false
			ended.Go(func() {
				ctx := metadata.AppendToOutgoingContext(t.Context(), "x-sla-tier", step.tier)
				err, done = calls[step.kind](h, ctx, grpc.Trailer(&trailer)), true
			})
			synctest.Wait()
			switch {
			case step.served && (done || served != before+1):
				t.Errorf("%v: not served: %v", step, err)
			case !step.served && (!done || served != before || status.Code(err) != codes.ResourceExhausted || !slices.Equal(trailer["grpc-retry-pushback-ms"], []string{"1000"})):
				t.Errorf("%v: %v, trailer %v", step, err, trailer)
			}
		}
		close(release)
		ended.Wait()
		if err := calls["unary"](h, metadata.AppendToOutgoingContext(t.Context(), "x-sla-tier", "batch")); err != nil {
			t.Errorf("when all have ended: %v", err)
		}
	})
}

// TestServerNeverShedsHealthChecks: who watches a server's health occupies no
// place, and a full server says that it serves.
func TestServerNeverShedsHealthChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		h := newHandled(t, func(context.Context) error { <-release; return nil }, []cloudgrpc.ServerOption{cloudgrpc.WithCap(1)})
		watch, err := h.health.Watch(t.Context(), &grpchealth.HealthCheckRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if answer, err := watch.Recv(); err != nil || answer.Status != grpchealth.HealthCheckResponse_SERVING {
			t.Errorf("watching: %v, %v", answer, err)
		}
		var ended sync.WaitGroup
		ended.Go(func() {
			if err := calls["unary"](h, t.Context()); err != nil {
				t.Errorf("beside one who watches: %v", err)
			}
		})
		synctest.Wait()
		if err := calls["unary"](h, t.Context()); status.Code(err) != codes.ResourceExhausted {
			t.Errorf("the server isn't full: %v", err)
		}
		answer, err := h.health.Check(t.Context(), &grpchealth.HealthCheckRequest{})
		if err != nil || answer.Status != grpchealth.HealthCheckResponse_SERVING {
			t.Errorf("asked when full: %v, %v", answer, err)
		}
		close(release)
		ended.Wait()
	})
}

// TestServerFromManyGoroutines: nothing leaks, whatever a call is and however it
// ends.
func TestServerFromManyGoroutines(t *testing.T) {
	bug := errors.New("a bug")
	recovers := func(err *error) {
		if v := recover(); v != nil {
			*err = status.Error(codes.Internal, "panic")
		}
	}
	h := newHandled(t, func(ctx context.Context) error {
		switch md, _ := metadata.FromIncomingContext(ctx); {
		case md["panic"] != nil:
			panic("a bug")
		case md["fail"] != nil:
			return bug
		}
		return nil
	}, []cloudgrpc.ServerOption{cloudgrpc.WithCap(4), cloudgrpc.WithTrusted(everybody), cloudgrpc.WithClassifier(threeTiers())},
		grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (_ any, err error) {
			defer recovers(&err)
			return handler(ctx, req)
		}),
		grpc.StreamInterceptor(func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
			defer recovers(&err)
			return handler(srv, ss)
		}))
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 100 {
				ctx := metadata.AppendToOutgoingContext(t.Context(), "x-sla-tier", []string{"critical", "standard", "batch", "Batch"}[i%4])
				ctx = metadata.AppendToOutgoingContext(ctx, []string{"panic", "fail", "well"}[i%3], "1")
				calls[[]string{"unary", "stream"}[(i+g)%2]](h, ctx)
			}
		})
	}
	all.Wait()
	var trailer metadata.MD
	if err := calls["unary"](h, t.Context(), grpc.Trailer(&trailer)); err != nil {
		t.Fatal(err)
	}
	if got := loadOf(t, trailer).ApplicationUtilization; got != 0.25 {
		t.Errorf("the only call occupies %v of the server", got)
	}
}
