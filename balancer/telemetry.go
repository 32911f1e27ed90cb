package balancer

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/fairlead-go/fairlead/health"
)

// scope names the library in what it reports.
const scope = "github.com/fairlead-go/fairlead/balancer"

// telemetry is what the router reports to OpenTelemetry. It is set by New, but
// for labels and figured.
type telemetry struct {
	provider metric.MeterProvider // nil: nothing is reported
	tracer   trace.Tracer         // nil: attempts have no spans
	name     string               // the attribute router; "": none
	timed    bool                 // there is a histogram of latencies
	latency  metric.Float64Histogram

	instruments  *instruments
	registration metric.Registration

	// labels are attributes that were used before. Router.mu guards them; they
	// are forgotten with the config.
	labels map[labels][]metric.ObserveOption
	// figured is how many figures were read the last time. Router.mu guards it.
	figured int
}

// The keys of attributes. Their values are from closed sets: names of the config
// and codes. What callers send is never among them.
const (
	errorType   = attribute.Key("error.type")
	reasonKey   = attribute.Key("reason")
	windowKey   = attribute.Key("window")
	stateKey    = attribute.Key("state")
	serviceAttr = attribute.Key("service")
	protocolKey = attribute.Key("protocol")
	cloudAttr   = attribute.Key("cloud")
	tierAttr    = attribute.Key("tier")
	routerKey   = attribute.Key("router")
)

// labels say what a figure is about. What is empty is left out.
type labels struct {
	serviceKey // no name: the router as a whole
	cloud      string
	tier       string
	key        attribute.Key
	value      string
}

// at returns the attributes for the labels. The caller holds mu.
func (r *Router) at(l labels) []metric.ObserveOption {
	option, known := r.labels[l]
	if !known {
		if r.labels == nil {
			r.labels = make(map[labels][]metric.ObserveOption)
		}
		option = []metric.ObserveOption{r.attributes(l)}
		r.labels[l] = option
	}
	return option
}

// attributes makes the attributes for the labels.
func (t *telemetry) attributes(l labels) metric.MeasurementOption {
	var all []attribute.KeyValue
	add := func(key attribute.Key, value string) {
		if value != "" {
			all = append(all, key.String(value))
		}
	}
	add(routerKey, t.name)
	if l.serviceKey.name != "" {
		add(serviceAttr, l.serviceKey.name)
		add(protocolKey, l.protocol.String())
	}
	add(cloudAttr, l.cloud)
	add(tierAttr, l.tier)
	add(l.key, l.value)
	return metric.WithAttributeSet(attribute.NewSet(all...))
}

// endOfKind is the end of a call whose last attempt ended so.
var endOfKind = [kinds]callEnd{
	health.Neutral: endOther, health.OK: endGood, health.Reached: endOther, health.Refused: endRefused, health.Failed: endFailed,
	health.Broken: endBroken, health.TimedOut: endTimedOut, health.Overloaded: endOverloaded,
}

// attemptErrors are the values of error.type of attempts, "" for a success. An
// attempt whose outcome says nothing about the target is neutral.
var attemptErrors = func() (values [kinds]string) {
	for k, e := range endOfKind {
		values[k] = errorTypes[e]
	}
	values[health.Neutral] = health.Neutral.String()
	return values
}()

// startTelemetry begins to report, if somebody wants it.
func (r *Router) startTelemetry() error {
	if r.provider == nil {
		return nil
	}
	meter := r.provider.Meter(scope)
	in := newInstruments(meter, r.source != nil)
	if err := errors.Join(in.faults...); err != nil {
		return err
	}
	if r.timed {
		latency, err := meter.Float64Histogram("fairlead.attempt.duration", metric.WithUnit("s"),
			metric.WithDescription("How long attempts took until their outcome was known."),
			metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10))
		if err != nil {
			return err
		}
		r.mu.Lock()
		r.latency = latency
		for _, s := range r.order {
			s.built = nil // it needs attributes now
		}
		r.publish()
		r.mu.Unlock()
	}
	r.instruments = in
	registration, err := meter.RegisterCallback(r.collect, in.all...)
	if err != nil {
		return err
	}
	r.registration = registration
	return nil
}

// stopTelemetry ends reporting, and returns when no collection is under way. The
// caller doesn't hold mu, which a collection waits for.
func (r *Router) stopTelemetry() {
	if r.registration != nil {
		if err := r.registration.Unregister(); err != nil {
			r.log.Warn("metrics were not unregistered", "error", err)
		}
	}
}

// collect tells the provider all figures. What is known is looked up first, so
// that the provider's own work doesn't keep the controller waiting.
func (r *Router) collect(_ context.Context, to metric.Observer) error {
	for _, s := range r.figures() {
		switch {
		case s.whole != nil:
			to.ObserveInt64(s.whole, s.n, s.at...)
		default:
			to.ObserveFloat64(s.part, s.x, s.at...)
		}
	}
	return nil
}
