package sla

import (
	"slices"
	"time"
)

// Tier is a class of calls with one promise. Tiers are listed most critical
// first: when there is not enough for all, the last ones wait first.
type Tier struct {
	// Name of the tier, as rules and contexts give it. Required.
	Name string

	// Protected marks a tier that must survive the loss of a cloud: others
	// give way to it. Default: false.
	Protected bool

	// Objective says what a good answer is. Default: any answer is good.
	Objective Objective

	// Timeout is the longest that a call may take, all its attempts together.
	// The caller's own deadline counts too if it is earlier. Default: none but
	// the caller's.
	Timeout time.Duration

	// Attempts is how often a call may be tried at most, the first time
	// included. Up to two that were pushed back don't count if there is another
	// endpoint to try. From 1 to 10. Default: 2.
	Attempts int

	// Hedge is the largest part of the tier's calls that may be tried a second
	// time while the first attempt is still under way: an idempotent call whose
	// answer takes longer than that of all but this part of the calls is asked
	// for elsewhere, too, and the first good answer counts. 0.02 means after the
	// 98th percentile of what answers took in the last seconds, at least 1 ms. A
	// hedge is paid from the retry budget and is one of Attempts. There is none
	// while the tier is shed, none of streams, and none where all clouds that are
	// well are full or slower than usual. Range: above 0, at most 0.5. Default: none.
	Hedge float64

	// Reserve is the part of each cloud's capacity that less critical tiers may
	// not use: together they get the rest at most, however little this tier and
	// those before it need. The largest reserve of the more critical tiers counts.
	// It matters only where capacity is known and the tier may go. Range: above 0, below 1. Default: none.
	Reserve float64

	// Clouds says which clouds the tier's calls may go to and which they
	// should go to. Default: all, by weight.
	Clouds Clouds

	// Spill says what becomes of calls for which their clouds lack the capacity:
	// "allow" sends them to other clouds that the tier may use and that have room,
	// "never" sheds them. Default: allow.
	Spill Spill
}

// Spill says whether calls leave the cloud they belong to when it is full.
type Spill string

// The values of [Tier.Spill].
const (
	SpillAllow Spill = "allow"
	SpillNever Spill = "never"
)

// Objective is what a tier promises: that at least the part Target of the calls
// in Window is good. A call is good if its answer is acceptable and came within
// Latency.
type Objective struct {
	// Target is the part of calls that must be good: 0.999 allows one in a
	// thousand to be bad. Range: above 0, below 1. Default: 0.999.
	Target float64 `json:"target"`

	// Latency is how long a good answer takes at most. Slower ones speak
	// against the cloud that gave them. Default: no such limit.
	Latency time.Duration `json:"latency_ns,omitzero"`

	// Window is the time over which the error budget is kept: it rolls, and ends
	// now. From 1h to 720h, in whole hours. Default: 720h, 30 days.
	Window time.Duration `json:"window_ns"`
}

// Clouds restricts and orders the clouds of a tier.
type Clouds struct {
	// Prefer lists clouds in order: the calls go to the first as long as it is
	// healthy enough for them, then to the next. Clouds that are not listed
	// come last, all together. Those that wait share 1 % of the calls, so that
	// their health is known. Default: calls are divided by the weights of the
	// clouds.
	Prefer []string

	// Only lists the clouds that the tier's calls may ever go to, whatever
	// happens. It is for data that must stay where it is: when all of these
	// clouds are lost, the calls fail. Default: every cloud.
	Only []string
}

// Allow reports whether calls may go to the cloud at all.
func (c Clouds) Allow(cloud string) bool {
	return len(c.Only) == 0 || slices.Contains(c.Only, cloud)
}
