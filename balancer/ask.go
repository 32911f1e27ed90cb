package balancer

import (
	"context"
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

// Told returns the tier that the attempt's server is to be told, and whether it is
// to be told a class, tier and level, at all: not where all calls are of one, unless
// the call's context gives it its own. The tier is the one that the context names,
// even if this router doesn't know it and treats the call by its rules: a server
// may.
func (a Attempt) Told(ctx context.Context) (tier string, told bool) {
	tier, named := sla.TierFrom(ctx)
	_, leveled := sla.LevelFrom(ctx)
	if _, ok := sla.ParseTier([]string{tier}); !ok {
		tier = a.Tier()
	}
	return tier, named || leveled || len(a.cloud.service.tiers) > 1
}
