package sim

import (
	"math/rand/v2"
	"time"

	"github.com/fairlead-go/fairlead/health"
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

// request is what arrives at a server. done is called where the answer
// arrives, if one does.
type request struct {
	probe   bool // costs no work and needs no worker
	arrived time.Duration
	done    func(health.Outcome)
}

// server is one endpoint.
type server struct {
	loop  *loop
	rand  *rand.Rand
	spec  Server
	path  Delay // one way between any client and this server
	place int   // among the endpoints of its cloud

	// What faults did, each as often as it says; none is 0.
	crashed, frozen, cut int
	errors               float64 // the fraction of requests that fail at once
	slow                 float64 // service takes so many times as long

	life    int // which process it is: each crash ends one
	working []*request
	served  []*request // of those, the ones to answer once the process runs again
	waiting []*request
}

// send brings a request to the server, one way later.
func (s *server) send(q *request) {
	s.loop.after(s.path.draw(s.rand), func() { s.arrive(q) })
}

func (s *server) arrive(q *request) {
	q.arrived = s.loop.now
	switch {
	case s.cut > 0:
		// Nobody will ever know.
	case s.crashed > 0:
		s.reply(q, health.Outcome{Kind: health.Refused, Reason: "connection refused"})
	case s.frozen > 0:
		// The kernel takes what the process doesn't, as long as there is room.
		if len(s.waiting) < s.spec.Queue {
			s.waiting = append(s.waiting, q)
		}
	case q.probe:
		s.reply(q, health.Outcome{Kind: health.OK, Reason: "http 200"})
	case s.errors > 0 && s.rand.Float64() < s.errors:
		s.reply(q, health.Outcome{Kind: health.Failed, Reason: "http 500"})
	case len(s.working) < s.spec.Workers:
		s.serve(q)
	case len(s.waiting) < s.spec.Queue:
		s.waiting = append(s.waiting, q)
	default:
		s.reply(q, health.Outcome{Kind: health.Overloaded, Reason: "http 503"})
	}
}

// serve gives the request to a worker.
func (s *server) serve(q *request) {
	s.working = append(s.working, q)
	life := s.life
	took := time.Duration(float64(s.spec.Service.draw(s.rand)) * s.slow)
	s.loop.after(took, func() {
		if life == s.life {
			s.complete(q)
		}
	})
}

// complete answers a request, or notes that it is to be answered when the
// process runs again.
func (s *server) complete(q *request) {
	if s.frozen > 0 {
		s.served = append(s.served, q)
		return
	}
	s.reply(q, health.Outcome{Kind: health.OK, Reason: "http 200"})
	for i, w := range s.working {
		if w == q {
			last := len(s.working) - 1
			s.working[i] = s.working[last]
			s.working = s.working[:last]
			break
		}
	}
	s.next()
}

// next lets workers take from the queue.
func (s *server) next() {
	for len(s.waiting) > 0 && len(s.working) < s.spec.Workers {
		q := s.waiting[0]
		s.waiting = s.waiting[1:]
		switch {
		case q.probe:
			s.reply(q, health.Outcome{Kind: health.OK, Reason: "http 200"})
		case s.spec.Patience > 0 && s.loop.now-q.arrived > s.spec.Patience:
			s.reply(q, health.Outcome{Kind: health.Failed, Reason: "http 504"})
		default:
			s.serve(q)
		}
	}
}

// reply sends an answer back.
func (s *server) reply(q *request, o health.Outcome) {
	if s.cut == 0 {
		s.loop.after(s.path.draw(s.rand), func() { q.done(o) })
	}
}

// crash ends the process. The kernel tells everyone who waits for it.
func (s *server) crash() {
	s.crashed++
	s.life++
	lost := append(s.working, s.waiting...)
	s.working, s.served, s.waiting = nil, nil, nil
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
