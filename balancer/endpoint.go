package balancer

import (
	"cmp"
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
	all := c.known()
	c.addresses = len(all)
	known := subset(all, s.subset, s.seed)
	was := c.endpoints
	if slices.EqualFunc(known, was, func(spec Endpoint, e *endpoint) bool { return e.is(&spec) }) {
		return false
	}
	is := stay(was, known)
	if c.byRecord == nil {
		c.byRecord = make(map[*health.Endpoint]*endpoint, len(known))
	}
	c.generation++
	for _, e := range is {
		if e != nil {
			e.generation = c.generation
		}
	}
	for _, e := range was {
		if e.generation != c.generation {
			delete(c.byRecord, &e.live)
			s.slots.free(e.Slot)
		}
	}
	records := make([]*health.Endpoint, len(known))
	for i, e := range is {
		if e == nil {
			e = &endpoint{Endpoint: known[i], generation: c.generation}
			e.Slot = s.slots.take()
			c.byRecord[&e.live] = e
			is[i] = e
		}
		records[i] = &e.live
	}
	c.endpoints, c.pool = is, nil
	c.target.SetEndpoints(now, records)
	s.moved()
	return true
}

// stay returns, for each of the known, the endpoint that was there before, nil
// if there was none. Lists of one source are sorted, and merged; for others it
// takes a map.
func stay(was []*endpoint, known []Endpoint) []*endpoint {
	is := make([]*endpoint, len(known))
	if !isSorted(len(was), func(i int) string { return was[i].Address }) ||
		!isSorted(len(known), func(i int) string { return known[i].Address }) {
		before := make(map[Endpoint]*endpoint, len(was))
		for _, e := range was {
			before[e.spec()] = e
		}
		for i, spec := range known {
			is[i] = before[spec]
		}
		return is
	}
	next := 0
	for i := range known {
		spec := &known[i]
		for next < len(was) && was[next].Address < spec.Address {
			next++
		}
		for k := next; k < len(was) && was[k].Address == spec.Address; k++ {
			if was[k].is(spec) {
				is[i] = was[k]
			}
		}
	}
	return is
}

// sorted returns the endpoints by address. It sorts numbers: a large service has
// thousands of endpoints, which are large themselves. Where all but a few are in
// order it sorts those few.
func sorted(known []Endpoint) []Endpoint {
	if isSorted(len(known), func(i int) string { return known[i].Address }) {
		return known
	}
	run, rest := make([]int32, 0, len(known)), []int32(nil)
	for i := range int32(len(known)) {
		address := known[i].Address
		first, last := len(run) == 0, int(i) == len(known)-1
		if (first || known[run[len(run)-1]].Address <= address) && (last || address <= known[i+1].Address) {
			run = append(run, i)
		} else {
			rest = append(rest, i)
		}
	}
	slices.SortFunc(rest, func(i, j int32) int { return cmp.Compare(known[i].Address, known[j].Address) })
	inOrder := make([]Endpoint, 0, len(known))
	for _, i := range run {
		for len(rest) > 0 && known[rest[0]].Address < known[i].Address {
			inOrder, rest = append(inOrder, known[rest[0]]), rest[1:]
		}
		inOrder = append(inOrder, known[i])
	}
	for _, i := range rest {
		inOrder = append(inOrder, known[i])
	}
	return inOrder
}

func isSorted(n int, address func(int) string) bool {
	for i := 1; i < n; i++ {
		if address(i) < address(i-1) {
			return false
		}
	}
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

// is reports whether a source knows the endpoint as spec.
func (e *endpoint) is(spec *Endpoint) bool {
	return e.Address == spec.Address && e.Scheme == spec.Scheme && e.Host == spec.Host && e.Name == spec.Name && e.Path == spec.Path
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
