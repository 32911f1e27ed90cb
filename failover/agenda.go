package failover

import (
	"fmt"
	"slices"
	"time"
)

// ChangeState is where a change stands.
type ChangeState string

const (
	ChangeScheduled ChangeState = "scheduled" // its time will come
	ChangeRunning   ChangeState = "running"   // in force
	ChangeEnded     ChangeState = "ended"     // its time is over
	ChangeAborted   ChangeState = "aborted"   // given up by its abort conditions
	ChangeRefused   ChangeState = "refused"   // it may not happen, for a reason
	ChangeCancelled ChangeState = "cancelled" // an operator ended it
)

// ChangeSource is where a change comes from.
type ChangeSource string

const (
	FromConfig ChangeSource = "config"  // every client with that config follows it
	FromApply  ChangeSource = "applied" // a program applied it to this process alone
)

// ChangeStatus is a change and where it stands.
type ChangeStatus struct {
	Change
	Source ChangeSource
	State  ChangeState
	// Since is when it came into that state, by the wall clock.
	Since time.Time
	// Reason says why, for a person; empty if there is nothing to say.
	Reason string
	// Begins and Until are those of the occurrence that is in force or comes next,
	// or of the last one. Until is zero if it has no end.
	Begins, Until time.Time
	// Progress is how much of its way it has gone, 0…1. It is 0 unless the change
	// is running.
	Progress float64
	// Forced says which safety rule was overridden, and why it spoke against the
	// change; empty if none was.
	Forced string
	// Report is that of the last drill, nil if there was none. It isn't changed
	// any more.
	Report *Report
}

// Agenda follows changes for one client: it says which are in force, and ends
// them. The zero value has none. One goroutine at a time may use it.
//
// What follows the calendar is when a change begins and ends: it begins once the
// wall clock is between its start and its end, also in a process that comes late,
// and ends when the wall clock has reached the end, whoever began it. What
// happens meanwhile is a matter of durations, and follows the monotonic clock: the
// ramp, burn rates, intervals. So when the wall clock jumps
//
//   - a change that has not begun begins or is missed as the calendar says,
//   - one in force goes on, and its ramp with it. It ends at the latest when it
//     has lasted as long as was to come when it began, so a clock that is set back
//     doesn't prolong it; one that is set forward beyond the end ends it;
//   - what has ended doesn't begin again: each occurrence happens once.
type Agenda struct {
	// Interval is [Settings.ChangeInterval].
	Interval time.Duration

	entries []*entry
	moved   time.Duration // when something last began or ended, here or elsewhere
	ever    bool          // something did
}

// entry is one change and where it stands.
type entry struct {
	Change
	applied bool
	state   ChangeState
	since   time.Time
	reason  string
	forced  string
	rules   []Rule // that were overridden
	gone    bool   // cancelled, and every occurrence to come with it
	resumed bool   // it was in force when it was saved, and is so again with the next Step
	report  *Report

	handled time.Time // the start of the last occurrence that was begun or refused
	begins  time.Time // of the occurrence in force, or the last
	until   time.Time
	lasts   time.Duration // until when at the latest, by the monotonic clock; 0: for ever
	began   time.Duration
	joined  float64 // how much of its ramp was over when it began here
	done    float64 // how much is over now
	trial   *trial
}

// Look returns the signs of the services that a change concerns.
type Look func(*Change) []ServiceSigns

// Set replaces the changes that a config has; those that [Agenda.Add] added stay.
// What has begun goes on if the record is the same move with other figures; what
// has no record any more is over. It returns what changed.
func (a *Agenda) Set(now time.Duration, wall time.Time, changes []Change) (news []ChangeStatus) {
	old := a.entries
	a.entries = nil
	for _, c := range changes {
		c = c.WithDefaults()
		i := slices.IndexFunc(old, func(e *entry) bool { return !e.applied && e.sameMove(&c) })
		if i < 0 {
			a.entries = append(a.entries, newEntry(c, wall, false))
			continue
		}
		e := old[i]
		if e.state == ChangeRunning && e.Ramp != c.Ramp {
			e.joined, e.began = e.done, now
		}
		if e.state == ChangeRunning && !e.End.Equal(c.End) {
			e.Change = c
			e.until, e.lasts = c.lasting(e.begins, now, wall)
		}
		e.Change = c
		a.entries = append(a.entries, e)
		old = slices.Delete(slices.Clone(old), i, i+1)
	}
	for _, e := range old {
		switch {
		case e.applied && e.outlives(changes):
			a.entries = append(a.entries, e)
		case e.state == ChangeRunning, e.applied && e.state == ChangeScheduled:
			a.finish(e, now, wall, ChangeCancelled, "its record was taken away or replaced")
			news = append(news, e.status(wall))
		}
	}
	return news
}

func newEntry(c Change, wall time.Time, applied bool) *entry {
	e := &entry{Change: c, applied: applied, state: ChangeScheduled, since: wall}
	e.miss(wall)
	return e
}

// Outlives reports whether a change that [Agenda.Drained] returned stays in force
// when [Agenda.Set] sets other changes.
func (a *Agenda) Outlives(c *Change, changes []Change) bool {
	i := slices.IndexFunc(a.entries, func(e *entry) bool { return &e.Change == c })
	return i >= 0 && a.entries[i].outlives(changes)
}

func (e *entry) outlives(changes []Change) bool {
	if e.applied {
		return !slices.ContainsFunc(changes, func(c Change) bool { return c.ID == e.ID })
	}
	return slices.ContainsFunc(changes, func(c Change) bool { return e.sameMove(&c) })
}

// Add adds a change of one process, or gives one that was added before other
// figures. If its time has come it begins at once. The error is a [*Refusal], or
// says that the ID is that of another record; then nothing has changed.
//
// An operator's drain without an end takes the place of what already keeps the
// cloud out, such as a drill, if instead is set: else it contradicts that.
func (a *Agenda) Add(now time.Duration, wall time.Time, c Change, instead bool, look Look) (news []ChangeStatus, err error) {
	c = c.WithDefaults()
	if c.Start.IsZero() {
		c.Start = wall
	}
	e := newEntry(c, wall, true)
	at := slices.IndexFunc(a.entries, func(other *entry) bool { return other.ID == c.ID })
	for _, other := range a.entries {
		switch {
		case other.ID != c.ID:
			if !other.lives() || instead && other.replaceable(&c) {
				continue
			}
			if err := c.Contradicts(&other.Change); err != nil {
				return nil, err
			}
		case !other.applied:
			return nil, fmt.Errorf("change %s is in the config", c.ID)
		case other.state == ChangeRunning && !(instead && other.replaceable(&c)):
			return nil, fmt.Errorf("change %s is in force; cancel it first", c.ID)
		}
	}
	if !c.End.IsZero() && c.Repeat == 0 && !wall.Before(c.End) {
		return nil, fmt.Errorf("change %s is over since %s", c.ID, c.End.Format(time.RFC3339))
	}
	if e.due(wall) {
		refusal := a.begin(e, now, now, wall, instead, look)
		if refusal != nil && c.Repeat == 0 && refusal.drillReport == nil {
			return nil, refusal.Refusal
		}
		for _, other := range a.entries {
			if instead && e.state == ChangeRunning && other.state == ChangeRunning && other.replaceable(&c) {
				a.finish(other, now, wall, ChangeCancelled, "replaced by "+c.ID)
				news = append(news, other.status(wall))
			}
		}
		news = append(news, e.status(wall))
	}
	if at >= 0 {
		a.entries[at] = e
	} else {
		a.entries = append(a.entries, e)
	}
	a.forget()
	return news, nil
}

// replaceable reports whether a drain by an operator may take the place of what is
// in force or planned: it keeps the same cloud out.
func (e *entry) replaceable(c *Change) bool {
	return c.Kind == KindDrain && c.End.IsZero() && e.drains() && e.Cloud == c.Cloud
}

// mostHistory is how many applied changes are remembered after their end.
const mostHistory = 20

// forget drops the oldest applied changes that are over.
func (a *Agenda) forget() {
	over := 0
	for i := len(a.entries) - 1; i >= 0; i-- {
		e := a.entries[i]
		if !e.applied || e.lives() || e.holdsBack() {
			continue
		}
		if over++; over > mostHistory {
			a.entries = slices.Delete(a.entries, i, i+1)
		}
	}
}

// lives reports whether a change is in force or may still come.
func (e *entry) lives() bool {
	switch e.state {
	case ChangeRunning, ChangeScheduled:
		return true
	}
	return e.Repeat > 0 && !e.gone
}

// Cancel ends a change for good, with all occurrences to come; one of the config
// until its record is another move. What an added shift was given up for, or refused,
// then keeps weights no more at those that it was to move from. The error is about
// an unknown ID; a change that is over is none.
func (a *Agenda) Cancel(now time.Duration, wall time.Time, id, reason string) (news []ChangeStatus, err error) {
	i := slices.IndexFunc(a.entries, func(e *entry) bool { return e.ID == id })
	if i < 0 {
		return nil, fmt.Errorf("no such change: %s", id)
	}
	e := a.entries[i]
	if !e.lives() && !e.holdsBack() {
		return nil, nil
	}
	a.finish(e, now, wall, ChangeCancelled, reason)
	e.gone = true
	return []ChangeStatus{e.status(wall)}, nil
}

// Resume ends what keeps a cloud out, now; of what repeats, this occurrence.
func (a *Agenda) Resume(now time.Duration, wall time.Time, cloud, reason string) (news []ChangeStatus) {
	for _, e := range a.entries {
		if e.state == ChangeRunning && e.drains() && e.Cloud == cloud {
			a.finish(e, now, wall, ChangeCancelled, reason)
			e.gone = e.Repeat == 0
			news = append(news, e.status(wall))
		}
	}
	return news
}

// Status returns all changes, those of the config first, in their order.
func (a *Agenda) Status(wall time.Time) []ChangeStatus {
	all := make([]ChangeStatus, 0, len(a.entries))
	for _, e := range a.entries {
		all = append(all, e.status(wall))
	}
	return all
}

func (e *entry) status(wall time.Time) ChangeStatus {
	s := ChangeStatus{
		Change: e.Change, Source: FromConfig, State: e.state, Since: e.since, Reason: e.reason, Forced: e.forced, Progress: e.done, Report: e.report,
		Begins: e.begins, Until: e.until,
	}
	if e.applied {
		s.Source = FromApply
	}
	if s.Begins.IsZero() || e.state != ChangeRunning && e.lives() {
		s.Begins, s.Until = e.Occurrence(wall)
	}
	return s
}
