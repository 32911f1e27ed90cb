package sim

import (
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

// request is what arrives at a server: an attempt of a call, or a probe.
//
// A request of a call is used again once its answer has arrived, or the news that
// there is none. One that got lost on the way isn't.
type request struct {
	probe    bool // costs no work and needs no worker
	tier     int
	deadline time.Duration // of the call, 0: none
	arrived  time.Duration
	done     func(health.Outcome) // is called where the answer arrives, if one does

	// Of an attempt.
	balancer.Attempt
	call  *call // nil once it waits no longer
	began time.Duration
	timer timer // of the attempt's own time

	// Where it is.
	server  *server
	place   int   // among those being served
	work    timer // until it is served
	outcome health.Outcome
	load    balancer.LoadReport

	onArrive, onComplete, onDeliver func() // made once
}

// bind gives the request to a server.
func (q *request) bind(s *server) {
	q.server = s
	if q.onArrive == nil {
		q.onArrive = func() { q.server.arrive(q) }
		q.onComplete = func() { q.server.complete(q) }
		q.onDeliver = func() { q.done(q.outcome) }
	}
}

// givenUp is the outcome of an attempt whose own time is over.
func (q *request) givenUp() health.Outcome {
	left := time.Duration(0)
	if q.deadline > 0 {
		left = q.deadline - q.began
	}
	return q.GivenUp(left)
}

// awaited reports whether somebody waits for the answer.
func (q *request) awaited() bool { return q.call != nil || q.probe }

// request returns one for an attempt of a call.
func (w *world) request(d *call, a balancer.Attempt) *request {
	var q *request
	if n := len(w.requests); n > 0 {
		q, w.requests = w.requests[n-1], w.requests[:n-1]
	} else {
		q = new(request)
		q.done = func(o health.Outcome) {
			if q.call != nil {
				if q.load != (balancer.LoadReport{}) {
					q.Report(q.load)
				}
				q.call.answered(q, o)
			}
			w.requests = append(w.requests, q)
		}
	}
	q.Attempt, q.call, q.began, q.tier = a, d, w.now, d.tier
	q.timer, q.load, q.deadline = timer{}, balancer.LoadReport{}, 0
	if t := d.spec().Timeout; t > 0 {
		q.deadline = d.began + t
	}
	return q
}

// queue is first in, first out.
type queue struct {
	all  []*request
	head int // how many of all are out
}

func (f *queue) len() int { return len(f.all) - f.head }

func (f *queue) push(q *request) { f.all = append(f.all, q) }

func (f *queue) pop() *request {
	q := f.all[f.head]
	f.all[f.head] = nil
	f.head++
	if 2*f.head > len(f.all) {
		n := copy(f.all, f.all[f.head:])
		clear(f.all[n:])
		f.all, f.head = f.all[:n], 0
	}
	return q
}
