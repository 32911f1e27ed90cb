package health

import "time"

// State is the condition of one service in one cloud. These changes exist:
//
//	Unknown    → Healthy, Down
//	Healthy    → Degraded, Down
//	Degraded   → Healthy, Down
//	Down       → Recovering
//	Recovering → Healthy, Down
//	Unknown, Healthy, Degraded → Recovering, when a drain ends
//
// The detectors make all of them except those from Down, to Recovering and from
// Recovering to Healthy: their pace is decided elsewhere, by calls of Recover,
// Return and Readmit.
type State uint8

const (
	// Unknown is a target that nobody has heard of yet. It counts as healthy.
	Unknown State = iota
	// Healthy is a target that gets its full weight.
	Healthy
	// Degraded is a target that answers, but worse than it should: it gets
	// less than its weight.
	Degraded
	// Down is a target that gets no calls.
	Down
	// Recovering is a target on its way back: it gets what the gates of
	// re-admission let through.
	Recovering
)

func (s State) String() string {
	switch s {
	case Unknown:
		return "unknown"
	case Healthy:
		return "healthy"
	case Degraded:
		return "degraded"
	case Down:
		return "down"
	case Recovering:
		return "recovering"
	}
	return "invalid"
}

// Change is one change of state.
type Change struct {
	At       time.Duration // since the router's epoch
	From, To State
	Reason   string // for a person, with the figures that decided
}

// follows reports whether a target may go from one state to another.
func follows(from, to State) bool {
	switch to {
	case Healthy:
		return from == Unknown || from == Degraded || from == Recovering
	case Degraded:
		return from == Healthy
	case Down:
		return from != Down
	case Recovering:
		return from != Recovering
	}
	return false
}

// change moves the target to another state. It does nothing and returns the
// zero Change if the states don't follow each other.
func (t *Target) change(now time.Duration, to State, reason string) Change {
	from := t.State()
	if !follows(from, to) {
		return Change{}
	}
	c := Change{At: now, From: from, To: to, Reason: reason}
	t.last.Store(&c)
	return c
}
