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
// Where capacity and demand are known, no cloud gets more than it can carry:
// what it lacks the room for goes to others by weight, and what fits nowhere is
// shed, least critical tier first.
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
// # What fits
//
// All this is what the tiers prefer. Where the capacity of a cloud and demand
// are known, the tiers take their part in their order, most critical first:
//
//   - A tier gets of each cloud what it prefers, up to the cloud's room. That
//     is the capacity without what more critical tiers use of it and without
//     what is left of their reserves: the largest of reserve × capacity − what
//     the tier with the reserve and those before it use. So a reserve costs
//     nothing when it is in use, and less critical tiers together never have
//     more than (1 − reserve) × capacity. It is kept at the clouds that its
//     tier may use.
//   - What it prefers beyond that spills to the clouds it may use that have
//     room, in proportion to their effective weights: each gets its part until
//     it is full, then the others share the rest. A cloud whose capacity isn't
//     known is never full. One without any effective weight comes last. Calls
//     that may never spill stay where they are preferred.
//   - What is left then is shed. Of a tier that is shed entirely, the shares
//     are those it prefers, for calls that get through anyway.
//
// Spill never passes the gate of a recovering cloud: it is there to keep a
// stampede away, and waiting costs a few seconds of shedding. Only a protected
// tier's calls do, and only when all others are full. Panic and a hold are
// within the capacities, too: clouds that seem lost to us may be up and full.
//
// A tier never changes what those before it get. More capacity never sheds more
// of any tier. Loads follow demand and capacity without a jump: with n tiers,
// what changes there moves at most 3ⁿ − 1 times as much load, all in all.
// Whether a plan that flaps around a full cloud is worth following is for
// [Limit] and those who estimate to say.
//
// # What clouds should have
//
// [CloudPlan.Desired] is for autoscalers, which must know before load comes. It
// is what the plan would send to a cloud if each had grown to its ceiling: its
// own part and what the others can't carry even then. It is the larger of that
// and what the plan would send if all clouds were also well, so that a cloud
// which is lost, drained or on trial isn't scaled in meanwhile and has what it
// needs when its calls come back; and it is never below the load there is.
// Where less critical tiers would use more than 1 − reserve of that, it is their
// load ÷ (1 − reserve). So at the desired capacities no more is shed than at the
// ceilings. It holds nothing for the loss of another cloud: [Lose] tells what
// that would need.
//
// # How fast
//
// [Limit] turns the plan in force and the one that is wanted into the next one
// in force. The loss or drain of a cloud passes at once, and so does what a full
// one has too much; everything else at the slope, unless that would overload a
// cloud.
//
// # The way back
//
// [Readmission] takes one cloud from its loss through hold-down and gates back
// into service, and again further away with each flap.
//
// A cloud that an operator had taken out begins at the first gate: nothing is
// held against it, and nothing is known of how it takes calls.
//
// # Changes
//
// A [Change] is what operators plan: a drain takes a cloud out of use, a shift
// moves weights over hours, a drill is a drain that measures. Each client follows
// the record by itself with an [Agenda]: it is in force from its start to its end
// by the wall clock, whoever wrote it, while ramps and judgements are durations
// and don't mind when the clock is set. Of two changes that move the calls of one
// cloud at a time the second is refused; so is one that would leave a tier with
// too few clouds, or clouds with too little capacity for protected tiers, unless
// it is forced: see [Change.Check]. What health demands is never refused.
//
// A drill or shift is given up when a protected tier burns its error budget 14.4
// times as fast as it may, or when a cloud that stays has less than 10 % of its
// capacity left beside the protected tiers; a shift also when the attempts at the
// cloud that it moves to fail so often, whether callers see it or not. A drill
// leaves a [Report].
//
// # Retries
//
// [Budget] bounds the retries of a service, [MayRetry] says which attempts may
// be followed by another, [AttemptTime] how long one may take, and
// [RetryDelay] how long to wait when there is nowhere else to go.
//
// # Demand and capacity
//
// [Rate] measures the calls per second that are offered, quickly and steadily, and
// [Minute] more steadily yet, by which changes are judged.
// [Capacity] steers how many of them one client may send to a cloud, by the config,
// load reports and pushback. [Cap] bounds what is in flight, at once, when a cloud
// has too much to do. Their documentation has the formulas.
//
// # Contract
//
// Times are monotonic, since some epoch of the caller's; only changes are given
// the wall clock as well. Nothing here reads a
// clock, starts a goroutine or draws a random number: the same arguments give
// the same results in production, in tests and in simulations.
//
// Functions may be called from any goroutine. They change none of their
// arguments; a [Plan] is never changed once it is made. A [Readmission] and an
// [Agenda] have one owner. A [Budget] may be drawn from by any goroutine and has one owner
// who refills it.
//
// The package is v0: names and figures may change between minor versions.
package failover
