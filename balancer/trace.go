package balancer

import (
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
)

// Trace is a set of hooks, each of which may be nil. Picked and Answered run
// in the goroutine of the call, those of a hedge in its own, and must be quick. The others run one at a time in
// a goroutine of their own. While one is busy up to 1,000 changes wait for it;
// those beyond are not told, and the log says how many. A hook may call the
// router's methods, except Close.
type Trace struct {
	// Picked is called when an attempt begins.
	Picked func(Attempt)
	// Answered is called when an attempt's outcome is known, and once more if
	// the rest of a kept answer breaks off.
	Answered func(a Attempt, o health.Outcome, took time.Duration)
	// StateChanged is called when a service's state in a cloud has changed.
	StateChanged func(StateChange)
	// PlanChanged is called when the shares of a service have changed.
	PlanChanged func(PlanChange)
	// ChangeEvent is called when something has become of a drain, shift or drill:
	// it began, ended, was given up, refused or cancelled.
	ChangeEvent func(failover.ChangeStatus)
	// ConfigChanged is called when a config was put in force, or refused with
	// the error.
	ConfigChanged func(error)
}

// StateChange is one change of state of a service in a cloud.
type StateChange struct {
	Service  string
	Protocol Protocol
	Cloud    string
	At       time.Time
	From, To health.State
	Reason   string
}

// PlanChange is the new plan of a service.
type PlanChange struct {
	Service  string
	Protocol Protocol
	Plan     failover.Plan
}
