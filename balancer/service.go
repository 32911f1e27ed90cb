package balancer

import (
	"slices"
	"sync/atomic"
	"time"
	"unique"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// service is what is known of one service. It outlives tables and configs.
// Router.mu guards it, but for the fields that say otherwise.
type service struct {
	name     string
	interned unique.Handle[string] // the name: adapters that intern theirs compare pointers
	protocol Protocol
	budget   *failover.Budget // lock-free
	retries  atomic.Uint64    // attempts after the first, by any goroutine
	moves    atomic.Uint64    // attempts that were moved, likewise: each has begun twice

	tiers  []sla.Tier      // with the service's own figures
	offers []*offer        // by tier
	clouds []*serviceCloud // sorted by name

	subset    int    // the most endpoints of a cloud; 0: all
	seed      uint64 // which ones: each process has its own
	slots     slots
	places    []Place       // all endpoints, for movedNews' listeners
	movedNews chan struct{} // closed when there are others; nil while nobody has asked

	correlation health.Correlation
	held        string // why states aren't held against the clouds, "" if they are
	plan        failover.Plan
	plannedAt   time.Duration              // since when the plan is what it is
	limitedAt   time.Duration              // when the plan was last moved
	computedAt  time.Duration              // when the plan was last computed
	plannedFor  []float64                  // the demand that it was computed for, by tier
	settled     bool                       // the plan is what was wanted
	burning     bool                       // a tier spends its error budget so fast that somebody should be woken
	unpaid      int64                      // first attempts not yet paid into the budget; below 0 until a sweep has seen the beginning of retries
	repaid      uint64                     // retries already taken off
	decided     map[string][]atomic.Uint64 // while observing, by tier; each by any goroutine
	hedging     map[string]*hedging        // of the tiers that hedge

	samples samples // of the shares lately

	started bool          // each of the first clouds has an address, or none
	news    chan struct{} // closed with the next answer of a lookup; nil while nobody waits
	built   *serviceTable // of the last table; nil if it is no longer true
}

// serviceCloud is one service in one cloud.
type serviceCloud struct {
	name        string
	weight      uint32 // with the shifts in force
	operated           // what operators did to it
	trusted     bool   // with the credentials of the service's callers
	callersHost bool
	held        bool // its state isn't held against it
	relapsed    bool // it went down on its way back
	target      *health.Target
	record      *cloudRecord
	readmission failover.Readmission
	schedule    health.Schedule
	configured  []string         // endpoints as the config has them
	serverName  string           // likewise
	sources     []*addressSource // one for each configured endpoint
	named       []*addressSource // those of them that are looked up
	retired     []*addressSource // those of configs before, until what came in their place has addresses
	addresses   int              // that the sources gave
	endpoints   []*endpoint      // for all of these, or the subset of them
	generation  uint64           // counts the changes of endpoints
	byRecord    map[*health.Endpoint]*endpoint
	pool        []*endpoint // those that the last table has; nil if it is no longer true
	begun       uint64      // attempts already counted for the budget
	capacity    capacity
	limits      atomic.Pointer[[]int] // by tier, the most attempts in flight at one endpoint; nil: no cap; read by picks
	limited     int                   // endpoints that the limits are for
	unprotected atomic.Uint64         // answers to unprotected tiers while recovering, by any goroutine
	noRoom      atomic.Bool           // its capacity is known and used up: no hedge goes there
	slow        atomic.Bool           // its answers are bad or slower than is usual there: likewise

	told map[failover.Reason]time.Duration // when an event last told that it got its share for it
}

// step takes the service one sweep further. It reports whether the table has
// to be built anew.
func (s *service) step(r *Router, now time.Duration, local string) (changed bool) {
	best := s.bestQuality()
	for _, c := range s.clouds {
		changes, pickable := c.target.Sweep(now, best)
		changes = append(changes, c.wayBack(r, now, changes, r.probers[s.protocol] != nil, s.alone(c))...)
		changed = changed || pickable || len(changes) > 0
		if pickable {
			c.pool = nil
			c.lookAgain() // an endpoint that was ejected may have been replaced
		}
		for _, change := range changes {
			r.noteState(s, c.name, change)
			if change.To == health.Down {
				c.record.fall(change)
				c.relapsed = change.From == health.Recovering
				c.lookAgain()
			}
		}
	}
	held := s.held != ""
	if s.hold(now, local) {
		changed = true
	}
	if held != (s.held != "") {
		r.recordHold(s, now)
	}
	s.refill(now)
	s.hedge(now)
	moved := s.measure(r, now)
	if changed || moved || !s.settled || s.recovering() || now-s.computedAt >= time.Second {
		if s.replan(r, now) {
			changed = true
		}
	}
	return changed
}

// wayBack moves the cloud's re-admission on, given what the sweep changed.
// probed says that probes speak the endpoints' protocol, alone that no other cloud
// serves.
func (c *serviceCloud) wayBack(r *Router, now time.Duration, changes []health.Change, probed, alone bool) []health.Change {
	for _, change := range changes {
		if change.To == health.Down {
			c.readmission.Fell(now)
		}
	}
	before := c.readmission.Stage()
	if before == failover.Open {
		return nil
	}
	signs := c.signs(probed)
	signs.Alone = alone
	after := c.readmission.Step(now, signs)
	gated := func(s failover.Stage) bool { return s >= failover.Gate1 }
	switch {
	case after == failover.Open:
		return []health.Change{c.target.Readmit(now, "all gates passed")}
	case gated(after) && !gated(before):
		return []health.Change{c.target.Recover(now, c.readmission.Reason(now))}
	case gated(before) && !gated(after):
		return []health.Change{c.target.Relapse(now, c.readmission.Reason(now))}
	}
	return nil
}

// signs are what the way back goes by.
func (c *serviceCloud) signs(probed bool) failover.Signs {
	good, bad := c.target.Answers()
	return failover.Signs{
		// Where no adapter probes, a canary has to find out whether a cloud
		// that went silent answers again: a connection is all one can know.
		Answered:    c.target.Answered() || !probed && c.target.Reached(),
		Good:        good,
		Bad:         bad,
		Unprotected: c.unprotected.Load(),
	}
}

// alone reports whether no cloud but this one may serve.
func (s *service) alone(c *serviceCloud) bool {
	return !slices.ContainsFunc(s.clouds, func(o *serviceCloud) bool {
		return o != c && !o.drained && !o.absent() && o.target.State() != health.Down
	})
}

// hold asks whether it is us and reports whether the answer changed. A cloud that
// was on its way back was doubted already.
func (s *service) hold(now time.Duration, local string) (changed bool) {
	var down []time.Duration
	for _, c := range s.clouds {
		if !c.drained && !c.absent() {
			down = append(down, c.fell())
		}
	}
	from, why := s.correlation.Step(now, down, local)
	s.held = why
	for _, c := range s.clouds {
		was := c.held
		c.held = why != "" && !c.drained && !c.relapsed && c.fell() >= from
		changed = changed || c.held != was
	}
	return changed
}

// fell is when the cloud went down, −1 if it isn't.
func (c *serviceCloud) fell() time.Duration {
	if c.target.State() != health.Down {
		return -1
	}
	return c.target.Since()
}

// refill pays the retry budget for the first attempts since the last time. It
// counts by differences: clouds come and go.
func (s *service) refill(now time.Duration) {
	for _, c := range s.clouds {
		begun := c.target.Begun()
		s.unpaid += int64(begun - c.begun)
		c.begun = begun
	}
	retries := s.retries.Load() + s.moves.Load()
	s.unpaid -= int64(retries - s.repaid)
	s.repaid = retries
	first := max(0, s.unpaid)
	s.unpaid -= first
	s.budget.Refill(now, uint64(first))
}

// measure takes in what was offered and what the clouds can carry. It reports
// whether the plan was made for something else.
func (s *service) measure(r *Router, now time.Duration) (moved bool) {
	for _, o := range s.offers {
		o.measure(now)
	}
	known := false
	for _, c := range s.clouds {
		if c.measureCapacity(r, now, s.tiers, cloudPlan(s.plan, c.name).Load) {
			moved = true
		}
		known = known || c.capacity.perSecond > 0
	}
	return moved || known && s.demandMoved()
}

func (s *service) recovering() bool {
	return slices.ContainsFunc(s.clouds, func(c *serviceCloud) bool { return c.readmission.Stage() != failover.Open })
}

// replan computes the plan and moves towards it as fast as may be. It reports
// whether the plan in force changed, or the levels that it sheds.
func (s *service) replan(r *Router, now time.Duration) bool {
	in := s.input(r.config.Failover)
	mean, deviation := s.demand()
	in.Demand = mean
	for _, c := range s.clouds {
		c.capacity.planned = c.capacity.perSecond
	}
	want := failover.Compute(in)
	s.sureOnly(&want, in, deviation)
	passed := min(now-s.limitedAt, time.Second) // which is how seldom that is: else this process stood still
	limited := failover.Limit(s.plan, want, passed, r.slope)
	s.computedAt, s.limitedAt, s.plannedFor = now, now, mean
	s.settled = limited.Equal(want)
	s.noteRoom(limited)
	was := s.plan
	s.plan = limited
	if limited.Equal(was) {
		return s.shedsOthers()
	}
	r.recordPlan(s, was, limited, now)
	s.plannedAt, s.built = now, nil
	r.notePlan(s, limited)
	return true
}

// input is what the plan depends on.
func (s *service) input(settings failover.Settings) failover.Input {
	in := failover.Input{Tiers: s.tiers, Panic: settings.Panic, MinClouds: settings.MinClouds}
	best := s.bestQuality()
	for _, c := range s.clouds {
		cloud := failover.Cloud{
			Name: c.name, Weight: c.weight, State: c.target.State(), Drained: c.drained, Leaving: c.leaving, Held: c.held,
			Absent: len(c.endpoints) == 0, Healthy: c.target.Healthy(), Quality: 1,
			Gate: c.readmission.Gate(false), ProtectedGate: c.readmission.Gate(true),
			Capacity: c.capacity.perSecond, Ceiling: c.capacity.ceiling,
		}
		if best > 0 {
			cloud.Quality = c.target.Quality() / best
		}
		in.Clouds = append(in.Clouds, cloud)
	}
	return in
}

func (s *service) bestQuality() (best float64) {
	for _, c := range s.clouds {
		best = max(best, c.target.Quality())
	}
	return best
}
