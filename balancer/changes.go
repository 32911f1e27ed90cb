package balancer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/internal/configfile"
)

// Apply puts a change in force, now or when its time comes: a drain, a shift or a
// drill. It concerns this process alone, while the changes of a config file are
// followed by every client that has it. With [WithStore] it survives a
// restart.
//
// The error says what is wrong with the record; or it is a [*failover.Refusal],
// if a safety rule speaks against a change that would begin now, or if an earlier
// change contradicts it. Then nothing has changed. A refusal by a safety rule is
// overridden by Force; what was overridden stands in status, log and report.
// A change that is to begin later may still be refused then: see
// [Router.Changes].
//
// A change whose ID was applied before, and isn't in force, replaces it. A drill
// that the clouds lack the capacity for is no error: its report says so.
func (r *Router) Apply(change failover.Change) error {
	if err := r.apply(change, false); err != nil {
		return fmt.Errorf("%s %s: %w", change.Kind, change.ID, err)
	}
	if err := r.saveChanges(); err != nil {
		return fmt.Errorf("%s %s is in force, but a restart will forget it: %w", change.Kind, change.ID, err)
	}
	return nil
}

// apply is Apply without saving. instead lets a drain take the place of what keeps
// its cloud out already.
func (r *Router) apply(change failover.Change, instead bool) error {
	if err := change.Validate(); err != nil {
		return err
	}
	change = cloneChange(change)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed() {
		return ErrClosed
	}
	if err := r.mayChange(&change); err != nil {
		return err
	}
	now := r.now()
	news, err := r.agenda.Add(now, r.clock(), change, instead, r.look)
	if err != nil {
		return err
	}
	r.tellChanges(news)
	if r.moveChanges(now) {
		r.publish()
	}
	return nil
}

// mayChange returns what a change names and the config doesn't have. Its ID goes to
// logs and pages.
func (r *Router) mayChange(c *failover.Change) error {
	if !namePattern.MatchString(c.ID) {
		return fmt.Errorf("id: must be a name: %s; is %s", nameCharacters, configfile.Quote(c.ID))
	}
	for _, cloud := range changedClouds(c) {
		if _, known := r.config.Clouds[cloud]; !known {
			return r.unknownCloud()
		}
	}
	for _, service := range c.Services {
		if _, known := r.config.Services[service]; !known {
			return fmt.Errorf("no such service in the config, which has %v", sortedKeys(r.config.Services))
		}
	}
	if r.config.Observe != "" && c.Cloud == r.config.Observe {
		return &failover.Refusal{Rule: failover.RuleObserve, Reason: "it gets every call while it is observed"}
	}
	return nil
}

// changedClouds returns the clouds that a change names, sorted.
func changedClouds(c *failover.Change) []string {
	var all []string
	if c.Cloud != "" {
		all = append(all, c.Cloud)
	}
	all = append(append(all, sortedKeys(c.Weights)...), sortedKeys(c.From)...)
	slices.Sort(all)
	return slices.Compact(all)
}

// Changes returns the changes of the config and those that were applied to this
// process, each with its state and the reason for it. Of what was applied and is
// over, the last 20 are remembered.
func (r *Router) Changes() []failover.ChangeStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.agenda.Status(r.clock())
}

// Cancel ends a change for this process, with all repetitions; a change of the
// config comes back when its cloud, start or repetition is another. A cloud that
// was drained comes back by the gates of re-admission, weights go back at the
// pace of failover.slope. A drill's report then says INTERRUPTED. The error is
// about an ID that is unknown; to cancel what is over is none.
func (r *Router) Cancel(id string) error {
	if err := r.endChanges(func(now time.Duration) ([]failover.ChangeStatus, error) {
		return r.agenda.Cancel(now, r.clock(), id, "cancelled")
	}); err != nil {
		return fmt.Errorf("cancel: %w", err)
	}
	return nil
}

// endChanges ends what end says, and remembers that it has.
func (r *Router) endChanges(end func(now time.Duration) ([]failover.ChangeStatus, error)) error {
	r.mu.Lock()
	if r.closed() {
		r.mu.Unlock()
		return ErrClosed
	}
	now := r.now()
	news, err := end(now)
	r.tellChanges(news)
	if r.moveChanges(now) {
		r.publish()
	}
	r.mu.Unlock()
	if err != nil || len(news) == 0 {
		return err
	}
	return r.saveChanges()
}

// Drill applies a drill and returns its report when it is over: see
// [failover.Report]. Kind may be left out, and ID and Start have defaults: the
// cloud's name and now. It takes the cloud out of use until End, measures, and
// gives up if protected tiers or the clouds that stay suffer.
//
// If ctx ends before, the drill is cancelled and the error is ctx's, beside a
// report that says INTERRUPTED. Any other error means that there was no drill: see
// [Router.Apply]. If the clouds that stay could not carry the protected tiers
// nothing is moved, and the outcome is CAPACITY_CHECK_FAILED.
func (r *Router) Drill(ctx context.Context, change failover.Change) (*failover.Report, error) {
	change.Kind = failover.KindDrill
	if change.ID == "" {
		change.ID = "drill-" + change.Cloud
	}
	if err := r.Apply(change); err != nil {
		return nil, err
	}
	for {
		report, news, err := r.drilled(change.ID)
		if report != nil || err != nil {
			return report, err
		}
		select {
		case <-news:
		case <-r.closing:
			return nil, ErrClosed
		case <-ctx.Done():
			_ = r.Cancel(change.ID)
			report, _, _ := r.drilled(change.ID)
			return report, context.Cause(ctx)
		}
	}
}

// drilled returns the report of a drill, or what is closed when there is news.
func (r *Router) drilled(id string) (*failover.Report, <-chan struct{}, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.agenda.Status(r.clock()) {
		switch {
		case s.ID != id:
		case s.State == failover.ChangeScheduled, s.State == failover.ChangeRunning:
			if r.changeNews == nil {
				r.changeNews = make(chan struct{})
			}
			return nil, r.changeNews, nil
		case s.Report == nil:
			return nil, nil, &failover.Refusal{Reason: s.Reason}
		default:
			return s.Report, nil, nil
		}
	}
	return nil, nil, errors.New("the drill is gone")
}

// tellChanges tells hooks, log and those who wait what has become of changes, and
// has it saved.
func (r *Router) tellChanges(news []failover.ChangeStatus) {
	if len(news) == 0 {
		return
	}
	r.unsaved = r.store != nil
	for _, s := range news {
		r.events.add(changeEvent(r.wall(r.now()), s))
		r.note(func() { r.tellChange(s) })
	}
	if r.changeNews != nil {
		close(r.changeNews)
		r.changeNews = nil
	}
}

func changeEvent(at time.Time, s failover.ChangeStatus) Event {
	text := s.Name() + " is " + string(s.State)
	for _, more := range []string{s.Reason, s.Forced} {
		if more != "" {
			text += ": " + more
		}
	}
	return Event{At: at, Kind: EventChange, Cloud: s.Cloud, To: string(s.State), Text: cut(text)}
}

func (r *Router) tellChange(s failover.ChangeStatus) {
	level := slog.LevelInfo
	if s.State == failover.ChangeAborted || s.State == failover.ChangeRefused || s.Forced != "" {
		level = slog.LevelWarn
	}
	about := []any{"change", s.ID, "kind", string(s.Kind), "state", string(s.State), "reason", s.Reason}
	if s.Cloud != "" {
		about = append(about, "cloud", s.Cloud)
	}
	if s.Forced != "" {
		about = append(about, "forced", s.Forced)
	}
	if s.Report != nil && s.State != failover.ChangeRunning {
		about = append(about, "outcome", string(s.Report.Outcome), "peakBurn", s.Report.PeakBurn)
		if !s.Report.Restored.IsZero() {
			about = append(about, "rto", s.Report.RTO)
		}
	}
	r.log.Log(r.ctx, level, "change "+string(s.State), about...)
	if r.trace.ChangeEvent != nil {
		r.trace.ChangeEvent(s)
	}
}

// ChangeOption sets what [Router.Drain] leaves to its defaults.
type ChangeOption func(*failover.Change)

// WithGrace is how long attempts under way at the cloud may go on: 30 s by
// default, from 1 s to 24 h.
func WithGrace(d time.Duration) ChangeOption {
	return func(c *failover.Change) { c.Grace = d }
}

// WithRamp drains in even steps over a time, and not at once.
func WithRamp(d time.Duration) ChangeOption { return func(c *failover.Change) { c.Ramp = d } }

// WithForce drains although a safety rule speaks against it.
func WithForce() ChangeOption { return func(c *failover.Change) { c.Force = true } }

// ForServices drains the cloud for some services only: those with one of the names,
// over each protocol. Without a name it is drained for all.
func ForServices(names ...string) ChangeOption {
	return func(c *failover.Change) { c.Services = names }
}

func cloneChange(c failover.Change) failover.Change {
	return cloneChanges([]failover.Change{c})[0]
}
