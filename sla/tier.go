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
	// included. From 1 to 10. Default: 2.
	Attempts int

	// Clouds says which clouds the tier's calls may go to and which they
	// should go to. Default: all, by weight.
	Clouds Clouds
}

// Objective says what a good answer is.
type Objective struct {
	// Latency is how long a good answer takes at most. Slower ones speak
	// against the cloud that gave them. Default: no such limit.
	Latency time.Duration
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
