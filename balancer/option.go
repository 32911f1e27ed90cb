package balancer

import (
	"context"
	"log/slog"
	"net"
	"net/netip"

	"github.com/fairlead-go/fairlead/internal/virtual"
)

// Option gives a router behaviour; data is in its [Config].
type Option func(*Router)

// WithLogger makes the router log changes of state, of the config and of what
// operators do, nothing per call. Without it the router logs nothing.
func WithLogger(log *slog.Logger) Option {
	return func(r *Router) {
		if log != nil {
			r.log = log
		}
	}
}

// WithTrace calls hooks: see [Trace].
func WithTrace(t Trace) Option {
	return func(r *Router) { r.trace = t }
}

// WithFile makes the router follow a config file: it reads it at once and then
// once a second, by its content, so that a Kubernetes ConfigMap works, and
// updates itself when two readings in a row agree on a change. A file that is
// missing or faulty is logged and shown by [Router.Status]; the last good config
// stays in force. What [Router.Update] refuses for another reason, such as a level
// key that isn't there yet, is tried again each second, and comes into force also
// after an Update of the program's own.
func WithFile(path string) Option {
	return func(r *Router) { r.source = newFileSource(path) }
}

// WithResolver replaces the system's DNS resolver. lookup returns the
// addresses of a host.
func WithResolver(lookup func(ctx context.Context, host string) ([]netip.Addr, error)) Option {
	return func(r *Router) { r.lookup = lookup }
}

// WithStore keeps what [Router.Apply] and the like did, and what was given up
// or cancelled, so that a restart doesn't forget it: [ChangeFile] is one. What
// can't be loaded is logged, and the router begins without.
func WithStore(s ChangeStore) Option {
	return func(r *Router) { r.store = s }
}

// WithDialer replaces the dialer of the probe that is used as long as no
// adapter has called [Router.SetProber].
func WithDialer(dial func(ctx context.Context, network, address string) (net.Conn, error)) Option {
	return func(r *Router) { r.dial = dial }
}

// Simulated hands the router over to a simulator: it starts no goroutine and
// reads no clock. Only packages of this module can make a Machine.
func Simulated(m *virtual.Machine) Option {
	return func(r *Router) { r.machine = m }
}
