package balancer

import (
	"slices"

	"github.com/fairlead-go/fairlead/sla"
)

// HasService reports whether the config in force has a service of that name that
// speaks the protocol. The error is [ErrClosed] or nil.
func (r *Router) HasService(name string, p Protocol) (bool, error) {
	t := r.table.Load()
	if t.closed {
		return false, ErrClosed
	}
	return t.find(name, p) != nil, nil
}

// byMethod reports whether some rule asks for the method of calls.
func (c *Config) byMethod() bool {
	return slices.ContainsFunc(c.Assign, func(r sla.Rule) bool { return r.Method != "" && r.Method != "*" })
}

// ReadsMethod reports whether an assignment rule of the config in force asks
// for the method of calls. An adapter to which [Call.Method] costs something
// may leave it empty otherwise.
func (r *Router) ReadsMethod() bool { return r.table.Load().byMethod }

// CallersHost reports whether the attempt is to name the host that the caller
// asked for, and not the endpoint's: see [Cloud.Host].
func (a Attempt) CallersHost() bool { return a.cloud.callersHost }

// OneTier reports whether the config has a single tier, so that there is no class
// of the call to tell its server of.
func (a Attempt) OneTier() bool { return len(a.cloud.service.tiers) == 1 }
