package console

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/failover"
)

const (
	// latestChanges is how many changes the overview shows.
	latestChanges = 6
	// toldFor is how long the headline tells of a change that went wrong.
	toldFor = time.Hour
)

// changesView returns the first changes, at most so many.
func (s *snapshot) changesView(most int) *Changes {
	v := &Changes{At: s.status.At, Changes: []Change{}}
	for i := range s.status.Changes {
		v.Changes = append(v.Changes, newChange(&s.status.Changes[i]))
	}
	slices.SortStableFunc(v.Changes, func(a, b Change) int {
		rank := a.rank(v.At)
		if r := cmp.Compare(rank, b.rank(v.At)); r != 0 {
			return r
		}
		if rank == rankToCome {
			return a.Begins.Compare(b.Begins)
		}
		return b.Since.Compare(a.Since)
	})
	v.Changes = v.Changes[:min(most, len(v.Changes))]
	return v
}

// The order of changes.
const (
	rankRunning = iota
	rankWrong
	rankToCome
	rankOver
)

func (c *Change) rank(now time.Time) int {
	switch {
	case c.State == string(failover.ChangeRunning):
		return rankRunning
	case c.wentWrong() != "" && now.Sub(c.Since) < toldFor:
		return rankWrong
	case c.State == string(failover.ChangeScheduled):
		return rankToCome
	}
	return rankOver
}

// wentWrong says what became of a change that did not do what it was for. It is
// empty if nothing is wrong, as with one that an operator ended.
func (c *Change) wentWrong() string {
	switch failover.ChangeState(c.State) {
	case failover.ChangeAborted, failover.ChangeRefused:
		return c.State + " since " + clock(c.Since)
	case failover.ChangeEnded:
		if r := c.Report; r != nil && r.Outcome != string(failover.Succeeded) && r.Outcome != string(failover.Interrupted) {
			return "over since " + clock(c.Since) + ": " + r.Outcome
		}
	}
	return ""
}

// changeNews are the parts of the headline about changes: what is under way, and
// what went wrong lately. A drain is told of with its cloud, and a shift that has
// arrived is how things are.
func changeNews(v *Overview) (parts []string) {
	for i := range v.Changes {
		c := &v.Changes[i]
		switch rank := c.rank(v.At); {
		case rank == rankWrong:
			parts = append(parts, c.name()+" is "+c.wentWrong())
		case rank != rankRunning:
		case c.Kind == string(failover.KindDrill):
			parts = append(parts, fmt.Sprintf("%s of %s is running", c.name(), c.Cloud))
		case c.Progress < 1:
			parts = append(parts, fmt.Sprintf("%s has gone %s of its way", c.name(), percent(c.Progress)))
		}
	}
	return parts
}

// drilled reports whether a drill of the cloud is running, which says that it is
// drained.
func drilled(v *Overview, cloud string) bool {
	return slices.ContainsFunc(v.Changes, func(c Change) bool {
		return c.Cloud == cloud && c.Kind == string(failover.KindDrill) && c.State == string(failover.ChangeRunning)
	})
}

// name is how a sentence calls the change.
func (c *Change) name() string {
	return (&failover.Change{ID: c.ID, Kind: failover.ChangeKind(c.Kind)}).Name()
}

// Does says what the change is for.
func (c Change) Does() string {
	text := "takes " + c.Cloud + " out of use"
	switch failover.ChangeKind(c.Kind) {
	case failover.KindDrill:
		text += ", and measures what callers get"
	case failover.KindShift:
		var all []string
		for _, cloud := range slices.Sorted(maps.Keys(c.Weights)) {
			one := cloud + " "
			if from, ok := c.From[cloud]; ok {
				one += fmt.Sprintf("from %d ", from)
			}
			all = append(all, fmt.Sprintf("%sto %d", one, c.Weights[cloud]))
		}
		text = "moves the weights of " + strings.Join(all, ", ")
	}
	if len(c.Services) > 0 {
		text += ", for " + strings.Join(c.Services, ", ") + " only"
	}
	return text
}

// moment is one of the times that a drill measures, and how long after the first.
type moment struct {
	failover.Moment
	After time.Duration
}

// Moments are the times of the report, in their order.
func (r *Report) Moments() (all []moment) {
	measured := failover.Report{Began: r.Began, Planned: r.Planned, Left: r.Left, Restored: r.Restored, Ended: r.Ended}
	for _, m := range measured.Moments() {
		one := moment{Moment: m}
		if !m.At.IsZero() {
			one.After = m.At.Sub(r.Began)
		}
		all = append(all, one)
	}
	return all
}

// Shed is the number of calls that were shed, of all tiers.
func (r *Report) Shed() (n uint64) {
	for _, t := range r.Tiers {
		n += t.Shed
	}
	return n
}

// changeLook is the class and the sign of a change's state, or of an outcome.
func changeLook(state string) (class, sign string) {
	switch state {
	case string(failover.ChangeRunning):
		return "recovering", "◐"
	case string(failover.ChangeEnded), string(failover.Succeeded):
		return "healthy", "✓"
	case string(failover.ChangeAborted), string(failover.ChangeRefused), string(failover.Failed), string(failover.CapacityCheckFailed):
		return "down", "✕"
	case string(failover.ChangeCancelled), string(failover.Interrupted):
		return "degraded", "■"
	}
	return "scheduled", "○"
}

func inMillis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
