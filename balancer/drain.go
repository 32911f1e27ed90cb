package balancer

import (
	"errors"
	"fmt"
)

// Drain takes a cloud out of use: no call goes there until [Router.Resume],
// whatever happens to the other clouds. Attempts under way may finish. Probes
// go on.
//
// It concerns this router only and is forgotten with it. It is refused if the
// cloud is unknown, or if a tier of some service were left with fewer clouds
// than failover.minClouds; the error names them. Draining a drained cloud is
// no error.
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
	if _, known := r.config.Clouds[cloud]; !known {
		return fmt.Errorf("resume %s: %w", cloud, r.unknownCloud())
	}
	if _, drained := r.drains[cloud]; !drained {
		return nil
	}
	delete(r.drains, cloud)
	r.note(func() { r.log.Info("cloud resumed", "cloud", cloud) })
	r.applyDrains()
	return nil
}

func (r *Router) unknownCloud() error {
	return fmt.Errorf("no such cloud in the config, which has %v", sortedKeys(r.config.Clouds))
}

// mayDrain returns an error if some tier would not keep enough clouds.
func (r *Router) mayDrain(cloud string) error {
	if r.closed() {
		return ErrClosed
	}
	if _, known := r.config.Clouds[cloud]; !known {
		return r.unknownCloud()
	}
	var faults []error
	for _, s := range r.order {
		for _, tier := range s.tiers {
			allowed, left := 0, 0
			for _, c := range s.clouds {
				if !tier.Clouds.Allow(c.name) {
					continue
				}
				allowed++
				if !c.drained && c.name != cloud {
					left++
				}
			}
			if left < min(allowed, r.config.Failover.MinClouds) {
				faults = append(faults, fmt.Errorf("tier %s of service %s would be left with %d of its %d clouds, and must keep %d",
					tier.Name, s.name, left, allowed, min(allowed, r.config.Failover.MinClouds)))
			}
		}
	}
	return errors.Join(faults...)
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
