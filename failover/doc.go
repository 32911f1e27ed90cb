// Package failover decides what follows from the health of clouds: how much of
// each tier's calls goes where, how fast that may change, how a lost cloud
// comes back, and whether a call may be tried again.
//
// # By default
//
// All clouds that a tier allows share its calls by weight. A cloud that loses
// more than 29 % of its endpoints, or answers worse than the best one, gets
// less. A lost cloud gets nothing, at once; one cloud carries everything if it
// is the last. A cloud that comes back must be good for a second, then gets
// 1 %, 10 % and 50 % of its share on trial, unprotected tiers first. Any other
// change moves at most 10 points of share per second. If no cloud is left,
// calls go to all that are allowed, by weight. Retries add at most 10 % to the
// calls, one per ten seconds, and once what was saved up: that of ten seconds,
// or 10.
//
// # The plan
//
// [Compute] turns an [Input] into a [Plan]: for each tier a share, with a
// reason, for every cloud.
//
// By weight, a cloud's effective weight is
//
//	weight × min(1, 1.4 × healthy fraction) × quality
//
// where quality counts only for a degraded cloud. If the tier has a
// preference, each preferred cloud is a level and all others together are the
// last. A level takes min(rest, min(1, 1.4 × healthy fraction) × quality),
// divided by min(1, the sum over all levels). Both agree with what Envoy does
// for localities and priorities. Clouds that a preference would leave without
// calls share 1 % of them, so that their health is known.
//
// A recovering cloud gets its gate's part of what it would get otherwise, and
// the clouds without a gate get the rest. A gate yields when there is no such
// cloud. For the minimum of clouds, a recovering one counts as serving.
//
// No call ever goes to a cloud that its tier doesn't allow or that an operator
// drained. If that leaves none, calls fail: see [TierPlan.Fail].
//
// [Limit] turns the plan in force and the one that is wanted into the next one
// in force. The loss or drain of a cloud passes at once, everything else at
// the slope.
//
// # The way back
//
// [Readmission] takes one cloud from its loss through hold-down and gates back
// into service, and again further away with each flap.
//
// # Retries
//
// [Budget] bounds the retries of a service, [MayRetry] says which attempts may
// be followed by another, [AttemptTime] how long one may take, and
// [RetryDelay] how long to wait when there is nowhere else to go.
//
// # Contract
//
// Times are monotonic, since some epoch of the caller's. Nothing here reads a
// clock, starts a goroutine or draws a random number: the same arguments give
// the same results in production, in tests and in simulations.
//
// Functions may be called from any goroutine. They change none of their
// arguments; a [Plan] is never changed once it is made. A [Readmission] has
// one owner. A [Budget] may be drawn from by any goroutine and has one owner
// who refills it.
//
// The package is v0: names and figures may change between minor versions.
package failover
