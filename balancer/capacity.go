package balancer

import (
	"math"
	"slices"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/internal/admission"
	"github.com/fairlead-go/fairlead/sla"
)

// capacity is how much one service can have of one cloud, as far as this process
// is concerned. Router.mu guards it.
type capacity struct {
	// The config's.
	configured, ceiling float64 // this process's part; 0: unknown
	instances           int     // that share it; 0: unknown
	ready               time.Duration

	base     float64 // endpoints that the configured capacity is that of; 0: to be seen
	times    float64 // how many times that many there were last; 0: not seen yet
	steering failover.Capacity
	cap      failover.Cap
	limit    int  // the cap; 0: none
	down     bool // the cloud was, at the last sweep

	perSecond   float64 // 0: unknown
	source      failover.CapacitySource
	utilization float64       // as reported
	carries     float64       // what there is for all processes, as reported; 0: unknown
	reported    bool          // there are reports that aren't stale
	looked      time.Duration // when the reports were last looked at
	planned     float64       // perSecond when the plan was computed
}

const (
	// reportsEvery is how often the reports of all endpoints are looked at.
	reportsEvery = 250 * time.Millisecond
	// reportsExpire is how old a load report may be. gRFC A58 allows 180 s, but
	// it takes a cloud much less to fill up.
	reportsExpire = 10 * time.Second
	// leastTelling is the utilization below which calls ÷ utilization says nothing.
	leastTelling = 0.05
	// busyFrom is the utilization from which on a cloud has no headroom that
	// retries might use.
	busyFrom = 0.99
)

// configure takes over what the config says.
func (c *capacity) configure(cfg *Config, cloud ServiceCloud, ready time.Duration) {
	c.ready, c.instances = ready, cfg.Instances
	configured, ceiling := 0.0, 0.0
	if cfg.Instances > 0 {
		configured, ceiling = cloud.Capacity/float64(cfg.Instances), cloud.Ceiling/float64(cfg.Instances)
	}
	if configured != c.configured || ceiling != c.ceiling {
		c.configured, c.ceiling, c.base, c.times = configured, ceiling, 0, 0
	}
}

// measureCapacity takes the capacity and the cap one sweep further. It reports
// whether the capacity is another than the plan was made for.
func (c *serviceCloud) measureCapacity(r *Router, now time.Duration, tiers []sla.Tier, load float64) (moved bool) {
	p := &c.capacity
	if now-p.looked >= reportsEvery {
		p.looked = now
		p.utilization, p.carries, p.reported = c.reports(r, now)
	}
	has := c.target.Load()
	if r.machine != nil && r.machine.Unlimited {
		p.reported, has = false, health.Load{}
	}
	down := c.target.State() == health.Down
	if down && !p.down {
		p.cap = failover.Cap{} // but in panic calls go there, and must not pile up
	}
	p.down = down
	p.reported = p.reported && !down
	p.perSecond, p.source = p.steering.Step(now, failover.CapacitySigns{
		Configured: p.configured * c.grown(), Ceiling: p.ceiling, Load: load, Down: down,
		Utilization: p.utilization, Reported: p.reported, Carries: p.carries, Clients: p.instances,
		Answered: has.Ended, PushedBack: has.PushedBack + has.TimedOut, Congested: p.cap.Congested(),
	})
	limit := p.cap.Step(now, failover.CapSigns{InFlight: has.InFlight, Endpoints: len(c.endpoints), Ended: has.Ended, PushedBack: has.PushedBack, TimedOut: has.TimedOut, Slow: has.Slow})
	if limit != p.limit || limit > 0 && c.limited != len(c.endpoints) {
		p.limit = limit
		c.setLimits(tiers)
	}
	return math.Abs(p.perSecond-p.planned) > 0.02*max(p.perSecond, p.planned)
}

// grown is how many times the configured capacity the endpoints make: there may be
// more of them than when the config was read, if the cloud can grow, and some may
// not be usable. A config that names other endpoints changes nothing of it.
func (c *serviceCloud) grown() float64 {
	p := &c.capacity
	n := float64(c.addresses)
	if n == 0 {
		return 1
	}
	if p.base == 0 && c.settled() {
		p.base = n / max(1, p.times)
	}
	if p.base > 0 {
		p.times = n / p.base
	}
	usable := 1.0
	if healthy := c.target.Healthy(); healthy > 0 && c.target.State() != health.Down {
		usable = healthy // a cloud that is down has none, whatever its capacity
	}
	if p.ceiling == 0 {
		return usable
	}
	return usable * max(1, min(p.times, p.ceiling/p.configured))
}

// reports returns the mean utilization that the endpoints reported lately, how many
// calls per second all of them carry by that, 0 if they didn't say, and false if none
// reported. A client with few calls hears of each endpoint seldom: what is a second
// old counts for a third of what is new.
func (c *serviceCloud) reports(r *Router, now time.Duration) (utilization, carries float64, ok bool) {
	used, weights, each, known := 0.0, 0.0, 0.0, 0.0
	for _, e := range c.endpoints {
		load := e.load.Load()
		if load == nil {
			continue
		}
		age := r.wall(now).Sub(load.At)
		if age >= reportsExpire {
			continue
		}
		weight, u := fading(age, time.Second), load.Utilization()
		used += weight * u
		weights += weight
		if load.Calls > 0 && u >= leastTelling {
			each += weight * load.Calls / u
			known += weight
		}
	}
	if weights == 0 {
		return 0, 0, false
	}
	if known > 0 {
		carries = each / known * float64(c.addresses)
	}
	return used / weights, carries, true
}

// setLimits makes picks see the cap. It is divided evenly between the endpoints,
// whose attempts in flight a pick looks at anyway: a count for the cloud would be
// one that all cores write. Less critical tiers meet it earlier, and protected ones
// only at twice the cap: when it is taken down, what is in flight is mostly not
// theirs.
func (c *serviceCloud) setLimits(tiers []sla.Tier) {
	n := len(c.endpoints)
	c.limited = n
	if c.capacity.limit == 0 || n == 0 {
		c.limits.Store(nil)
		return
	}
	limits := make([]int, len(tiers))
	for tier := range limits {
		limit := admission.Limit(c.capacity.limit, tier, len(tiers))
		if tiers[tier].Protected {
			limit *= 2
		}
		limits[tier] = (limit + n - 1) / n
	}
	c.limits.Store(&limits)
}

// full reports whether an endpoint has as many attempts in flight as the tier may
// have there.
func (c *cloudTable) full(endpoint, tier int) bool {
	limits := c.live.limits.Load()
	return limits != nil && tier < len(*limits) && c.endpoints[endpoint].live.InFlight() >= (*limits)[tier]
}

// choose is twoChoices among the endpoints that have room for the tier. It returns
// −1 if none has.
func (c *cloudTable) choose(bits uint32, tier int) int {
	i := c.twoChoices(bits)
	if c.live.limits.Load() != nil {
		return c.room(i, tier)
	}
	return i
}

// chosen is what choose finds where there was room a moment ago. If attempts of others
// have taken it since, this one is one too many.
func (c *cloudTable) chosen(bits uint32, tier int) *endpoint {
	i := c.choose(bits, tier)
	if i < 0 {
		i = c.twoChoices(bits)
	}
	return c.endpoints[i]
}

// room returns the next endpoint, from i on, that has room for the tier, or −1.
func (c *cloudTable) room(i, tier int) int {
	n := len(c.endpoints)
	for k := range n {
		if j := (i + k) % n; !c.full(j, tier) {
			return j
		}
	}
	return -1
}

// roomElsewhere returns another cloud that may serve the tier and an endpoint of it
// that has room, or nil and −1.
func (s *serviceTable) roomElsewhere(tier int, draw uint64, not *cloudTable) (*cloudTable, int) {
	t := &s.tiers[tier]
	if !t.spills() {
		return nil, -1
	}
	bits := uint32(draw)
	c := s.drawCloud(t, draw, false, func(c *cloudTable) bool { return c != not && c.choose(bits, tier) >= 0 })
	if c == nil {
		return nil, -1
	}
	return c, c.choose(bits, tier)
}

// cloudPlan returns what the plan means for a cloud.
func cloudPlan(plan failover.Plan, cloud string) failover.CloudPlan {
	if i := slices.IndexFunc(plan.Clouds, func(c failover.CloudPlan) bool { return c.Cloud == cloud }); i >= 0 {
		return plan.Clouds[i]
	}
	return failover.CloudPlan{Cloud: cloud}
}

// fading is what is left of what fades by a factor of e in tau.
func fading(passed, tau time.Duration) float64 { return math.Exp(-passed.Seconds() / tau.Seconds()) }
