package balancer

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// DrainedError is the error of an attempt that was under way at a cloud when that
// was drained, and that had not ended when its grace was over: of a stream, of a
// body that is still being read, or of a call that takes long. A call that may be
// repeated is made again elsewhere instead, unless its answer had begun.
type DrainedError struct {
	Service string
	Cloud   string
	Change  string        // the ID of the change that drained the cloud
	Grace   time.Duration // how long the attempt could go on
}

func (e *DrainedError) Error() string {
	return fmt.Sprintf("cloud %s of %s was drained (%s), and the grace of %v is over", e.Cloud, e.Service, e.Change, e.Grace)
}

// lastingTime is how far away the deadline of an attempt must be for it to be
// remembered. All others have ended by themselves soon after any grace is over.
const lastingTime = 10 * time.Second

// lasting are the attempts at one service in one cloud that may last: they have no
// deadline, or a distant one. They are few or long, so that a lock for each costs
// little, and it is one of several.
type lasting struct {
	parts [8]lastingPart
}

type lastingPart struct {
	mu    sync.Mutex // taken after none and before none
	first *run
	_     [48]byte
}

// add remembers an attempt.
func (l *lasting) add(r *run, random uint64) {
	part := &l.parts[random%uint64(len(l.parts))]
	part.mu.Lock()
	defer part.mu.Unlock()
	r.part, r.next, r.previous = part, part.first, nil
	if part.first != nil {
		part.first.previous = r
	}
	part.first = r
}

// forget is called by whoever looks after the attempt, when it ends or moves.
func (r *run) forget() {
	part := r.part
	if part == nil {
		return
	}
	part.mu.Lock()
	defer part.mu.Unlock()
	if r.previous != nil {
		r.previous.next = r.next
	} else {
		part.first = r.next
	}
	if r.next != nil {
		r.next.previous = r.previous
	}
	r.part, r.next, r.previous = nil, nil, nil
}

// moveTo takes an attempt that is remembered to another cloud.
func (r *run) moveTo(l *lasting, random uint64) {
	if r.part != nil {
		r.forget()
		l.add(r, random)
	}
}

// all returns what ends each of the attempts.
func (l *lasting) all() (ends []func(error)) {
	for i := range l.parts {
		part := &l.parts[i]
		part.mu.Lock()
		for r := part.first; r != nil; r = r.next {
			ends = append(ends, r.end)
		}
		part.mu.Unlock()
	}
	return ends
}

// overstayed returns what ends the attempts at clouds whose grace is over. The
// caller holds mu, and runs them without.
func (r *Router) overstayed(now time.Duration) (ends []func()) {
	for _, s := range r.order {
		for _, c := range s.clouds {
			if !c.drained || c.endsAt == 0 || now < c.endsAt {
				continue
			}
			c.endsAt = 0
			err := c.drainedError(s.name)
			for _, end := range c.lasting.all() {
				ends = append(ends, func() { end(err) })
			}
		}
	}
	return ends
}

// drainedError is that of attempts whose grace is over. The caller holds Router.mu.
func (c *serviceCloud) drainedError(service string) *DrainedError {
	return &DrainedError{Service: service, Cloud: c.name, Change: c.drainedBy, Grace: c.grace}
}

// Outlast, called by the function that [Do] runs, is for what goes on when the time of
// its call is over, such as a connection that has switched protocols. The context
// ends only when the attempt's cloud was drained and its grace is over: its cause is a
// [*DrainedError] then. It must be canceled when there is nothing to end any more.
func (a Attempt) Outlast() (context.Context, context.CancelFunc) {
	var beyond run
	beyond.ctx, beyond.end = context.WithCancelCause(context.WithoutCancel(a.run.ctx))
	r, c := a.cloud.router, a.cloud.live
	c.lasting.add(&beyond, r.random())
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.drained && c.endsAt == 0 { // the grace was over before the attempt was remembered
		beyond.end(c.drainedError(a.Service()))
	}
	return beyond.ctx, sync.OnceFunc(beyond.close)
}
