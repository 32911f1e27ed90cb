package balancer

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/failover"
)

// Drain takes a cloud out of use at once, or as the options say: no call goes
// there until [Router.Resume], whatever happens to the other clouds. Attempts
// under way, such as streams, have 30 s to finish, and end then with a
// [*DrainedError]. Probes go on.
//
// It is the change drain-CLOUD: see [Router.Apply]. It concerns this router only,
// and is forgotten with it unless there is a [WithStore]. It is refused if
// the cloud is unknown or observed, if a tier of some service were left with
// fewer clouds that are neither drained nor down than failover.minClouds, or if
// the others are known to lack the capacity for protected tiers; the error names
// them. Draining a drained cloud is no error; a drill of the cloud that is under
// way is interrupted, and the cloud stays out.
func (r *Router) Drain(cloud string, options ...ChangeOption) error {
	change := failover.Change{ID: "drain-" + cloud, Kind: failover.KindDrain, Cloud: cloud}
	for _, option := range options {
		option(&change)
	}
	if r.isDrained(&change) {
		return nil
	}
	if len(change.Services) > 0 {
		change.ID += "-" + strings.Join(change.Services, "-")
	}
	if err := r.apply(change, true); err != nil {
		return fmt.Errorf("drain %s: %w", cloud, err)
	}
	if err := r.saveChanges(); err != nil {
		return fmt.Errorf("%s is drained, but a restart will forget it: %w", cloud, err)
	}
	return nil
}

// isDrained reports whether a cloud is drained, or being drained, without an end
// for all services that a change concerns. A change that can't be made is for
// nothing that is.
func (r *Router) isDrained(change *failover.Change) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed() || r.mayChange(change) != nil {
		return false
	}
	for _, s := range r.config.serviceKeys() {
		if _, by := r.agenda.Drained(s.name, change.Cloud); change.Concerns(s.name) && (by == nil || by.Kind != failover.KindDrain || !by.End.IsZero()) {
			return false
		}
	}
	return true
}

// Resume takes a cloud back into use: whatever keeps it out now ends for this
// process, a drain or a drill, applied or of the config. Of a change that repeats,
// later occurrences stay. A cloud that got no calls comes back by the gates of
// re-admission, as after an outage. Resuming a cloud that isn't drained is no
// error; the error is about a cloud that is unknown.
func (r *Router) Resume(cloud string) error {
	err := r.endChanges(func(now time.Duration) ([]failover.ChangeStatus, error) {
		if _, known := r.config.Clouds[cloud]; !known {
			return nil, r.unknownCloud()
		}
		return r.agenda.Resume(now, r.clock(), cloud, "resumed"), nil
	})
	if err != nil {
		return fmt.Errorf("resume %s: %w", cloud, err)
	}
	return nil
}

func (r *Router) unknownCloud() error {
	return fmt.Errorf("no such cloud in the config, which has %v", sortedKeys(r.config.Clouds))
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
				if _, by := r.agenda.Drained(key.name, cloud); by == nil || !r.agenda.Outlives(by, cfg.Changes) {
					left++
				}
			}
			if left == 0 {
				faults = append(faults, fmt.Errorf("tier %s of service %s would be left with %d of its %d clouds, and must keep 1 that is not drained",
					tier.Name, key.name, left, allowed))
			}
		}
	}
	return errors.Join(faults...)
}
