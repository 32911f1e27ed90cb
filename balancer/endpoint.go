package balancer

import (
	"slices"
	"time"

	"github.com/fairlead-go/fairlead/health"
)

// Endpoint is one address of a service in a cloud. It doesn't change.
type Endpoint struct {
	// Scheme is "http", "https", or "h2c" for HTTP/2 without TLS.
	Scheme string
	// Address is what to connect to: IP address and port.
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
}

// String returns the endpoint as a URL with the address in place of the name.
func (e *Endpoint) String() string { return e.Scheme + "://" + e.Address + e.Path }

// endpoint is an Endpoint with its live record, which outlives tables and
// configs for as long as the address stays.
type endpoint struct {
	live health.Endpoint // first: its fields are laid out by cache lines
	Endpoint
}

// setEndpoints takes what the sources know, keeping the records of endpoints
// that were there before. It reports whether anything changed.
func (c *serviceCloud) setEndpoints(now time.Duration) bool {
	was := make(map[Endpoint]*endpoint, len(c.endpoints))
	for _, e := range c.endpoints {
		was[e.Endpoint] = e
	}
	var is []*endpoint
	taken := make(map[Endpoint]bool)
	for _, source := range c.sourcesInUse() {
		for _, spec := range source.known {
			if taken[spec] {
				continue
			}
			taken[spec] = true
			if e := was[spec]; e != nil {
				is = append(is, e)
			} else {
				is = append(is, &endpoint{Endpoint: spec})
			}
		}
	}
	if slices.Equal(is, c.endpoints) {
		return false
	}
	c.endpoints = is
	records := make([]*health.Endpoint, len(is))
	c.byRecord = make(map[*health.Endpoint]*endpoint, len(is))
	for i, e := range is {
		records[i] = &e.live
		c.byRecord[&e.live] = e
	}
	c.target.SetEndpoints(now, records)
	return true
}
