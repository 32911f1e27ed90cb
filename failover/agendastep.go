package failover

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Step takes all changes further: it begins those whose time has come, and ends
// those whose time is over or that do harm. It is meant to be called at each
// sweep. It returns what changed.
func (a *Agenda) Step(now time.Duration, wall time.Time, look Look) (news []ChangeStatus) {
	for _, e := range a.entries {
		if e.state == ChangeRunning {
			if a.proceed(e, now, wall, look) {
				news = append(news, e.status(wall))
			}
		}
	}
	var due []*entry
	for _, e := range a.entries {
		switch {
		case e.due(wall):
			due = append(due, e)
		case e.miss(wall):
			news = append(news, e.status(wall))
		}
	}
	// A client that comes late decides as those did that were there.
	slices.SortStableFunc(due, func(e, f *entry) int {
		start, _ := e.Occurrence(wall)
		other, _ := f.Occurrence(wall)
		return start.Compare(other)
	})
	for _, e := range due {
		start, _ := e.Occurrence(wall)
		a.begin(e, now, now-max(0, wall.Sub(start)), wall, false, look)
		news = append(news, e.status(wall))
	}
	return news
}

// miss ends what was to happen once and has not begun when its time is over. It
// reports whether that is so only now.
func (e *entry) miss(wall time.Time) bool {
	if e.state != ChangeScheduled || e.Repeat > 0 || e.End.IsZero() || wall.Before(e.End) {
		return false
	}
	e.state, e.since, e.reason = ChangeEnded, e.End, "its time was over before it could begin here"
	return true
}

// due reports whether an occurrence has come that was not dealt with.
func (e *entry) due(wall time.Time) bool {
	if e.state == ChangeRunning || e.gone {
		return false
	}
	start, end := e.Occurrence(wall)
	if !end.IsZero() && !wall.Before(end) {
		return false
	}
	// With a clock that was set back, what was in force may have its start before it
	// again. Of what repeats that is the same occurrence, or one that has yet to come.
	if e.resumed && (e.Repeat == 0 || !wall.Before(start) || start.Equal(e.handled)) {
		return true
	}
	return !wall.Before(start) && start.After(e.handled)
}

// refusedDrill is a refusal, with a report if it is one that a drill's outcome
// tells.
type refusedDrill struct {
	*Refusal
	drillReport *Report
}

// begin puts an occurrence in force, unless a rule speaks against it. Where clients
// follow a record it began at a time that may lie before now, and before this
// process: what it must keep away from is told by that.
func (a *Agenda) begin(e *entry, now, began time.Duration, wall time.Time, instead bool, look Look) *refusedDrill {
	start, end := e.Occurrence(wall)
	e.handled, e.begins, e.until = start, start, end
	e.since, e.reason, e.forced, e.rules = wall, "", "", nil
	e.done, e.resumed = 0, false
	signs := look(&e.Change)
	refusals := a.clash(e, instead)
	hard := len(refusals) > 0
	if !hard {
		refusals = a.refuse(e, began, start, end, signs)
	}
	if len(refusals) > 0 && (hard || !e.Force) {
		refusal := refusals[0]
		e.state, e.reason = ChangeRefused, refusal.Reason
		r := &refusedDrill{Refusal: refusal}
		if e.Kind == KindDrill && (refusal.Rule == RuleCapacity || refusal.Rule == RuleMinClouds) {
			e.report = &Report{Change: e.ID, Cloud: e.Cloud, Outcome: CapacityCheckFailed, Reason: refusal.Reason, Ended: wall}
			r.drillReport = e.report
		}
		return r
	}
	var forced []string
	for _, refusal := range refusals {
		forced = append(forced, fmt.Sprintf("%s: %s", refusal.Rule, refusal.Reason))
		e.rules = append(e.rules, refusal.Rule)
	}
	e.forced = strings.Join(forced, "; ")
	e.state, e.began = ChangeRunning, now
	if end.IsZero() {
		e.lasts = 0
	} else {
		e.until, e.lasts = e.lasting(start, now, wall)
	}
	e.joined = progress(wall.Sub(start), e.Ramp)
	e.done = e.joined
	e.trial = newTrial(now, &e.Change, signs)
	e.trial.read(now, &e.Change, signs)
	if !a.ever || began > a.moved {
		a.moved, a.ever = began, true
	}
	return nil
}

// lasting returns when an occurrence is over, by both clocks.
func (c *Change) lasting(start time.Time, now time.Duration, wall time.Time) (until time.Time, lasts time.Duration) {
	if c.End.IsZero() {
		return time.Time{}, 0
	}
	until = start.Add(c.End.Sub(c.Start))
	return until, now + max(1, until.Sub(wall))
}

// progress returns how much of a ramp is over, in thousandths: each step of it
// costs every service a new plan.
func progress(elapsed, ramp time.Duration) float64 {
	if ramp <= 0 || elapsed >= ramp {
		return 1
	}
	return math.Floor(1000*max(0, elapsed.Seconds())/ramp.Seconds()) / 1000
}

// clash returns the change in force that a change contradicts. That can't be
// overridden.
func (a *Agenda) clash(e *entry, instead bool) []*Refusal {
	for _, other := range a.entries {
		if other == e || other.state != ChangeRunning || other.Kind == KindShift && e.Kind != KindShift && other.done >= 1 || !e.meets(&other.Change) {
			continue
		}
		if instead && other.replaceable(&e.Change) {
			continue
		}
		if refusal := e.clashes(&other.Change); refusal != nil {
			return []*Refusal{refusal}
		}
	}
	return nil
}

// refuse returns what speaks against a change that begins at a time.
func (a *Agenda) refuse(e *entry, began time.Duration, start, end time.Time, signs []ServiceSigns) (refusals []*Refusal) {
	if refusal := e.windows(start, end); refusal != nil {
		refusals = append(refusals, refusal)
	}
	if a.ever {
		if refusal := tooSoon(&e.Change, began-a.moved, a.Interval); refusal != nil {
			refusals = append(refusals, refusal)
		}
	}
	inputs := make([]ServiceInput, len(signs))
	for i := range signs {
		inputs[i] = ServiceInput{signs[i].name(), signs[i].Input}
	}
	return append(refusals, e.refusals(inputs)...)
}

// proceed takes a change in force further. It reports whether its state changed.
func (a *Agenda) proceed(e *entry, now time.Duration, wall time.Time, look Look) bool {
	over := !e.until.IsZero() && (!wall.Before(e.until) || now >= e.lasts)
	e.done = 1
	if e.joined < 1 {
		e.done = min(1, e.joined+progress(now-e.began, e.Ramp))
	}
	var signs []ServiceSigns
	if e.Kind != KindDrain || e.Abort != (AbortSettings{}) {
		signs = look(&e.Change)
		e.trial.read(now, &e.Change, signs)
	}
	if over {
		a.finish(e, now, wall, ChangeEnded, "its time is over")
		a.moved = min(now, e.lasts) // not by when this client looked
		return true
	}
	if signs == nil {
		return false
	}
	if why := e.trial.verdict(now, &e.Change, e.rules, signs); why != "" {
		a.finish(e, now, wall, ChangeAborted, why)
		return true
	}
	return false
}

// finish ends a change.
func (a *Agenda) finish(e *entry, now time.Duration, wall time.Time, state ChangeState, reason string) {
	if e.state == ChangeRunning {
		a.moved, a.ever = now, true
		if e.Kind == KindDrill {
			e.report = e.trial.report(e, now, wall, state, reason)
		}
	}
	e.state, e.since, e.reason = state, wall, reason
	e.done, e.trial = 0, nil
}
