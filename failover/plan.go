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
	// Held says that the fault is probably on this side: the cloud is taken for
	// healthy for now. See [health.Correlation].
	Held bool
	// Gate and ProtectedGate are the fractions of their normal share that
	// unprotected and protected tiers may send here, 0…1: see
	// [Readmission.Gate]. They count only in state Recovering.
	Gate, ProtectedGate float64
}

// Input is everything that the plan of one service depends on.
type Input struct {
	Clouds []Cloud
	// Tiers are those of the service. Their names, which must be unique, their
	// protection and their clouds count.
	Tiers []sla.Tier
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
	ReasonDegraded   Reason = "degraded"   // less than by weight or preference: bad or slow answers, or endpoints missing
	ReasonRecovering Reason = "recovering" // what the gate of re-admission lets through
	ReasonDown       Reason = "down"       // nothing: it is down, or has no usable endpoint
	ReasonAbsent     Reason = "absent"     // nothing: it has no endpoint
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
}

// Plan says where the calls of one service go, tier by tier in the order of
// the input.
type Plan struct {
	Tiers []TierPlan
}
