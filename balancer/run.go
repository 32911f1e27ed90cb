package balancer

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/otel/trace"

	"github.com/fairlead-go/fairlead/health"
)

// run is the part of an attempt that [Do] looks after.
type run struct {
	ctx     context.Context
	cancel  context.CancelFunc      // nil if the context is the caller's own, or there is end
	end     context.CancelCauseFunc // ends the context and says why; nil unless the attempt may last or be cut
	clock   *clock                  // nil if the attempt has no time of its own
	span    trace.Span              // nil without WithTracerProvider
	fate    fate
	once    bool            // what the adapter sends may have an effect: it can't be cut then
	kept    bool            // the adapter will release it
	final   bool            // the adapter can't send again what it sends
	unsent  bool            // nothing reached the target
	before  []Attempt       // of the same call
	moved   *Attempt        // what Attempt.Move or Again made of it; nil unless one did
	reports []AttemptReport // of attempts that Attempt.Again has followed
	ending  ending          // of the call, if it is the last one and kept

	part           *lastingPart // where it is remembered; nil: nowhere
	next, previous *run         // there, and guarded by its lock
}

// answered says that the attempt has ended by itself. It reports false if it
// was cut short, or overtaken, before.
func (r *run) answered() bool {
	first := r.fate.answered()
	if r.clock != nil {
		r.clock.stop()
		r.clock = nil
	}
	return first
}

// leave ends the attempt, unless that is or was left to the adapter.
func (r *run) leave(a Attempt) {
	if !r.kept {
		a.End()
		r.close()
	}
}

// abandon ends what a panic has left open: the attempt a, whose function may have
// returned, and the next one if there is one already.
func (d *calling) abandon(a Attempt, returned bool) {
	last := d.current()
	d.lose()
	if returned {
		a.run.leave(a)
		a.run.close()
		if last.run == a.run {
			return
		}
	}
	last.run.answered()
	last.End()
	last.run.close()
	last.endSpan(health.Outcome{Reason: "panic"})
	last.Answered(health.Outcome{Reason: "panic"})
}

// close releases what the attempt holds.
func (r *run) close() {
	r.forget()
	r.stop()
}

// stop ends the attempt's context.
func (r *run) stop() {
	if r.end != nil {
		r.end(nil)
	}
	if r.cancel != nil {
		r.cancel()
	}
}

// drained returns why the attempt was ended, if that is because its cloud was
// drained, and nil otherwise.
func (r *run) drained() *DrainedError {
	if r.end == nil {
		return nil
	}
	e, _ := context.Cause(r.ctx).(*DrainedError)
	return e
}

// fate says who came first: the attempt's answer or the end of its time. Its
// zero value is undecided, and it is decided once.
type fate struct{ v atomic.Uint32 }

const (
	fateAnswered = iota + 1
	fateCut      // and the next attempt is paid
	fateFreed    // and the next attempt is free
	fateSending  // it can't be cut any more; an answer is to come
	fateLost     // another attempt was answered first
)

// answered claims the attempt for its answer. It reports false if it was cut.
func (f *fate) answered() bool {
	return f.v.CompareAndSwap(0, fateAnswered) || f.v.CompareAndSwap(fateSending, fateAnswered)
}

// sending claims the attempt for what is about to be sent. It reports false if
// it was cut.
func (f *fate) sending() bool {
	f.v.CompareAndSwap(0, fateSending)
	cut, _ := f.isCut()
	return !cut
}

// cut claims the attempt for the clock. It reports false if there was an answer.
func (f *fate) cut(paid bool) bool {
	if paid {
		return f.v.CompareAndSwap(0, fateCut)
	}
	return f.v.CompareAndSwap(0, fateFreed)
}

// lose claims the attempt for another one that was answered. It reports false if
// there was an answer, or if the clock came first. An attempt that may be hedged is
// never sending: it may be repeated.
func (f *fate) lose() bool { return f.v.CompareAndSwap(0, fateLost) }

func (f *fate) isLost() bool { return f.v.Load() == fateLost }

// isCut reports whether the clock came first, and whether it has paid.
func (f *fate) isCut() (cut, paid bool) {
	v := f.v.Load()
	return v == fateCut || v == fateFreed, v == fateCut
}
