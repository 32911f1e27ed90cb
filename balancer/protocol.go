package balancer

import "fmt"

// Protocol is what endpoints speak. What is known of a service is kept by
// protocol and cloud: a firewall that blocks one protocol says nothing of the
// other, and a process that speaks one of them is not judged by the other.
type Protocol uint8

// The protocols that a service may speak.
const (
	HTTP Protocol = iota
	GRPC
	protocols = iota
)

// String returns "http" or "grpc", as the keys of the config.
func (p Protocol) String() string {
	switch p {
	case HTTP:
		return "http"
	case GRPC:
		return "grpc"
	}
	return fmt.Sprintf("Protocol(%d)", uint8(p))
}

// endpoints returns the endpoints that speak a protocol.
func (c ServiceCloud) endpoints(p Protocol) []string {
	if p == GRPC {
		return c.GRPC
	}
	return c.HTTP
}

// speaks reports whether the service has endpoints of a protocol, in any cloud.
func (s Service) speaks(p Protocol) bool {
	for _, c := range s.Clouds {
		if len(c.endpoints(p)) > 0 {
			return true
		}
	}
	return false
}

// cloudsOf returns the clouds where the service speaks a protocol, sorted.
func (s Service) cloudsOf(p Protocol) (names []string) {
	for _, name := range sortedKeys(s.Clouds) {
		if len(s.Clouds[name].endpoints(p)) > 0 {
			names = append(names, name)
		}
	}
	return names
}

// serviceKey is a service that speaks a protocol.
type serviceKey struct {
	name     string
	protocol Protocol
}

// serviceKeys returns all that the config has, sorted by name.
func (c *Config) serviceKeys() (keys []serviceKey) {
	for _, name := range sortedKeys(c.Services) {
		for p := range Protocol(protocols) {
			if c.Services[name].speaks(p) {
				keys = append(keys, serviceKey{name, p})
			}
		}
	}
	return keys
}
