package balancer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

func encoded(attributes []attribute.KeyValue) string {
	set := attribute.NewSet(attributes...)
	return set.Encoded(attribute.DefaultEncoder())
}

// failsInA is a world where cloud a, which gets all first attempts, fails.
func failsInA(t *testing.T, opts ...Option) (*world, *Router, Call, context.Context) {
	w, cfg := newWorld(), oneEach()
	cfg.Tiers[0].Clouds = sla.Clouds{Prefer: []string{"a", "b"}}
	r := w.router(t, cfg, opts...)
	w.set("a", fails)
	ctx := sla.WithCaller(sla.WithTier(t.Context(), "critical"), sla.Caller{Product: "dispatch", Customer: "acme"})
	return w, r, Call{Service: "api", Method: "GET /secret", Idempotent: true}, ctx
}

// until makes calls within spans until one went to both clouds, and returns that
// one's.
func until(t *testing.T, recorder *tracetest.SpanRecorder, call func(context.Context)) []sdktrace.ReadOnlySpan {
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)).Tracer("test")
	for range 100 {
		recorder.Reset()
		ctx, span := tracer.Start(t.Context(), "call")
		call(ctx)
		span.End()
		ended := recorder.Ended()
		last := ended[len(ended)-1]
		if strings.Contains(encoded(last.Attributes()), "fairlead.attempts=2") {
			return ended
		}
	}
	t.Fatal("no call was tried again")
	return nil
}

// The caller's span tells where the call went and why, and what became of each
// attempt; nothing of callers, methods or addresses.
func TestCallersSpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r, call, ctx := failsInA(t)
		spans := until(t, tracetest.NewSpanRecorder(), func(span context.Context) {
			_, _ = w.call(trace.ContextWithSpan(ctx, trace.SpanFromContext(span)), r, call)
		})
		span := spans[len(spans)-1]
		if got, want := encoded(span.Attributes()), "fairlead.attempts=2,fairlead.cloud=b,fairlead.reason=standby,fairlead.service=api,fairlead.tier=critical"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		var events []string
		for _, e := range span.Events() {
			events = append(events, e.Name+" "+encoded(e.Attributes))
		}
		want := []string{
			"fairlead.attempt error.type=failed,fairlead.attempt=1,fairlead.cloud=a,fairlead.outcome=failed,fairlead.outcome.reason=fault 500,fairlead.reason=prefer",
			"fairlead.attempt fairlead.attempt=2,fairlead.cloud=b,fairlead.outcome=ok,fairlead.outcome.reason=fine,fairlead.reason=standby",
		}
		if !slices.Equal(events, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(events, "\n"), strings.Join(want, "\n"))
		}
		for _, no := range []string{"10.0.", "acme", "dispatch", "secret"} {
			if all := encoded(span.Attributes()) + fmt.Sprint(events); strings.Contains(all, no) {
				t.Errorf("%q is in %s", no, all)
			}
		}
	})
}

// With a tracer each attempt has a span, a child of the caller's, in whose context
// it runs.
func TestSpansOfAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder := tracetest.NewSpanRecorder()
		_, r, call, ctx := failsInA(t, WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))))
		var inside []trace.SpanID
		spans := until(t, recorder, func(span context.Context) {
			inside = nil
			_, _ = Do(trace.ContextWithSpan(ctx, trace.SpanFromContext(span)), r, call,
				func(ctx context.Context, at Attempt) (int, health.Outcome, error) {
					inside = append(inside, trace.SpanFromContext(ctx).SpanContext().SpanID())
					if at.Cloud() == "a" {
						return 0, health.Outcome{Kind: health.Failed, Reason: "fault 500"}, nil
					}
					return 0, health.Outcome{Kind: health.OK, Reason: "fine"}, nil
				}, nil)
		})
		if len(spans) != 3 || len(spans[2].Events()) != 0 {
			t.Fatalf("there are %d spans, and %d events", len(spans), len(spans[len(spans)-1].Events()))
		}
		for i, want := range []string{
			"error.type=failed,fairlead.attempt=1,fairlead.cloud=a,fairlead.outcome=failed,fairlead.outcome.reason=fault 500,fairlead.reason=prefer,fairlead.service=api,fairlead.tier=critical",
			"fairlead.attempt=2,fairlead.cloud=b,fairlead.outcome=ok,fairlead.outcome.reason=fine,fairlead.reason=standby,fairlead.service=api,fairlead.tier=critical",
		} {
			s := spans[i]
			if got := encoded(s.Attributes()); got != want || s.Name() != "fairlead.attempt" {
				t.Errorf("%s has %s, want %s", s.Name(), got, want)
			}
			if s.Parent().SpanID() != spans[2].SpanContext().SpanID() || s.SpanContext().SpanID() != inside[i] {
				t.Errorf("span %d doesn't belong where it should", i)
			}
		}
	})
}

// A function that panics leaves no span open.
func TestSpanOfAPanic(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	r := newWorld().router(t, oneEach(), WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))))
	func() {
		defer func() { _ = recover() }()
		_, _ = Do(t.Context(), r, Call{Service: "api"}, func(context.Context, Attempt) (int, health.Outcome, error) { panic("oh") }, nil)
	}()
	if started, ended := len(recorder.Started()), len(recorder.Ended()); started != 1 || ended != 1 {
		t.Errorf("%d spans began, %d ended", started, ended)
	}
}

// A call without a span that records pays for none of it.
func TestAllocDoWithoutSpan(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	r := newWorld().router(t, testConfig())
	allocs := func(ctx context.Context) float64 {
		return testing.AllocsPerRun(1000, func() {
			_, err := Do(ctx, r, Call{Service: "api"}, func(context.Context, Attempt) (int, health.Outcome, error) {
				return 0, health.Outcome{Kind: health.OK}, nil
			}, nil)
			if err != nil {
				t.Fatal(err)
			}
		})
	}
	none := allocs(t.Context())
	remote := allocs(trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}})))
	if none != remote || none > 3 {
		t.Errorf("%g allocations, with a span that doesn't record %g", none, remote)
	}
}

// A hedge has a span of its own, in whose context it runs.
func TestSpanOfAHedge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder := tracetest.NewSpanRecorder()
		_, r := hedgedWorld(t, func(cfg *Config) { cfg.Tiers[0].Timeout, cfg.Tiers[0].Attempts = 0, 2 },
			WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))))
		recorder.Reset()
		ctx, cancel := context.WithTimeout(sla.WithTier(t.Context(), "critical"), 5*time.Second)
		defer cancel()
		inside := map[trace.SpanID]int{}
		_, err := Do(ctx, r, Call{Service: "api", Idempotent: true}, func(ctx context.Context, at Attempt) (int, health.Outcome, error) {
			if at.Number() == 1 && !sleep(ctx, time.Second, nil) {
				return 0, health.Outcome{}, ctx.Err()
			}
			inside[trace.SpanFromContext(ctx).SpanContext().SpanID()] = at.Number()
			return at.Number(), health.Outcome{Kind: health.OK}, nil
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if started, ended := len(recorder.Started()), len(recorder.Ended()); started != 2 || ended != 2 {
			t.Errorf("%d spans began, %d ended", started, ended)
		}
		hedge := recorder.Started()[1].SpanContext().SpanID()
		if inside[hedge] != 2 || len(inside) != 1 {
			t.Errorf("the hedge's span is %v, attempts ran in %v", hedge, inside)
		}
	})
}
