package balancer

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// stall is how late a step must be for it to count as the process itself
// having stood still: suspended, out of CPU, or stopped in a debugger. What
// timed out meanwhile says nothing about the clouds.
const stall = 4 * stepEvery

// control runs the controller until the router is closed.
func (r *Router) control() {
	ticker := time.NewTicker(stepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			r.step()
		case <-r.closing:
			r.tell()
			return
		}
	}
}

// step is one turn of the controller: detect, plan, publish, probe, tell.
func (r *Router) step() {
	r.mu.Lock()
	if r.closed() {
		r.mu.Unlock()
		return
	}
	now := r.now()
	local := ""
	if late := now - r.stepped - stepEvery; late > stall {
		local = fmt.Sprintf("this process stood still for %v", late.Round(time.Millisecond))
		r.excuse(now)
	}
	r.stepped = now
	if r.machine == nil {
		r.day.Store(int64(sla.DayOf(time.Now())))
	}
	changed := false
	for _, s := range r.order {
		if s.step(r, now, local) {
			changed = true
		}
	}
	if changed {
		r.publish()
	}
	r.noteReady()
	r.noteUnknownTiers()
	due := r.dueProbes(now)
	r.mu.Unlock()

	r.launch(due)
	r.tell()
}

// excuse forgets what was seen since the last step.
func (r *Router) excuse(now time.Duration) {
	for _, s := range r.order {
		for _, c := range s.clouds {
			c.target.Excuse(now)
		}
	}
}

// publish builds a table from the state of things and makes picks see it.
func (r *Router) publish() {
	t := &table{config: r.config, classifier: r.classifier, services: make([]*serviceTable, 0, len(r.order))}
	for _, s := range r.order {
		t.services = append(t.services, s.table(r))
	}
	if !r.closed() {
		r.table.Store(t)
	}
}

// noteReady closes ready once nothing is unknown.
func (r *Router) noteReady() {
	select {
	case <-r.ready:
		return
	default:
	}
	for _, s := range r.order {
		for _, c := range s.clouds {
			if c.target.State() == health.Unknown {
				return
			}
		}
	}
	close(r.ready)
}

// noteUnknownTiers warns of tiers that contexts name and the config doesn't
// have, of each once.
func (r *Router) noteUnknownTiers() {
	names := r.classifier.Unknown()
	if len(names) == r.unknownTiers {
		return
	}
	r.unknownTiers = len(names)
	r.note(func() { r.log.Warn("calls name tiers that the config doesn't have", "tiers", names) })
}

// note queues something that hooks or log are to be told. The caller holds mu.
func (r *Router) note(what func()) { r.pending = append(r.pending, what) }

// noteState queues a change of state.
func (r *Router) noteState(service, cloud string, c health.Change) {
	change := StateChange{Service: service, Cloud: cloud, At: r.wall(c.At), From: c.From, To: c.To, Reason: c.Reason}
	r.note(func() {
		level := slog.LevelInfo
		if change.To == health.Down {
			level = slog.LevelWarn
		}
		r.log.Log(r.ctx, level, "cloud changed state", "service", service, "cloud", cloud,
			"from", change.From.String(), "to", change.To.String(), "reason", change.Reason)
		if r.trace.StateChanged != nil {
			r.trace.StateChanged(change)
		}
	})
}

// notePlan queues a change of shares.
func (r *Router) notePlan(service string, plan failover.Plan) {
	if r.trace.PlanChanged != nil {
		r.note(func() { r.trace.PlanChanged(service, plan) })
	}
}

// tell tells hooks and log what was noted. Only the controller calls it, so
// that hooks run one at a time, and without the lock, so that they may call the
// router.
func (r *Router) tell() {
	r.mu.Lock()
	pending := r.pending
	r.pending = nil
	r.mu.Unlock()
	for _, what := range pending {
		what()
	}
}
