package balancer

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/fairlead-go/fairlead/sla"
)

// The defaults of the settings that this package owns. Those of health and
// failover are in their packages, in WithDefaults.
const (
	defaultVersion  = 1
	defaultWeight   = 1
	defaultHost     = HostEndpoint
	defaultTier     = "default"
	defaultAttempts = 2
	defaultSpill    = sla.SpillAllow
	defaultTarget   = 0.999
	defaultWindow   = 30 * 24 * time.Hour
)

// resolved validates c and returns a copy of it, deep enough that the caller
// may go on changing c, in which every field that was left out has its
// default.
func (c *Config) resolved() (*Config, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return c.withDefaults(), nil
}

// withDefaults returns a deep copy of c in which every field that was left
// out has its default. The tiers of a service stay what they were, overrides:
// see tiersOf.
func (c *Config) withDefaults() *Config {
	d := *c
	if d.Version == 0 {
		d.Version = defaultVersion
	}
	d.Clouds = make(map[string]Cloud, len(c.Clouds))
	for name, cloud := range c.Clouds {
		if cloud.Weight == 0 {
			cloud.Weight = defaultWeight
		}
		if cloud.Host == "" {
			cloud.Host = defaultHost
		}
		d.Clouds[name] = cloud
	}
	d.Services = make(map[string]Service, len(c.Services))
	for name, service := range c.Services {
		d.Services[name] = cloneService(service)
	}
	d.Tiers = cloneTiers(c.tiers())
	for i := range d.Tiers {
		t := &d.Tiers[i]
		t.Attempts = cmp.Or(t.Attempts, defaultAttempts)
		t.Spill = cmp.Or(t.Spill, defaultSpill)
		t.Objective.Target = cmp.Or(t.Objective.Target, defaultTarget)
		t.Objective.Window = cmp.Or(t.Objective.Window, defaultWindow)
	}
	d.Assign = slices.Clone(c.Assign)
	d.Contracts = slices.Clone(c.Contracts)
	for i := range d.Contracts {
		d.Contracts[i].Window = cmp.Or(d.Contracts[i].Window, defaultWindow)
	}
	d.Changes = cloneChanges(c.Changes)
	d.Sensitive = slices.Clone(c.Sensitive)
	if d.Default == "" {
		d.Default = d.Tiers[len(d.Tiers)-1].Name
	}
	d.Health = c.Health.WithDefaults()
	d.Failover = c.Failover.WithDefaults()
	d.Retry = c.Retry.WithDefaults()
	return &d
}

// tiers returns the tiers in force: those of the config or, if it has none,
// the one tier that every call then belongs to.
func (c *Config) tiers() []sla.Tier {
	if len(c.Tiers) == 0 {
		return []sla.Tier{{Name: defaultTier}}
	}
	return c.Tiers
}

// tiersOf returns the tiers as the service sees them: the config's, in the
// config's order, with the service's own figures laid over them. Defaults are
// filled in if c has them filled in.
func (c *Config) tiersOf(service string) []sla.Tier {
	tiers := cloneTiers(c.tiers())
	for _, own := range c.Services[service].Tiers {
		for i := range tiers {
			if tiers[i].Name == own.Name {
				tiers[i] = overlay(tiers[i], own)
			}
		}
	}
	return tiers
}

// overlay returns the tier with everything that own sets put in its place.
func overlay(tier, own sla.Tier) sla.Tier {
	tier.Protected = tier.Protected || own.Protected
	tier.Objective.Target = cmp.Or(own.Objective.Target, tier.Objective.Target)
	tier.Objective.Latency = cmp.Or(own.Objective.Latency, tier.Objective.Latency)
	tier.Objective.Window = cmp.Or(own.Objective.Window, tier.Objective.Window)
	tier.Timeout = cmp.Or(own.Timeout, tier.Timeout)
	tier.Attempts = cmp.Or(own.Attempts, tier.Attempts)
	tier.Hedge = cmp.Or(own.Hedge, tier.Hedge)
	tier.Reserve = cmp.Or(own.Reserve, tier.Reserve)
	tier.Spill = cmp.Or(own.Spill, tier.Spill)
	if len(own.Clouds.Prefer) > 0 {
		tier.Clouds.Prefer = slices.Clone(own.Clouds.Prefer)
	}
	if len(own.Clouds.Only) > 0 {
		tier.Clouds.Only = slices.Clone(own.Clouds.Only)
	}
	return tier
}

func cloneService(s Service) Service {
	clouds := maps.Clone(s.Clouds)
	for name, cloud := range clouds {
		cloud.HTTP, cloud.GRPC = slices.Clone(cloud.HTTP), slices.Clone(cloud.GRPC)
		clouds[name] = cloud
	}
	s.Clouds, s.Tiers = clouds, cloneTiers(s.Tiers)
	return s
}

func cloneTiers(tiers []sla.Tier) []sla.Tier {
	tiers = slices.Clone(tiers)
	for i := range tiers {
		tiers[i].Clouds.Prefer = slices.Clone(tiers[i].Clouds.Prefer)
		tiers[i].Clouds.Only = slices.Clone(tiers[i].Clouds.Only)
	}
	return tiers
}
