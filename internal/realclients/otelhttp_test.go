package realclients

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/fairlead-go/fairlead/balancer/cloudhttp"
)

// traced is an origin whose first answer is 503, and the spans of its clients.
type traced struct {
	*world
	spans *tracetest.SpanRecorder
	opts  []otelhttp.Option
	read  chan bool // the client has read the answer's first line

	mu      sync.Mutex
	parents []oteltrace.SpanContext // of the requests
	bodies  []string
}

func newTraced(t *testing.T) *traced {
	o := &traced{spans: tracetest.NewSpanRecorder(), read: make(chan bool)}
	o.opts = []otelhttp.Option{
		otelhttp.WithTracerProvider(trace.NewTracerProvider(trace.WithSpanProcessor(o.spans))),
		otelhttp.WithPropagators(propagation.TraceContext{}),
	}
	o.world = newWorld(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.UserAgent() == cloudhttp.ProbeUserAgent {
			return
		}
		body, _ := io.ReadAll(r.Body)
		ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		o.mu.Lock()
		o.parents = append(o.parents, oteltrace.SpanContextFromContext(ctx))
		o.bodies = append(o.bodies, string(body))
		first := len(o.parents) == 1
		o.mu.Unlock()
		if first {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Trailer", "Sum")
		io.WriteString(w, "one\n")
		http.NewResponseController(w).Flush()
		<-o.read
		io.WriteString(w, "two\n")
		w.Header().Set("Sum", "3")
	}))
	return o
}

// call makes a call that can be repeated and checks its answer, which comes
// line by line.
func (o *traced) call(t *testing.T, rt http.RoundTripper) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "PUT", "http://"+service+"/v1/route", strings.NewReader("a body"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: rt}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	one, err := lines.ReadString('\n')
	if err != nil || one != "one\n" {
		t.Fatalf("got %q, %v", one, err)
	}
	o.read <- true
	rest, err := io.ReadAll(lines)
	if err != nil || string(rest) != "two\n" || resp.Trailer.Get("Sum") != "3" {
		t.Errorf("got %q, trailer %v, %v", rest, resp.Trailer, err)
	}
	if len(o.bodies) != 2 || o.bodies[0] != "a body" || o.bodies[1] != "a body" {
		t.Errorf("the origin got %q", o.bodies)
	}
}

// Around the transport otelhttp makes one span for the call, which both of its
// attempts belong to.
func TestSpanPerCall(t *testing.T) {
	o := newTraced(t)
	o.call(t, otelhttp.NewTransport(o.transport, o.opts...))
	spans := o.spans.Ended()
	if len(spans) != 1 || spans[0].SpanKind() != oteltrace.SpanKindClient {
		t.Fatalf("there are %d spans: %v", len(spans), spans)
	}
	for _, parent := range o.parents {
		if parent.SpanID() != spans[0].SpanContext().SpanID() || parent.TraceID() != spans[0].SpanContext().TraceID() {
			t.Errorf("an attempt belongs to %v", parent)
		}
	}
}

// Inside of it, as a base, otelhttp makes a span for each attempt.
func TestSpanPerAttempt(t *testing.T) {
	o := newTraced(t)
	transport := newTransport(t, o.addresses(), cloudhttp.WithBase(func(_ string, base *http.Transport) http.RoundTripper {
		return otelhttp.NewTransport(base, append(o.opts, otelhttp.WithFilter(func(r *http.Request) bool {
			return r.UserAgent() != cloudhttp.ProbeUserAgent
		}))...)
	}))
	o.call(t, transport)
	spans := map[oteltrace.SpanID]bool{}
	for _, span := range o.spans.Ended() {
		spans[span.SpanContext().SpanID()] = true
	}
	if len(spans) != 2 || o.parents[0].SpanID() == o.parents[1].SpanID() {
		t.Fatalf("there are %d spans for %v", len(spans), o.parents)
	}
	for _, parent := range o.parents {
		if !spans[parent.SpanID()] {
			t.Errorf("an attempt belongs to %v", parent)
		}
	}
}
