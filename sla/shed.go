package sla

import (
	"fmt"
	"time"
)

// ShedReason is a code that says why a call was shed.
type ShedReason string

const (
	// ShedCapacity means that the clouds lack the capacity for all calls of the
	// tier, and that the call's level is one of those that wait.
	ShedCapacity ShedReason = "capacity"
	// ShedInFlight means that too many calls were under way already.
	ShedInFlight ShedReason = "in flight"
)

// ShedError is the error of a call that was refused before anything was sent,
// because there is not enough for all. It says nothing against any cloud.
type ShedError struct {
	Service string
	Tier    string
	Level   int // 0…127: the highest levels of a tier wait first
	Reason  ShedReason
	// RetryAfter is when it makes sense to try again.
	RetryAfter time.Duration
}

// Error names service, tier, level, reason and when to try again.
func (e *ShedError) Error() string {
	why := "the clouds lack the capacity"
	if e.Reason == ShedInFlight {
		why = "too many calls are under way"
	}
	return fmt.Sprintf("%s: shed (tier %s, level %d): %s; try again in %v", e.Service, e.Tier, e.Level, why, e.RetryAfter)
}

// Temporary is there for those who ask it of errors: shedding passes.
func (e *ShedError) Temporary() bool { return true }
