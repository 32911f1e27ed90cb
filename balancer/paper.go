package balancer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/internal/virtual"
	"github.com/fairlead-go/fairlead/sla"
)

// Paper is what a config means before anything is known of any cloud: what a
// router with it would begin with.
type Paper struct {
	// Input is what the plan of the service depends on. Each cloud counts as well
	// and has its whole capacity: that of all clients together, whatever Instances
	// says. Demand is empty.
	Input failover.Input
	// Changes are those of the config, as they stand at the time: what is in force
	// is in the input already.
	Changes []failover.ChangeStatus
}

// Paper returns what a service that speaks a protocol would be planned by at some
// time of day, which decides on the changes of the config. Nothing is looked up. It
// asks the code that a running router asks, so that the plan of a router is
// [failover.Compute] of this input with what the router knows beside: states,
// demand, and its part of the capacities.
//
// The error is about the config or an [*UnknownServiceError].
func (c *Config) Paper(service string, protocol Protocol, at time.Time) (*Paper, error) {
	r := newPaper(at)
	defer r.cancel()
	if err := r.update(c, nil); err != nil {
		return nil, fmt.Errorf("balancer: %w", err)
	}
	if _, err := r.table.Load().service(service, protocol); err != nil {
		return nil, err
	}
	s := r.services[serviceKey{service, protocol}]
	in := s.input(r.config.Failover)
	in.Tiers = slices.Clone(in.Tiers)
	for i := range in.Clouds {
		has := r.config.Services[service].Clouds[in.Clouds[i].Name]
		in.Clouds[i].Capacity, in.Clouds[i].Ceiling = has.Capacity, has.Ceiling
	}
	return &Paper{Input: in, Changes: r.agenda.Status(at)}, nil
}

// newPaper returns a router that never runs and for which it is some time of day.
func newPaper(at time.Time) *Router {
	r := newRouter(nil)
	r.onPaper = true
	r.epoch = at
	r.machine = &virtual.Machine{
		Now: func() time.Duration { return 0 }, Rand: rand.Uint64, Wall: func() time.Time { return at },
	}
	r.day.Store(int64(sla.DayOf(at)))
	return r
}
