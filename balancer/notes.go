package balancer

import (
	"log/slog"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
)

// mostNotes is how many notes may wait for hooks and log. A hook that takes its
// time, or a log that nobody reads, must not hold up the controller, nor take
// more and more memory.
const mostNotes = 1000

// note queues something that hooks or log are to be told. The caller holds mu.
func (r *Router) note(what func()) {
	switch {
	case r.closed():
		return // there is nobody left to tell it
	case len(r.pending) >= mostNotes:
		r.untold++
	default:
		r.pending = append(r.pending, what)
	}
	select {
	case r.noted <- struct{}{}:
	default:
	}
}

// telling tells what is noted until the router is closed. Hooks run in this
// goroutine alone: one at a time, and away from everything that decides.
func (r *Router) telling() {
	for {
		select {
		case <-r.noted:
			r.tell()
		case <-r.closing:
			r.tell()
			return
		}
	}
}

// tell tells hooks and log what was noted, without the lock, so that they may
// call the router. What is to be saved of changes comes first, and is never left
// out however much there is to tell.
func (r *Router) tell() {
	r.mu.Lock()
	pending, untold, unsaved := r.pending, r.untold, r.unsaved
	r.pending, r.untold, r.unsaved = nil, 0, false
	r.mu.Unlock()
	if unsaved {
		r.keepChanges()
	}
	for _, what := range pending {
		what()
	}
	if untold > 0 {
		r.log.Warn("hooks and log are too slow, some changes were not told", "changes", untold)
	}
}

// noteState queues a change of state.
func (r *Router) noteState(s *service, cloud string, c health.Change) {
	r.recordState(s, cloud, c)
	change := StateChange{Service: s.name, Protocol: s.protocol, Cloud: cloud, At: r.wall(c.At), From: c.From, To: c.To, Reason: c.Reason}
	r.note(func() {
		level := slog.LevelInfo
		if change.To == health.Down {
			level = slog.LevelWarn
		}
		r.log.Log(r.ctx, level, "cloud changed state", "service", change.Service, "protocol", change.Protocol.String(), "cloud", cloud,
			"from", change.From.String(), "to", change.To.String(), "reason", change.Reason)
		if r.trace.StateChanged != nil {
			r.trace.StateChanged(change)
		}
	})
}

// notePlan queues a change of shares.
func (r *Router) notePlan(s *service, plan failover.Plan) {
	if r.trace.PlanChanged != nil {
		r.note(func() { r.trace.PlanChanged(PlanChange{Service: s.name, Protocol: s.protocol, Plan: plan}) })
	}
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
