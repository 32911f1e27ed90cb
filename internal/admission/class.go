package admission

import (
	"context"

	"github.com/fairlead-go/fairlead/sla"
)

// Arrival is what an adapter knows of a call that arrives.
type Arrival struct {
	// Method is what is called, as rules name it.
	Method string

	// Caller is who calls, if the server found out. The zero Caller leaves the
	// one in the context.
	Caller sla.Caller

	// Tier and Level are the values of [sla.TierHeader] and [sla.LevelHeader] if
	// the caller is trusted. Of others they must be left out.
	Tier, Level []string
}

// Restore gives the context the class of a call, so that calls made from there
// have it too, and returns the call's place among the server's tiers.
//
// The tier is the one that the context has already, given by the server's own
// code; else that of a trusted caller; else that of the first rule that matches,
// or the classifier's fallback. A trusted caller's tier travels on even if this
// server doesn't know it and treats the call by its rules: the next one may.
// Without a classifier no tier is made up.
//
// The level is the context's or a trusted caller's. Where there is neither,
// calls made from there get one as any others do, by their customer.
func (c *Control) Restore(ctx context.Context, a Arrival) (_ context.Context, tier int) {
	if a.Caller != (sla.Caller{}) {
		ctx = sla.WithCaller(ctx, a.Caller)
	}
	if level, ok := sla.ParseLevel(a.Level); ok {
		if _, has := sla.LevelFrom(ctx); !has {
			ctx = sla.WithLevel(ctx, level)
		}
	}
	_, named := sla.TierFrom(ctx)
	if name, ok := sla.ParseTier(a.Tier); ok && !named {
		ctx, named = sla.WithTier(ctx, name), true
	}
	if c.classifier == nil {
		return ctx, 0
	}
	// The level doesn't matter here, so neither do the day and the random number.
	tier = c.classifier.Classify(ctx, a.Method, 0, 0).Tier
	if !named && tier < len(c.tiers) {
		ctx = sla.WithTier(ctx, c.tiers[tier])
	}
	return ctx, tier
}
