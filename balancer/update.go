package balancer

import (
	"errors"
	"slices"
	"time"
	"unique"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// Update puts another config in force, all of it or, with an error, nothing. A
// [*ConfigError] lists the faults. What is known of services, clouds and
// endpoints that stay is kept, calls under way are not disturbed, and shares
// move to their new place at the pace of failover.slope.
//
// What an operator applied stays in force. A change of the config that has begun
// goes on if it is the same move with other figures, and one that the config no
// longer has is over.
func (r *Router) Update(next *Config) error {
	err := r.update(next, nil)
	r.noteConfig(err)
	return err
}

// noteConfig tells that a config is in force or was refused.
func (r *Router) noteConfig(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	event := Event{At: r.wall(r.now()), Kind: EventConfig, To: "in force", Text: "a config was put in force"}
	if err != nil {
		r.refusals++
		event.To, event.Text = "refused", cut("refused, the last good one stays in force: "+err.Error())
	}
	r.events.add(event)
	r.note(func() {
		if err != nil {
			r.log.Error("config refused, the last good one stays in force", "error", err)
		}
		if r.trace.ConfigChanged != nil {
			r.trace.ConfigChanged(err)
		}
	})
}

// update is Update; saved are the changes to begin with.
func (r *Router) update(next *Config, saved []byte) error {
	if next == nil {
		return errors.New("balancer: there is no config")
	}
	cfg, err := next.resolved()
	if err != nil {
		return err
	}
	key, err := r.readLevelKey(cfg)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed() {
		return ErrClosed
	}
	if err := r.maySpare(cfg); err != nil {
		return err
	}
	if err := r.setClassifier(cfg, key); err != nil {
		return err
	}
	now := r.now()
	first := r.config == nil
	r.config, r.loaded, r.sensitive = cfg, time.Now(), cfg.sensitive()
	r.weights = weightsOf(cfg)
	r.agenda.Interval = cfg.Failover.ChangeInterval
	news := r.agenda.Set(now, r.clock(), cfg.Changes)
	if first {
		if err := r.agenda.Restore(saved); err != nil {
			r.log.Error("some saved changes could not be taken up, and are forgotten", "error", err)
		}
	}
	r.slope = cfg.Failover.Slope * r.jitter
	r.ledger.keep(cfg, r.wall(now))
	r.meters = r.ledger.meters(cfg.Contracts)
	keys := cfg.serviceKeys()
	for key, s := range r.services {
		if !slices.Contains(keys, key) {
			s.stop(r)
			for _, c := range s.clouds {
				c.record.retire(now, c.target)
			}
			delete(r.services, key)
		}
	}
	r.order = r.order[:0]
	for _, key := range keys {
		s := r.services[key]
		if s == nil {
			name := unique.Make(key.name)
			s = &service{name: name.Value(), interned: name, protocol: key.protocol, budget: failover.NewBudget(cfg.Retry)}
			s.budget.Refill(now, 0) // its time begins now, not with the router's
			r.services[key] = s
		}
		r.order = append(r.order, s)
		s.configure(r, now)
	}
	r.tellChanges(news)
	r.stepChanges(now)
	r.publish()
	r.configured()
	r.forgetGone(now)
	r.labels = nil
	return nil
}

// setClassifier makes the classifier of a config, unless the one there is does
// the same: it remembers verdicts.
func (r *Router) setClassifier(cfg *Config, key sla.LevelKey) error {
	same := func(a, b sla.Tier) bool { return a.Name == b.Name }
	if r.config != nil && r.levelKey.Equal(key) && r.config.Default == cfg.Default &&
		slices.Equal(r.config.Assign, cfg.Assign) && slices.EqualFunc(r.config.Tiers, cfg.Tiers, same) &&
		slices.Equal(r.config.Contracts, cfg.Contracts) {
		return nil
	}
	c, err := sla.NewClassifier(cfg.Tiers, cfg.Assign, cfg.Default, key, cfg.Contracts...)
	if err != nil {
		return err
	}
	r.classifier, r.levelKey, r.unknownTiers = c, key, 0
	return nil
}

// configure makes the service what the router's config says.
func (s *service) configure(r *Router, now time.Duration) {
	cfg := r.config
	s.budget.Configure(cfg.Retry)
	s.subset, s.seed = cfg.Services[s.name].Subset, r.seed
	tiers, offers := s.tiers, s.offers
	s.tiers = cfg.tiersOf(s.name)
	s.offered(tiers, offers)
	s.configureHedging()
	objectives := make([]health.Objective, len(s.tiers))
	for i, t := range s.tiers {
		objectives[i] = health.Objective{Tier: t.Name, Latency: t.Objective.Latency}
	}
	was := s.clouds
	s.clouds = nil
	weights := r.agenda.Weights(s.name, r.weights)
	for _, name := range cfg.Services[s.name].cloudsOf(s.protocol) {
		i := slices.IndexFunc(was, func(c *serviceCloud) bool { return c.name == name })
		var c *serviceCloud
		if i >= 0 {
			c = was[i]
			was = slices.Delete(was, i, i+1)
			c.target.Configure(cfg.Health, objectives)
		} else {
			c = &serviceCloud{name: name, target: health.NewTarget(cfg.Health, objectives, now), record: r.record(s, name)}
		}
		c.callersHost = cfg.Clouds[name].Host == HostCaller
		c.trusted = cfg.trusts(s.name, name)
		c.limited = 0
		c.capacity.configure(cfg, cfg.Services[s.name].Clouds[name], cfg.Clouds[name].Ready)
		c.readmission.Settings = cfg.Failover
		c.weight = weights[name]
		c.setSources(r, s, cfg.Services[s.name].Clouds[name])
		s.setEndpoints(c, now)
		s.clouds = append(s.clouds, c)
	}
	for _, gone := range was {
		gone.stop()
		gone.record.retire(now, gone.target)
		s.forget(gone)
	}
	s.arrive()
	r.answered(s)
	s.built, s.decided = nil, nil
	s.replan(r, now)
}

// stop ends what the service does on the network, and the wait of those who wait
// for its first address.
func (s *service) stop(r *Router) {
	r.answered(s)
	s.moved()
	for _, c := range s.clouds {
		c.stop()
	}
}

// forget gives back what a cloud that has gone had of the service.
func (s *service) forget(c *serviceCloud) {
	for _, e := range c.endpoints {
		s.slots.free(e.Slot)
	}
	s.moved()
}

func (c *serviceCloud) stop() {
	for _, source := range c.sources {
		source.stop()
	}
}
