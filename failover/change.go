package failover

import (
	"slices"
	"strings"
	"time"
)

// ChangeKind says what a [Change] does.
type ChangeKind string

// The kinds of changes.
const (
	// KindDrain takes a cloud out of use.
	KindDrain ChangeKind = "drain"
	// KindShift moves the weights of clouds.
	KindShift ChangeKind = "shift"
	// KindDrill is a drain that measures: it proves that the others carry the
	// calls, and ends itself if they don't.
	KindDrill ChangeKind = "drill"
)

// Change is one planned change of where calls go: a drain, a shift or a drill.
//
// Every client follows the record by itself. It is in force from Start to End by
// the wall clock, for as long as the record is there; whoever wrote it may be
// gone. See [Agenda] for what follows the calendar and what doesn't.
type Change struct {
	// ID names the change in lists, logs and errors. Each is given once. It is
	// written as the name of a cloud is. Required.
	ID string

	// Kind is "drain", "shift" or "drill". Required.
	Kind ChangeKind

	// Cloud is what a drain or a drill takes out of use. Default: none; a drain
	// and a drill need it, a shift has none.
	Cloud string

	// Weights are the weights that a shift moves to, by cloud. A cloud that isn't
	// named keeps the weight it has; 0 leaves a cloud to serve only where no
	// other can. Default: none; a shift needs them, others have none.
	Weights map[string]uint32

	// From are the weights that a shift moves from, by cloud. They hold before
	// Start as well, so that a new cloud may get nothing until then, and when the
	// shift was given up or refused; those of a config whenever the shift isn't in
	// force, as long as its record is there. Default: the weights of the clouds.
	From map[string]uint32

	// Services are those that the change concerns. Default: all.
	Services []string

	// Start is when the change begins, by the wall clock, such as
	// 2026-12-01T03:00:00+09:00. Default: at once where a program applies the
	// change; a config file must say.
	Start time.Time

	// End is when the change is over, by the wall clock. Later than Start, and
	// for a shift than Start and Ramp. Default: none, it holds until the record is
	// taken away. A drill, and whatever repeats, needs one.
	End time.Time

	// Ramp is how long the cloud takes to be drained, or the weights to reach
	// their target, in even steps. A ramp of nothing drains at once and shifts at
	// the pace of failover.slope. At most 720h. Default: none.
	Ramp time.Duration

	// Grace is how long attempts under way, such as streams, may go on at a cloud
	// once it is drained. Then they end. From 1s to 24h. Default: 30s.
	Grace time.Duration

	// Abort says when the change is given up. Default: for a drill and a shift,
	// what its fields say; a drain that has no abort conditions is never given up.
	Abort AbortSettings

	// Repeat is the time from one start to the next: 168h is weekly. It is
	// counted in hours, not by the calendar: a change of daylight saving time
	// moves the local time. More than End − Start, at least 1m. Default: the change
	// happens once.
	Repeat time.Duration

	// Allowed are the times at which the change may happen. An occurrence that
	// doesn't lie within them is refused. Without an End only the ramp has to.
	// Default: any time.
	Allowed []Window

	// Blocked are the times at which the change must not happen. An occurrence
	// that touches one is refused. Default: none.
	Blocked []Window

	// Force makes the change happen although a safety rule speaks against it;
	// status, log and report then say which. It doesn't override its abort
	// conditions, nor a contradiction with another change. Default: false.
	Force bool
}

// AbortSettings say when a change is given up.
type AbortSettings struct {
	// Burn is the burn rate of a protected tier, or of all tiers if none is
	// protected, at which the change is given up: how many times as fast as its
	// objective allows the tier spends its error budget. A shift is also given up
	// when the attempts at a cloud that it moves to burn so: retries hide from
	// callers what that cloud does. It is measured since the change began, or over
	// the last hour if that is less. Range: above 0. Default: 14.4, which spends
	// 2 % of the budget of 30 days in an hour (The Site Reliability Workbook,
	// chapter 5).
	Burn float64

	// Events is how many bad calls or attempts there must be for a burn rate to
	// count. From 1 to 1000000. Default: 50.
	Events int

	// Headroom is the part of its capacity that each of the clouds that stay must
	// have left beside the calls of protected tiers; with less a drill or a shift
	// is given up. It counts only where capacity is known, and as far as chance
	// allows to say: with few calls per second less may be left before that is sure.
	// Range: above 0, below 1. Default: 0.1.
	Headroom float64
}

// The defaults of a change.
const (
	defaultGrace    = 30 * time.Second
	defaultBurn     = 14.4
	defaultEvents   = 50
	defaultHeadroom = 0.1
)

// WithDefaults returns c with a default in the place of each value that is
// missing. A start that is missing stays so.
func (c Change) WithDefaults() Change {
	if c.Grace <= 0 {
		c.Grace = defaultGrace
	}
	if c.Kind != KindDrain || c.Abort != (AbortSettings{}) {
		if !positive(c.Abort.Burn) {
			c.Abort.Burn = defaultBurn
		}
		if c.Abort.Events < 1 {
			c.Abort.Events = defaultEvents
		}
		if !(c.Abort.Headroom > 0 && c.Abort.Headroom < 1) {
			c.Abort.Headroom = defaultHeadroom
		}
	}
	return c
}

// Name is how a sentence calls the change: by kind and ID, or by an ID that says the
// kind already.
func (c *Change) Name() string {
	if strings.HasPrefix(c.ID, string(c.Kind)) {
		return c.ID
	}
	return string(c.Kind) + " " + c.ID
}

// Concerns reports whether the change concerns a service.
func (c *Change) Concerns(service string) bool {
	return len(c.Services) == 0 || slices.Contains(c.Services, service)
}

// drains reports whether the change takes a cloud out of use.
func (c *Change) drains() bool { return c.Kind == KindDrain || c.Kind == KindDrill }

// touches reports whether the change moves the calls of a cloud.
func (c *Change) touches(cloud string) bool {
	if c.drains() {
		return c.Cloud == cloud
	}
	_, to := c.Weights[cloud]
	_, from := c.From[cloud]
	return to || from
}

// sameMove reports whether d is c with other figures: then what has begun goes
// on.
func (c *Change) sameMove(d *Change) bool {
	return c.ID == d.ID && c.Kind == d.Kind && c.Cloud == d.Cloud && c.Start.Equal(d.Start) && c.Repeat == d.Repeat &&
		slices.Equal(c.Services, d.Services)
}
