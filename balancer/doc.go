// Package balancer is the engine: it decides where each call goes and carries
// calls out.
//
// # What happens by default
//
// A [Config] names clouds with weights and services with their endpoints in
// each cloud. [New] makes a [Router] of it, and [Do] makes calls:
//
//  1. The call gets its tier: from the context, a rule of the config, or the
//     default; and with the tier a deadline and a number of attempts.
//  2. A cloud is drawn by the shares of the plan that is in force for the tier,
//     and in it one of two endpoints that are drawn at random: the one whose
//     queue is shorter and whose answers are faster.
//  3. An attempt is made. If it fails, another cloud is tried, as often as the
//     tier allows, if the call may be repeated and the retry budget pays: by
//     default one retry for ten calls, saved up for 10 s. An attempt that gets
//     no answer in four times the target's usual p99, or in half of its time, is
//     given up for another, unless answers usually take that long.
//     If the tier has a hedge, the few calls whose answer takes longest are asked
//     for elsewhere as well, while the first attempt goes on: see sla.Tier. That
//     ends by itself where it can't help.
//  4. Its outcome is counted. Every 50 ms the router looks at what was counted,
//     judges endpoints and clouds (see package health), plans anew (see package
//     failover) and publishes a table for the next picks.
//  5. The call ends, and counts once for what was promised to its caller: in the
//     tier of its service, and in its contract if the config declares one. See
//     "What was promised and what was kept".
//
// A cloud that is lost is seen within a fraction of a second and gets no calls
// from then on. When it answers again it is let back in by gates: 1, 10, 50,
// 100 % of its share, at most 10 points per second.
//
// Operators take clouds out of use, move weights and drill the loss of a cloud by
// changes of the config, which all clients follow by themselves, or for one process
// by [Router.Drain], [Router.Apply] and [Router.Drill]. They come back by the same
// gates. Attempts that are still under way at a drained cloud, such as streams, end
// after a grace of 30 s with a [*DrainedError].
//
// The way of a call is told from the top in do.go; the choice itself is in
// pick.go, that of a retry in again.go, and hedges are in hedging.go and hedge.go.
//
// # What happens when there is not enough
//
// Where the config or load reports tell the capacity of clouds, or they push calls
// back, the plan places the most critical tier first, spills to clouds with room,
// and sheds what fits nowhere from the bottom: calls of the highest levels of the
// least critical tier end with an [sla.ShedError] before anything is sent. Demand is
// measured by tier (admit.go, [failover.Rate]), capacity steered for each cloud
// (capacity.go, [failover.Capacity]). When attempts are pushed back or time out, an
// in-flight cap holds from the next pick on ([failover.Cap]). [CloudStatus] has the
// capacity with its source and age, [TierStatus] the demand and what is shed.
//
// # What was promised and what was kept
//
// Two things are counted, and kept apart. What an attempt says of its cloud is in
// package health and steers: [CloudStatus.Counts]. What a call was to its caller is
// the promise, counted in count.go by service and tier, whichever the protocol,
// and by contract over all services:
//
//   - good: an acceptable answer, NOT_FOUND and the like included, within the
//     latency of the tier's objective, from when Do began until the headers, all
//     attempts and waits in it;
//   - bad: anything else, also calls that were shed, that no cloud could serve, or
//     whose function panicked;
//   - not counted: the caller cancelled, asked for what nobody can do, or had a
//     deadline shorter than the latency that was promised.
//
// A call whose answer is read after Do has returned counts when that is over, and
// is bad if the answer broke off; so a stream counts when it ends. Streams that may
// be silent as long as they like are never late. A pick counts for its cloud alone,
// because only its adapter knows when the call has ended: gRPC without the
// interceptors has no caller's SLI, and an adapter that knows calls
// [Router.Count].
//
// [Router.Report] says how contracts and tiers stand, [Router.Status] too. Once a
// second the router looks whether a tier burns its budget so fast that somebody
// should be woken (see [sla.BurnRules]); then it logs that, and calls of
// unprotected tiers of the service aren't hedged. Nothing else follows from
// budgets: never a weight. [WithSLAStore] keeps the counts over restarts, and
// [sla.Merge] adds up those of several processes.
//
// # Contract
//
// State belongs to a service in a cloud: a bad deployment of one service does
// not evacuate the others. What a tier may not use by residency (only) is never
// used, whatever happens. Bad configuration is refused as a whole and the last
// good one stays in force. A call that fails for want of a good answer returns a
// [*CallError] that names each attempt, and each cloud with its state and since
// when.
//
// # Concurrency
//
// All methods of Router may be called from any number of goroutines. A pick
// reads one immutable table through an atomic pointer and allocates nothing. It
// takes no lock, unless the config has 16 or more assignment rules and the
// context names no tier: their cache has one. The router's own goroutines are
// few, and [Router.Close] returns when they have ended.
//
// # Telemetry
//
// By default the router tells nobody anything. [WithLogger] logs changes of state
// and config, [WithTrace] has hooks for each attempt and change, and
// [WithMeterProvider] reports to OpenTelemetry what is counted anyway; picks and
// outcomes pay nothing for it, but for the histogram of [WithLatencyHistogram]. If
// the span in the context of a call of Do records,
// it gets the attributes fairlead.service, .tier, .cloud, .attempts and .reason
// (why the cloud has its share) and an event fairlead.attempt for each attempt;
// with [WithTracerProvider] each has a span. Addresses, callers and methods are in
// none of them.
//
// # Adapters
//
// Package balancer knows neither net/http nor gRPC. An adapter for a protocol
// uses Do, or [Router.Pick] where the protocol has retries of its own (and
// [Router.Begin] where copying an attempt costs too much), reports
// each attempt as a [health.Outcome], and registers a [Prober].
//
// # Stability
//
// v0: names and signatures may still change; CHANGELOG.md says how.
package balancer
