package balancer

import (
	"context"
	"sync/atomic"
	"time"
)

// run is the part of an attempt that [Do] looks after.
type run struct {
	ctx      context.Context
	cancel   context.CancelCauseFunc // nil if the attempt has no time of its own
	timer    *time.Timer             // that time; nil likewise
	fate     fate
	kept     bool               // the adapter will release it
	final    bool               // the adapter can't send again what it sends
	released bool               // the adapter has
	last     context.CancelFunc // ends the call, if this is its last attempt
}

// leave ends the attempt, unless that is or was left to the adapter.
func (r *run) leave(a Attempt) {
	if !r.kept {
		a.End()
		r.close()
	}
}

// close releases what the attempt holds, and the call with its last attempt.
func (r *run) close() {
	if r.cancel != nil {
		r.timer.Stop()
		r.cancel(nil)
	}
	if r.last != nil {
		r.last()
	}
}

// fate says who came first: the attempt's answer or the end of its time. Its
// zero value is undecided, and it is decided once.
type fate struct{ v atomic.Uint32 }

const (
	fateAnswered = iota + 1
	fateCut
)

// answered claims the attempt for its answer. It reports false if it was cut.
func (f *fate) answered() bool { return f.v.CompareAndSwap(0, fateAnswered) }

// cut claims the attempt for the timer, which has paid for the next one. It
// reports false if there was an answer.
func (f *fate) cut() bool { return f.v.CompareAndSwap(0, fateCut) }

// isCut reports whether the timer came first.
func (f *fate) isCut() bool { return f.v.Load() == fateCut }
