package failover

import (
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// Cloud is one cloud as the plan of one service sees it.
type Cloud struct {
	// Name tells the clouds of an input apart: it must be unique.
	Name string
	// Weight is the cloud's part in the split, relative to the other weights.
	// A cloud of weight 0 serves only where no other can.
	Weight uint32
	State  health.State
	// Healthy is the fraction of the endpoints that may be used, 0…1. A cloud
	// with 0 counts as down.
	Healthy float64
	// Quality is the share of good and fast answers relative to that of the
	// best cloud, 0…1. It counts only in state Degraded.
	Quality float64
	// Absent says that the cloud has no endpoint, sick or well: nothing can be
	// sent there, not even in panic.
	Absent bool
	// Drained says that an operator took the cloud out.
	Drained bool
	// Leaving is the part of its share that an operator's drain under way has
	// taken from the cloud, 0…1. At the end of the way Drained says so.
	Leaving float64
	// Held says that the fault is probably on this side: the cloud is taken for
	// healthy for now. See [health.Correlation].
	Held bool
	// Capacity is how many calls per second the cloud can carry now, in the same
	// measure as Input.Demand: a client that knows its own demand alone counts
	// on its part of the cloud alone. 0: unknown; the cloud then takes whatever
	// weights and health give it. What reports and pushback made of it is in it
	// already.
	Capacity float64
	// Ceiling is what the capacity can grow to by itself. It limits
	// [CloudPlan.Desired] and decides nothing else. 0: Capacity.
	Ceiling float64
	// Gate and ProtectedGate are the fractions of their normal share that
	// unprotected and protected tiers may send here, 0…1: see
	// [Readmission.Gate]. They count only in state Recovering.
	Gate, ProtectedGate float64
}

// Input is everything that the plan of one service depends on.
type Input struct {
	Clouds []Cloud
	// Tiers are those of the service, most critical first. Their names, which
	// must be unique, their protection, clouds, spill and reserve count.
	Tiers []sla.Tier
	// Demand is how many calls per second are offered of each tier, before any
	// is shed, in the order of Tiers. A tier that it doesn't reach has none.
	// It counts only where some capacity is known.
	Demand []float64
	// Panic and MinClouds are those of [Settings]; their zero values stand for
	// the defaults.
	Panic     Panic
	MinClouds int
}

// Reason is a code that says why a cloud has the share it has.
type Reason string

const (
	ReasonWeights    Reason = "weights"    // its part by weight
	ReasonPrefer     Reason = "prefer"     // its part by the tier's order of preference
	ReasonStandby    Reason = "standby"    // a trickle that keeps its health known
	ReasonSpill      Reason = "spill"      // more than by weight or preference: others lack the capacity
	ReasonFull       Reason = "full"       // less than by weight or preference: its capacity is used up
	ReasonDegraded   Reason = "degraded"   // less than by weight or preference: bad or slow answers, or endpoints missing
	ReasonRecovering Reason = "recovering" // what the gate of re-admission lets through
	ReasonDown       Reason = "down"       // nothing: it is down, or has no usable endpoint
	ReasonAbsent     Reason = "absent"     // nothing: it has no endpoint
	ReasonDraining   Reason = "draining"   // what a drain under way has left it
	ReasonDrained    Reason = "drained"    // nothing: an operator took it out
	ReasonResidency  Reason = "residency"  // nothing: the tier may not use it
	ReasonPanic      Reason = "panic"      // too few clouds are left: by weight, or nothing if the calls fail
	ReasonHeld       Reason = "held"       // the fault is probably on this side: as if it were healthy
)

// Share is the part of a tier's calls that goes to one cloud.
type Share struct {
	Cloud    string
	Fraction float64 // 0…1
	Reason   Reason
}

// TierPlan is the plan of one tier.
type TierPlan struct {
	Tier string
	// Shares has every cloud of the input, sorted by name. The fractions sum
	// to 1, or are all 0 if Fail is set.
	Shares []Share
	// Fail says that no cloud may be tried: calls fail at once. The reasons of
	// the shares say why.
	Fail bool
	// Shed is the fraction of the tier's calls that no cloud has room for, 0…1.
	// The shares divide the others.
	Shed float64
	// Demand is what was offered, in calls per second. 0 if nothing is known.
	Demand float64
}

// CloudPlan is what the plan means for one cloud, all tiers together, in calls
// per second.
type CloudPlan struct {
	Cloud string
	// Demand is what would go to the cloud if every cloud had the capacity:
	// what is offered before spill and shedding, and what an autoscaler must
	// see.
	Demand float64
	// Load is what the plan sends there.
	Load float64
	// Capacity is that of the input; 0 if unknown.
	Capacity float64
	// Utilization is Load ÷ Capacity; 0 if the capacity is unknown.
	Utilization float64
	// Desired is the capacity that the cloud should have: enough for its Demand
	// and for what the others can't carry, and for its part when all clouds are
	// well; within the larger of Capacity and Ceiling, and not below Load. It has
	// no headroom but reserves: what an autoscaler wants of it is its own
	// business. 0 if the capacity is unknown. The package documentation has the
	// formula.
	Desired float64
}

// Plan says where the calls of one service go, tier by tier in the order of
// the input.
type Plan struct {
	Tiers []TierPlan
	// Clouds has every cloud of the input, sorted by name. It is nil if nothing
	// is known of demand.
	Clouds []CloudPlan
}
