package balancer

import "github.com/fairlead-go/fairlead/health"

// Endpoint is one address of a service in a cloud. It doesn't change.
type Endpoint struct {
	// Scheme is "http" or "https".
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
