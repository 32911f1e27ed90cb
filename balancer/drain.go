package balancer

import (
	"errors"
	"fmt"

	"github.com/fairlead-go/fairlead/health"
)

// Drain takes a cloud out of use: no call goes there until [Router.Resume],
// whatever happens to the other clouds. Attempts under way may finish. Probes
// go on.
//
// It concerns this router only and is forgotten with it. It is refused if the
// cloud is unknown or observed, or if a tier of some service were left with
// fewer clouds that are neither drained nor down than failover.minClouds; the
// error names them. Draining a drained cloud is no error.
func (r *Router) Drain(cloud string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.mayDrain(cloud); err != nil {
		return fmt.Errorf("drain %s: %w", cloud, err)
	}
	if _, already := r.drains[cloud]; already {
		return nil
	}
	r.drains[cloud] = r.now()
	r.events.add(Event{At: r.wall(r.now()), Kind: EventDrain, Cloud: cloud, Text: "an operator took it out"})
	r.note(func() { r.log.Info("cloud drained", "cloud", cloud) })
	r.applyDrains()
	return nil
}

// Resume takes a drained cloud back into use. Its share comes back at the
// pace of failover.slope. Resuming a cloud that isn't drained is no error; the
// error is about a cloud that is unknown.
func (r *Router) Resume(cloud string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed() {
		return fmt.Errorf("resume %s: %w", cloud, ErrClosed)
	}
	if _, known := r.config.Clouds[cloud]; !known {
		return fmt.Errorf("resume %s: %w", cloud, r.unknownCloud())
	}
	if _, drained := r.drains[cloud]; !drained {
		return nil
	}
	delete(r.drains, cloud)
	r.events.add(Event{At: r.wall(r.now()), Kind: EventResume, Cloud: cloud, Text: "an operator took it back into use"})
	r.note(func() { r.log.Info("cloud resumed", "cloud", cloud) })
	r.applyDrains()
	return nil
}

func (r *Router) unknownCloud() error {
	return fmt.Errorf("no such cloud in the config, which has %v", sortedKeys(r.config.Clouds))
}

// mayDrain returns an error if the cloud can't be done without.
func (r *Router) mayDrain(cloud string) error {
	if r.closed() {
		return ErrClosed
	}
	if _, known := r.config.Clouds[cloud]; !known {
		return r.unknownCloud()
	}
	if cloud == r.config.Observe {
		return errors.New("it gets every call while it is observed")
	}
	var faults []error
	for _, s := range r.order {
		for _, tier := range s.tiers {
			var allowed, left int
			for _, c := range s.clouds {
				if !tier.Clouds.Allow(c.name) {
					continue
				}
				allowed++
				if !c.drained && c.name != cloud && c.target.State() != health.Down {
					left++
				}
			}
			if least := min(allowed, r.config.Failover.MinClouds); left < least {
				faults = append(faults, tooFew(s.name, tier.Name, left, allowed, least))
			}
		}
	}
	return errors.Join(faults...)
}

// maySpare returns an error if a config would leave a tier with drained clouds
// only.
func (r *Router) maySpare(cfg *Config) error {
	var faults []error
	for _, key := range cfg.serviceKeys() {
		for _, tier := range cfg.tiersOf(key.name) {
			var allowed, left int
			for _, cloud := range cfg.Services[key.name].cloudsOf(key.protocol) {
				if !tier.Clouds.Allow(cloud) {
					continue
				}
				allowed++
				if _, drained := r.drains[cloud]; !drained {
					left++
				}
			}
			if left == 0 {
				faults = append(faults, tooFew(key.name, tier.Name, left, allowed, 1))
			}
		}
	}
	return errors.Join(faults...)
}

func tooFew(service, tier string, left, allowed, least int) error {
	return fmt.Errorf("tier %s of service %s would be left with %d of its %d clouds, and must keep %d that are neither drained nor down",
		tier, service, left, allowed, least)
}

// applyDrains puts the drains in force.
func (r *Router) applyDrains() {
	now := r.now()
	for _, s := range r.order {
		for _, c := range s.clouds {
			_, c.drained = r.drains[c.name]
		}
		s.replan(r, now)
	}
	r.publish()
}
