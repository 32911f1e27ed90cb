package balancer

import (
	"context"
	"fmt"
	"sync"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
)

// A call whose first attempt isn't answered when most others would have been is
// hedged: a second attempt is made beside it, elsewhere, and the first good answer
// counts ("The Tail at Scale", Dean and Barroso, 2013). When that is and whether
// it may be is told in hedging.go; this is what becomes of the two.
//
// The first attempt stays in the goroutine of the call. The hedge is made by the
// goroutine in which the attempt's clock rings, so that calls that are answered in
// time need no other goroutine. Who has an answer first claims the other attempt's
// fate, so there is one winner:
//
//   - The first attempt has a good answer, or one that ends the call: Do returns
//     it at once. The hedge's context ends, and its goroutine releases what it got.
//   - The hedge has a good answer: the context of the first attempt ends, and when
//     its try has returned Do returns what the hedge got. A try that ignores its
//     context makes the call wait.
//   - One of them fails: the call waits for the other. If that fails as well it
//     goes on as after any other failure, with two attempts made.
//
// An attempt that lost is neither good nor bad, unless its answer came all the
// same: then it counts as it was. A first attempt whose own time is over while the
// hedge is under way is cut as ever; the hedge is the attempt that follows.

// beside is what the goroutine of a hedge needs of its call, and where it and that
// of the call meet.
type beside[T any] struct {
	terms
	functions[T]

	mu     sync.Mutex // not held while anything else is called
	closed bool       // the first attempt has ended: no hedge begins any more
	hedge  *hedge[T]  // nil unless one has begun
}

// hedge is the second attempt of a call.
type hedge[T any] struct {
	result[T] // the hedge's goroutine's until it is done
	run       run
	panicked  any
	forsaken  bool          // beside.mu guards it: nobody wants the result
	done      chan struct{} // closed when the result is the call's
}

// enter begins a hedge. It reports false if the first attempt has ended.
func (b *beside[T]) enter(h *hedge[T]) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.hedge = h
	return true
}

// close says that the first attempt has ended. It returns the hedge that has begun,
// once, and nil if none has.
func (b *beside[T]) close() *hedge[T] {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.hedge
	b.closed, b.hedge = true, nil
	return h
}

// deliver hands the result over to the call. It reports false if nobody wants it.
func (b *beside[T]) deliver(h *hedge[T]) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !h.forsaken {
		close(h.done)
	}
	return !h.forsaken
}

// giveUp says that nobody wants the result. It reports false if it was delivered
// before.
func (b *beside[T]) giveUp(h *hedge[T]) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	h.forsaken = !h.isDone()
	return h.forsaken
}

func (h *hedge[T]) isDone() bool {
	select {
	case <-h.done:
		return true
	default:
		return false
	}
}

// makeHedge makes a hedge of the first attempt, whose run is given, if that may and
// can be done. It is called when the clock says that it is time, and returns when
// the hedge is over.
func (b *beside[T]) makeHedge(c *clock, of *run, first Attempt) {
	r := b.router
	if !r.hedges.enter() {
		return // the router is closed
	}
	defer r.hedges.leave()
	planned, ok := r.planHedge(first)
	if !ok {
		return
	}
	h := &hedge[T]{done: make(chan struct{})}
	h.Attempt = planned.attempt(r)
	h.Attempt.run = &h.run
	h.run.before = []Attempt{first}
	b.equip(&h.Attempt, []Attempt{first, h.Attempt}, planned.tier.Attempts)
	if h.run.cancel == nil && h.run.end == nil { // it must end when it has lost
		h.run.ctx, h.run.cancel = context.WithCancel(h.run.ctx)
	}
	if !b.enter(h) {
		planned.giveBack()
		h.endSpan(health.Outcome{Reason: reasonHedgeLost})
		h.run.answered()
		h.run.close()
		return
	}
	c.cover(of)
	planned.begin(&h.Attempt)
	stop := context.AfterFunc(r.ctx, h.run.stop)
	returned := false
	defer func() {
		stop()
		if !returned {
			h.panicked, h.err, h.run.kept = recover(), errGoexit, false
			h.outcome = health.Outcome{Reason: "panic"}
		}
		b.finish(h, c, of)
	}()
	h.result = b.attempt(h.Attempt)
	returned = true
}

// finish ends a hedge whose try has returned.
func (b *beside[T]) finish(h *hedge[T], c *clock, first *run) {
	if h.run.moved != nil {
		h.Attempt = *h.run.moved
	}
	b.judge(&b.terms, &h.result)
	switch {
	case h.outcome.Kind != health.OK && h.panicked == nil:
		_, tier := h.table()
		c.uncover(first, tier.Attempts > 2)
	case first.fate.lose():
		first.stop()
	}
	if b.deliver(h) {
		return
	}
	if h.panicked != nil {
		b.router.log.Error("a hedge panicked when its call had ended", "service", h.Service(), "panic", fmt.Sprint(h.panicked))
	}
	b.dispose(h.result)
}

// race turns what the first attempt got into what counts of it and its hedge, once
// that is known.
func (d *doing[T]) race(got *result[T]) {
	b := d.beside
	d.beside = nil
	h := b.close()
	if h == nil {
		return
	}
	lost := got.run.fate.isLost()
	drained := got.run.drained() != nil // then the hedge is what the call goes on with
	if !lost && !drained && !failover.MayRetry(got.outcome, d.idempotent) {
		b.forsake(h)
		return
	}
	failedBefore := h.isDone()
	<-h.done
	other := h.result
	d.tried = append(append(d.tried, h.run.before[1:]...), h.Attempt)
	d.report = append(d.report, h.run.reports...)
	d.blame(h.Attempt, h.outcome, h.err, h.took)
	if lost || h.outcome.Kind == health.OK || !failedBefore && failover.MayRetry(h.outcome, d.idempotent) {
		*got, other = other, *got
		got.took = d.router.now() - got.began // until both have returned
	}
	got.run.final = got.run.final || other.run.final
	d.dispose(other)
	if h.panicked != nil {
		got.run.leave(got.Attempt)
		d.lose()
		d.ended = true
		panic(h.panicked)
	}
}

// forsake ends a hedge that isn't needed any more. It doesn't wait for it.
func (b *beside[T]) forsake(h *hedge[T]) {
	if b.giveUp(h) {
		h.run.fate.lose()
		h.run.stop()
		return
	}
	b.dispose(h.result)
}
