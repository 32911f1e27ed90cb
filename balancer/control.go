package balancer

import (
	"fmt"
	"time"

	"github.com/fairlead-go/fairlead/health"
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
			return
		}
	}
}

// step is one turn of the controller: detect, plan, publish, probe.
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
	r.day.Store(int64(r.date()))
	changed := r.stepChanges(now)
	for _, s := range r.order {
		if s.step(r, now, local) {
			s.built, changed = nil, true
		}
	}
	if r.spend(r.wall(now)) {
		changed = true
	}
	if changed {
		r.publish()
	}
	r.sample(now)
	r.noteReady()
	r.noteUnknownTiers()
	due, ends := r.dueProbes(now), r.overstayed(now)
	r.mu.Unlock()

	for _, end := range ends {
		end()
	}
	r.launch(due)
	if r.machine != nil {
		r.tell()
	}
}

// excuse forgets what was seen since the last step.
func (r *Router) excuse(now time.Duration) {
	for _, s := range r.order {
		for _, c := range s.clouds {
			c.target.Excuse(now)
		}
	}
}

// publish makes picks see the state of things. The part of a service is built
// anew if built is nil.
func (r *Router) publish() {
	t := &table{
		config: r.config, classifier: r.classifier, byMethod: r.config.byMethod(), sensitive: r.sensitive,
	}
	for _, s := range r.order {
		if s.built == nil {
			s.built = s.table(r)
		}
		t.services[s.protocol] = append(t.services[s.protocol], s.built)
	}
	if !r.closed() {
		r.table.Store(t)
	}
	for _, news := range r.waited {
		close(news)
	}
	r.waited = nil
}

// noteReady closes ready once every cloud was reached or found down. One whose
// names have no address is as good as down.
func (r *Router) noteReady() {
	select {
	case <-r.ready:
		return
	default:
	}
	for _, s := range r.order {
		for _, c := range s.clouds {
			if c.target.State() == health.Unknown && !c.absent() {
				return
			}
		}
	}
	close(r.ready)
}
