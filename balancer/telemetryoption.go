package balancer

import (
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// WithMeterProvider makes the router report what it counts and decides to
// OpenTelemetry. It costs the way of a call nothing: figures are read when the
// provider collects. [Router.Close] ends it. Routers of one process that share a
// provider and have services in common need a [WithName] each. The instruments:
//
//   - fairlead.attempts: attempts that have ended, by service, protocol, cloud and
//     error.type (refused, failed, broken, timed_out, overloaded, neutral).
//   - fairlead.attempts.spoiled: good answers that broke off while they were read.
//   - fairlead.calls: calls of [Do] and [Router.Count] that have ended, by
//     service, protocol, tier and error.type: as of attempts, and slow (later than
//     the tier's objective), no_cloud, shed, _OTHER, and canceled: the caller left,
//     had less time than was promised, or asked for what nobody can do. Without
//     the canceled ones it is what the tier was promised: a call without
//     error.type was good, unless its answer broke off while it was read.
//   - fairlead.cloud.capacity, .demand, .load, .desired_capacity, in calls per
//     second of this process, and .utilization: see [failover.CloudPlan].
//   - fairlead.cloud.endpoints: endpoints by state, eligible or ejected.
//   - fairlead.cloud.health: 1 for the state that a service is in in a cloud, 0
//     for the others.
//   - fairlead.cloud.in_flight: attempts under way.
//   - fairlead.cloud.share: the part of a tier's calls that goes to a cloud, 0…1,
//     with its reason: see [failover.Reason].
//   - fairlead.config.age: seconds since the file of [WithFile] was last found to
//     hold what is in force: about 0 to 1, and growing while it is refused, gone
//     or not looked at.
//   - fairlead.config.errors: configs that were refused.
//   - fairlead.failovers: changes of a service in a cloud to down, by reason:
//     failing, silent, probes, gate (lost again on its way back).
//   - fairlead.picks: attempts that have begun, by service, protocol, cloud, tier.
//   - fairlead.retries: attempts after the first.
//   - fairlead.retry.tokens: retries that the budget would pay for now.
//   - fairlead.shed: calls that were shed, by service, protocol, tier and reason.
//   - fairlead.sla.target: the part of a tier's calls that must be good.
//
// All attributes are from closed sets: service, protocol, cloud and tier are names
// of the config; reason, state and error.type are codes. Without error.type it is a
// success. Nothing that callers send adds a series, be it a tier that isn't there, a
// method or a customer. Counters never fall, whatever leaves the config and comes
// back.
func WithMeterProvider(p metric.MeterProvider) Option {
	return func(r *Router) { r.provider = p }
}

// WithLatencyHistogram adds the histogram fairlead.attempt.duration to the
// instruments of [WithMeterProvider]: how long attempts took until their outcome
// was known, in seconds, by service, protocol, cloud, tier and error.type. It is the
// one instrument that each attempt writes, through the provider: with
// OpenTelemetry's SDK that takes twice as many instructions as a pick and its end,
// and a lock that all cores share.
func WithLatencyHistogram() Option {
	return func(r *Router) { r.timed = true }
}

// WithTracerProvider gives each attempt of [Do] a span of its own,
// fairlead.attempt, a child of the caller's. The context that the attempt gets
// holds it, so that spans of its protocol become its children. Without it attempts
// are events of the caller's span, if that records.
func WithTracerProvider(p trace.TracerProvider) Option {
	return func(r *Router) {
		if p != nil {
			r.tracer = p.Tracer(scope)
		}
	}
}

// WithName tells the routers of one process apart: it is the attribute router of
// all that [WithMeterProvider] reports. Without it there is no such attribute.
func WithName(name string) Option {
	return func(r *Router) { r.telemetry.name = name }
}
