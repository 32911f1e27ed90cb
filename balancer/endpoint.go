package balancer

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/fairlead-go/fairlead/health"
)

// Endpoint is one address of a service in a cloud. It doesn't change.
type Endpoint struct {
	// Scheme is "http", "https", "h2c" for HTTP/2 without TLS, or "grpc".
	Scheme string
	// Address is what to connect to: IP address and port, or for gRPC whatever
	// its resolvers return.
	Address string
	// Host is the configured host and port, of which Address is one address:
	// the name for TLS and for the Host header. The port is left out where it
	// is the scheme's own.
	Host string
	// Name is the configured host without port: what a certificate must name.
	Name string
	// Path is put before the path of each request; it has no final slash and
	// is empty if there is none.
	Path string
	// Slot is a small number, from 0 on, that no other endpoint of the same
	// service and protocol has as long as this one is there: adapters may keep
	// what they know of endpoints in a slice. The number of one that has gone is
	// given to another.
	Slot int
}

// String returns the endpoint as a URL with the address in place of the name.
func (e *Endpoint) String() string { return e.Scheme + "://" + e.Address + e.Path }

// endpoint is an Endpoint with its live record, which outlives tables and
// configs for as long as the address stays.
type endpoint struct {
	live health.Endpoint // first: its fields are laid out by cache lines
	Endpoint
	load       atomic.Pointer[LoadReport] // the last report, nil if there was none
	generation uint64                     // of the endpoints it was among last
}

// setEndpoints takes what the sources of a cloud know, keeping the records of
// endpoints that were there before. It reports whether anything changed. What
// stays costs little: of 10,000 endpoints mostly one comes or goes.
func (s *service) setEndpoints(c *serviceCloud, now time.Duration) bool {
	known := subset(c.known(), s.subset, s.seed)
	was := c.endpoints
	if slices.EqualFunc(known, was, func(spec Endpoint, e *endpoint) bool { return e.spec() == spec }) {
		return false
	}
	if c.bySpec == nil {
		c.bySpec = make(map[Endpoint]*endpoint, len(known))
		c.byRecord = make(map[*health.Endpoint]*endpoint, len(known))
	}
	c.generation++
	is := make([]*endpoint, len(known))
	next := 0 // of was, probably
	for i, spec := range known {
		if next >= len(was) || was[next].spec() != spec {
			e := c.bySpec[spec]
			if e == nil {
				continue
			}
			next = slices.Index(was, e)
		}
		is[i] = was[next]
		is[i].generation = c.generation
		next++
	}
	for _, e := range was {
		if e.generation != c.generation {
			delete(c.bySpec, e.spec())
			delete(c.byRecord, &e.live)
			s.slots.free(e.Slot)
		}
	}
	records := make([]*health.Endpoint, len(known))
	for i, e := range is {
		if e == nil {
			e = &endpoint{Endpoint: known[i], generation: c.generation}
			e.Slot = s.slots.take()
			c.bySpec[known[i]], c.byRecord[&e.live] = e, e
			is[i] = e
		}
		records[i] = &e.live
	}
	c.endpoints, c.pool = is, nil
	c.target.SetEndpoints(now, records)
	s.moved()
	return true
}

// known returns what the cloud's sources know, each endpoint once.
func (c *serviceCloud) known() (specs []Endpoint) {
	sources := c.sourcesInUse()
	if len(sources) == 1 {
		return sources[0].known
	}
	seen := make(map[Endpoint]bool)
	for _, source := range sources {
		for _, spec := range source.known {
			if !seen[spec] {
				seen[spec] = true
				specs = append(specs, spec)
			}
		}
	}
	return specs
}

// spec is the endpoint as its source knows it.
func (e *endpoint) spec() Endpoint {
	spec := e.Endpoint
	spec.Slot = 0
	return spec
}

// slots are the numbers that endpoints have.
type slots struct {
	next  int
	freed []int
}

func (s *slots) take() int {
	if n := len(s.freed); n > 0 {
		slot := s.freed[n-1]
		s.freed = s.freed[:n-1]
		return slot
	}
	s.next++
	return s.next - 1
}

func (s *slots) free(slot int) { s.freed = append(s.freed, slot) }
