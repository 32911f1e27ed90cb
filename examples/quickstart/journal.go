package main

import (
	"sync"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

// journal notes what happens while it happens. Times are since its start.
type journal struct {
	start time.Time

	mu     sync.Mutex
	all    record
	closed bool // nothing more is noted
}

// record is what happened until some moment. Every figure that is shown is
// computed from it. It only ever grows at its end, so a copy may be read
// without a lock.
type record struct {
	calls    []call    // in the order in which they ended
	attempts []attempt // in the order in which they began
	changes  []change  // in the order in which they happened
}

// call is one call as the caller saw it.
type call struct {
	ended, took time.Duration
	tier        string
	failed      bool
}

// attempt is one try of a call in a cloud.
type attempt struct {
	began time.Duration
	cloud string
}

// change is one change of a cloud's state.
type change struct {
	at       time.Duration
	cloud    string
	from, to health.State
	reason   string
}

func newJournal() *journal { return &journal{start: time.Now()} }

func (j *journal) now() time.Duration { return time.Since(j.start) }

// record returns what happened until now.
func (j *journal) record() record {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.all
}

// close lets the journal note nothing more: it would only grow.
func (j *journal) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
}

// note adds to the record.
func (j *journal) note(add func(*record)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.closed {
		add(&j.all)
	}
}

// called notes a call that ends now.
func (j *journal) called(tier string, took time.Duration, failed bool) {
	j.note(func(all *record) {
		all.calls = append(all.calls, call{ended: j.now(), took: took, tier: tier, failed: failed})
	})
}

// trace returns the hooks through which the router tells the journal what it
// does.
func (j *journal) trace() balancer.Trace {
	return balancer.Trace{
		Picked: func(a balancer.Attempt) {
			j.note(func(all *record) {
				all.attempts = append(all.attempts, attempt{began: j.now(), cloud: a.Cloud()})
			})
		},
		StateChanged: func(c balancer.StateChange) {
			j.note(func(all *record) {
				all.changes = append(all.changes, change{
					at: c.At.Sub(j.start), cloud: c.Cloud, from: c.From, to: c.To, reason: c.Reason,
				})
			})
		},
	}
}
