package sim

import (
	"math/rand/v2"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/internal/admission"
)

// Server says how the endpoints of a cloud work: some workers that serve one
// request each at a time, and a queue before them, first come, first served.
//
// A server doesn't notice that a caller gave up: it does work that nobody
// waits for, as most do.
type Server struct {
	// Workers is how many requests are served at a time. Default: 64.
	Workers int
	// Service is how long a worker takes for a request. Default: 5 ms and an
	// exponential part of 5 ms.
	Service Delay
	// Queue is how many requests may wait; any further one is pushed back.
	// Default: 256.
	Queue int
	// Patience is how long a request may wait in the queue before it is
	// answered with an error instead of being served. Default: for ever.
	Patience time.Duration
	// Expires makes the server drop requests whose deadline is over when their
	// turn comes.
	Expires bool
	// Cap is the number of requests waiting and being served, for each worker,
	// from which on the most critical tier is pushed back. Less critical ones are
	// earlier: see admission.Limit. Default: no cap.
	Cap float64
	// RetryAfter is how long callers that are pushed back are asked to stay
	// away. Default: nothing is said of it.
	RetryAfter time.Duration
	// Report is the window over which the server measures its load. What came of
	// the last one that ended is told with each answer: a window of a second is a
	// second old in the mean. Default: nothing is told.
	Report time.Duration
}

func (s Server) withDefaults() Server {
	if s.Workers == 0 {
		s.Workers = 64
	}
	if s.Service == (Delay{}) {
		s.Service = Delay{Least: 5 * time.Millisecond, Spread: 5 * time.Millisecond}
	}
	if s.Queue == 0 {
		s.Queue = 256
	}
	return s
}

// server is one endpoint.
type server struct {
	loop  *loop
	rand  *rand.Rand
	spec  Server
	path  Delay // one way between any client and this server
	cloud int
	place int // among the endpoints of its cloud
	tiers int // how many there are

	workers int
	pace    float64 // service takes so many times as long, because of what the cloud is to carry

	// What faults did, each as often as it says; none is 0.
	crashed, frozen, cut int
	errors               float64 // the fraction of requests that fail at once
	slow                 float64 // service takes so many times as long
	pushing              float64 // the fraction of requests that are pushed back

	working []*request
	served  []*request // of those, the ones to answer once the process runs again
	waiting queue
	meter   meter
}

func newServer(l *loop, r *rand.Rand, spec Server) *server {
	return &server{loop: l, rand: r, spec: spec, workers: spec.Workers, pace: 1, slow: 1, tiers: 1}
}

// send brings a request to the server, one way later.
func (s *server) send(q *request) {
	q.bind(s)
	s.loop.after(s.path.draw(s.rand), q.onArrive)
}

func (s *server) arrive(q *request) {
	q.bind(s)
	q.arrived = s.loop.now
	if !q.probe {
		s.meter.arrived++
	}
	switch {
	case s.cut > 0:
		// Nobody will ever know.
	case s.crashed > 0:
		s.reply(q, health.Outcome{Kind: health.Refused, Reason: "connection refused"})
	case s.frozen > 0:
		// The kernel takes what the process doesn't, as long as there is room.
		if s.waiting.len() < s.spec.Queue {
			s.waiting.push(q)
		}
	case q.probe:
		s.reply(q, health.Outcome{Kind: health.OK, Reason: "http 200"})
	case s.errors > 0 && s.rand.Float64() < s.errors:
		s.reply(q, health.Outcome{Kind: health.Failed, Reason: "http 500"})
	case s.pushing > 0 && s.rand.Float64() < s.pushing, s.full(q.tier):
		s.refuse(q)
	case len(s.working) < s.workers:
		s.serve(q)
	case s.waiting.len() < s.spec.Queue:
		s.waiting.push(q)
	default:
		s.refuse(q)
	}
}

// full reports whether the cap leaves no room for a tier.
func (s *server) full(tier int) bool {
	if s.spec.Cap <= 0 {
		return false
	}
	most := max(int(s.spec.Cap*float64(s.workers)), 1)
	return len(s.working)+s.waiting.len() >= admission.Limit(most, tier, s.tiers)
}

// refuse pushes a request back.
func (s *server) refuse(q *request) {
	s.meter.refused++
	s.reply(q, health.Outcome{Kind: health.Overloaded, Reason: "http 503", RetryAfter: s.spec.RetryAfter})
}

// serve gives the request to a worker.
func (s *server) serve(q *request) {
	s.meter.advance(s)
	q.place = len(s.working)
	s.working = append(s.working, q)
	took := time.Duration(float64(s.spec.Service.draw(s.rand)) * s.slow * s.pace)
	q.work = s.loop.after(took, q.onComplete)
}

// complete answers a request, or notes that it is to be answered when the
// process runs again.
func (s *server) complete(q *request) {
	if s.frozen > 0 {
		s.served = append(s.served, q)
		return
	}
	s.meter.advance(s)
	s.meter.served++
	if !q.awaited() {
		s.meter.wasted++
	}
	last := len(s.working) - 1
	s.working[q.place] = s.working[last]
	s.working[q.place].place = q.place
	s.working[last] = nil
	s.working = s.working[:last]
	s.reply(q, health.Outcome{Kind: health.OK, Reason: "http 200"})
	s.next()
}

// next lets workers take from the queue.
func (s *server) next() {
	for s.frozen == 0 && s.waiting.len() > 0 && len(s.working) < s.workers {
		q := s.waiting.pop()
		switch {
		case q.probe:
			s.reply(q, health.Outcome{Kind: health.OK, Reason: "http 200"})
		case s.spec.Expires && q.deadline > 0 && s.loop.now >= q.deadline:
			s.meter.expired++
			s.reply(q, health.Outcome{Kind: health.Failed, Reason: "http 504"})
		case s.spec.Patience > 0 && s.loop.now-q.arrived > s.spec.Patience:
			s.reply(q, health.Outcome{Kind: health.Failed, Reason: "http 504"})
		default:
			s.serve(q)
		}
	}
}

// reply sends an answer back.
func (s *server) reply(q *request, o health.Outcome) {
	if s.cut > 0 {
		return
	}
	q.outcome = o
	if !q.probe && o.Kind.Answered() {
		q.load = s.meter.load(s)
	}
	s.loop.after(s.path.draw(s.rand), q.onDeliver)
}

// crash ends the process. The kernel tells everyone who waits for it.
func (s *server) crash() {
	s.crashed++
	s.meter.advance(s)
	lost := s.working
	for _, q := range lost {
		s.loop.stop(q.work)
	}
	for s.waiting.len() > 0 {
		lost = append(lost, s.waiting.pop())
	}
	s.working, s.served = nil, nil
	for _, q := range lost {
		s.reply(q, health.Outcome{Kind: health.Broken, Reason: "reset"})
	}
}

// thaw lets a frozen process run again. It answers what it can, however late.
func (s *server) thaw() {
	s.frozen--
	if s.frozen > 0 {
		return
	}
	served := s.served
	s.served = nil
	for _, q := range served {
		s.complete(q)
	}
	s.next()
}
