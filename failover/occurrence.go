package failover

import (
	"fmt"
	"time"
)

// Occurrence returns when the change happens: the occurrence that lies around
// wall or, if there is none, the next one; or the last if there is no next. End
// is zero if it has none. Start must be set.
func (c *Change) Occurrence(wall time.Time) (start, end time.Time) {
	n := time.Duration(0)
	if c.Repeat > 0 && wall.After(c.Start) {
		n = wall.Sub(c.Start) / c.Repeat
		if !wall.Before(c.End.Add(n * c.Repeat)) {
			n++
		}
	}
	if c.End.IsZero() {
		return c.Start, time.Time{}
	}
	return c.Start.Add(n * c.Repeat), c.End.Add(n * c.Repeat)
}

// moving is the part of an occurrence that windows are about: all of it or, if
// it has no end, its ramp.
func (c *Change) moving(start, end time.Time) (time.Time, time.Time) {
	if end.IsZero() {
		end = start.Add(c.Ramp)
	}
	return start, end
}

// overlap reports whether two changes are ever in force at the same time, windows
// aside.
func (c *Change) overlap(d *Change) bool {
	switch {
	case c.Repeat > 0 && d.Repeat > 0:
		// Both go on for ever: offsets between occurrences are all that differ
		// from one another by the greatest common divisor of the periods.
		g := gcd(c.Repeat, d.Repeat)
		apart := ((d.Start.Sub(c.Start) % g) + g) % g
		return apart < c.End.Sub(c.Start) || g-apart < d.End.Sub(d.Start)
	case c.Repeat > 0:
		return d.overlap(c)
	}
	// c happens once.
	start, end := d.Occurrence(c.Start)
	return (c.End.IsZero() || start.Before(c.End)) && (end.IsZero() || c.Start.Before(end))
}

func gcd(a, b time.Duration) time.Duration {
	for b > 0 {
		a, b = b, a%b
	}
	return a
}

// Contradicts returns why c cannot stand beside an earlier change: they are in
// force at the same time, concern a service in common, and move the calls of the
// same cloud. It returns nil if they go together. Both need a start.
func (c *Change) Contradicts(earlier *Change) error {
	if !c.meets(earlier) || !c.busy(earlier).overlap(earlier.busy(c)) {
		return nil
	}
	if refusal := c.clashes(earlier); refusal != nil {
		return refusal
	}
	return nil
}

// Overlaps reports whether two changes concern a service in common at the same
// time, windows aside. Both need a start.
func (c *Change) Overlaps(d *Change) bool { return c.meets(d) && c.overlap(d) }

// clashes returns why two changes that are in force at the same time don't go
// together, or nil.
func (c *Change) clashes(earlier *Change) *Refusal {
	at := ""
	switch {
	case c.drains() && earlier.touches(c.Cloud):
		at = c.Cloud
	case earlier.drains() && c.touches(earlier.Cloud):
		at = earlier.Cloud
	case c.Kind == KindShift && earlier.Kind == KindShift:
		return &Refusal{Rule: RuleContradiction, Reason: earlier.Name() + " moves weights at the same time"}
	default:
		return nil
	}
	return &Refusal{Rule: RuleContradiction, Reason: fmt.Sprintf("%s moves the calls of %s at the same time", earlier.Name(), at)}
}

// busy returns the change with the end up to which another kind of change must
// keep away: a shift that has reached its target is where a drain or drill starts
// from.
func (c *Change) busy(other *Change) *Change {
	if c.Kind != KindShift || other.Kind == KindShift {
		return c
	}
	b := *c
	if end := c.Start.Add(c.Ramp + time.Minute); b.End.IsZero() || end.Before(b.End) {
		b.End = end
	}
	return &b
}

// meets reports whether two changes concern a service in common.
func (c *Change) meets(d *Change) bool {
	if len(c.Services) == 0 || len(d.Services) == 0 {
		return true
	}
	for _, s := range c.Services {
		if d.Concerns(s) {
			return true
		}
	}
	return false
}
