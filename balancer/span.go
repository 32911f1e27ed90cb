package balancer

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/fairlead-go/fairlead/health"
)

// What spans say is from closed sets: names of the config, codes and numbers. No
// address, host name, caller or text of an error is among it.
const (
	spanService  = attribute.Key("fairlead.service")
	spanTier     = attribute.Key("fairlead.tier")
	spanCloud    = attribute.Key("fairlead.cloud")
	spanAttempts = attribute.Key("fairlead.attempts")
	spanAttempt  = attribute.Key("fairlead.attempt")
	spanReason   = attribute.Key("fairlead.reason")
	spanStop     = attribute.Key("fairlead.stop")
	spanOutcome  = attribute.Key("fairlead.outcome")
	spanWhy      = attribute.Key("fairlead.outcome.reason")

	attemptName = "fairlead.attempt"
)

// recording returns the context's span if it records.
func recording(ctx context.Context) trace.Span {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		return span
	}
	return nil
}

// tell says on the caller's span where the call went, why there, and what stopped
// it.
func (d *calling) tell(o health.Outcome, stop string) {
	if d.span == nil {
		return
	}
	last := d.tried[len(d.tried)-1]
	all := []attribute.KeyValue{
		spanService.String(d.service.name),
		spanTier.String(d.tier().Name),
		spanCloud.String(last.Cloud()),
		spanAttempts.Int(len(d.tried)),
		spanReason.String(last.reason()),
	}
	if o.Kind != health.OK {
		all = append(all, spanStop.String(stop))
	}
	d.span.SetAttributes(all...)
}

// reason is the code that says why the attempt's cloud has its share.
func (a Attempt) reason() string {
	s := a.cloud.service
	if s.observed >= 0 {
		return "observe"
	}
	for _, share := range s.tiers[a.tier].plan.Shares {
		if share.Cloud == a.cloud.name {
			return string(share.Reason)
		}
	}
	return ""
}

// tellAttempt ends the attempt's span, or makes it an event of the caller's.
func (t *terms) tellAttempt(a Attempt, o health.Outcome) {
	switch {
	case a.run.span != nil:
		a.endSpan(o)
	case t.span != nil:
		t.span.AddEvent(attemptName, trace.WithAttributes(a.told(o)...))
	}
}

// startSpan gives a run a span of its own.
func (r *Router) startSpan(run *run) {
	if r.tracer != nil {
		run.ctx, run.span = r.tracer.Start(run.ctx, attemptName)
	}
}

// endSpan ends the attempt's span, if it has one.
func (a Attempt) endSpan(o health.Outcome) {
	span := a.run.span
	if span == nil {
		return
	}
	if span.IsRecording() {
		span.SetAttributes(a.told(o)...)
		span.SetAttributes(spanService.String(a.Service()), spanTier.String(a.Tier()))
	}
	span.End()
	a.run.span = nil
}

func (a Attempt) told(o health.Outcome) []attribute.KeyValue {
	all := []attribute.KeyValue{
		spanCloud.String(a.Cloud()), spanAttempt.Int(a.Number()), spanReason.String(a.reason()),
		spanOutcome.String(o.Kind.String()), spanWhy.String(o.Reason),
	}
	if value := errorTypes[endOfKind[o.Kind]]; o.Kind.Bad() || o.Kind == health.Overloaded {
		all = append(all, errorType.String(value))
	}
	return all
}
