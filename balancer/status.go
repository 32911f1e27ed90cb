package balancer

import (
	"fmt"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// Status is what the router knows and has decided, at one moment. It is plain
// data, made for pages, logs and tests.
type Status struct {
	At       time.Time
	Config   Provenance // Path is empty unless WithFile is used
	Observe  string     // the cloud that gets every call, if any
	Services []ServiceStatus
	// Changes are the drains, shifts and drills: see Router.Changes.
	Changes []failover.ChangeStatus
	// UnknownTiers are tiers that contexts named and the config doesn't have;
	// such calls were classed by the rules instead.
	UnknownTiers []string
	// SLA is what was promised and what was kept: see [Router.Report].
	SLA sla.Report
	// SLAStore is zero without [WithSLAStore].
	SLAStore SLAStoreStatus
}

// ServiceStatus is one service.
type ServiceStatus struct {
	Name     string
	Protocol Protocol // a service that speaks two has a status for each
	Clouds   []CloudStatus
	Tiers    []TierStatus
	// PlannedSince is since when the shares are what they are.
	PlannedSince time.Time
	// Held says why bad health isn't held against the clouds at the moment:
	// the fault is probably on this side. Empty otherwise.
	Held string
	// RetryTokens is the number of further attempts that the retry budget
	// would pay for now.
	RetryTokens float64
}

// CloudStatus is one service in one cloud.
type CloudStatus struct {
	Name    string
	State   health.State
	Reason  string // of the state, for a person; empty if there is nothing to say
	Since   time.Time
	Drained bool
	// DrainedBy is the ID of the change that drains the cloud, or is about to
	// while its ramp lasts; empty if none does. DrainedSince is when it began.
	DrainedBy    string
	DrainedSince time.Time
	// Gate says where re-admission stands, empty if it isn't under way.
	Gate string
	// Counts are exact totals of the attempts of the last 10 s: these steer, and
	// one call may make several. Like Gate and Endpoints they are
	// filled in by Router.Status alone.
	Counts    health.Counts
	Endpoints []EndpointStatus
	// Capacity is like these. Rates are in calls per second and this process's.
	Capacity CapacityStatus
}

// CapacityStatus is what one service has of a cloud, and what it needs there.
type CapacityStatus struct {
	PerSecond float64                 // what this process may send; 0: unknown
	Source    failover.CapacitySource // where that comes from
	Since     time.Time               // when it last changed; zero if unknown
	// Utilization is the mean of what the servers report; 0 without reports.
	Utilization float64
	Demand      float64 // what would go there if every cloud had the capacity
	Load        float64 // what the plan sends there
	Desired     float64 // the capacity that the cloud should have; 0: unknown
	InFlight    int     // attempts under way
	Cap         int     // the most there may be; 0: no cap
}

// timeOfDay is how times are written for people.
const timeOfDay = "15:04:05.000Z"

// String names the cloud, its state, why, and since when.
func (c CloudStatus) String() string {
	s := fmt.Sprintf("cloud %s is %s since %s", c.Name, c.State, c.Since.UTC().Format(timeOfDay))
	if c.Reason != "" {
		s += " (" + c.Reason + ")"
	}
	if c.Drained {
		s += " and drained since " + c.DrainedSince.UTC().Format(timeOfDay)
	}
	return s
}

// EndpointStatus is one endpoint.
type EndpointStatus struct {
	Endpoint
	Eligible bool   // picks may choose it
	Reason   string // why not; empty if they may
	InFlight int
	Load     LoadReport // the last report; At is zero if there was none
}

// TierStatus is one tier of one service.
type TierStatus struct {
	Name      string
	Protected bool
	Shares    []failover.Share // sorted by cloud
	Fail      bool             // calls fail at once
	// Demand is what is offered, in calls per second.
	Demand float64
	// Shed is the fraction that has to wait, and ShedLevel the lowest level of
	// which calls do; 128 if none do.
	Shed      float64
	ShedLevel int
	// ShedCalls are those that were refused so far, for lack of capacity and
	// because too many were in flight.
	ShedCalls ShedCalls
	// P50 and P99 are the recent latencies of good answers by cloud, in the
	// order of Shares; 0 if there are too few.
	P50, P99 []time.Duration
	// Decided counts, while observing, the calls that would have gone to each
	// cloud, in the order of Shares. Otherwise nil.
	Decided []uint64
	// Calls are those of the service's callers that have ended since the process
	// started, whatever the protocol; what clouds did to earn them is in
	// [CloudStatus.Counts].
	Calls sla.Totals
	// Promise is how the calls of the objective's window stand against it.
	Promise sla.Standing
	// Hedges says that calls of the tier may be hedged now.
	Hedges bool
}

// ShedCalls counts calls that were shed.
type ShedCalls struct{ Capacity, InFlight uint64 }

// Status returns what the router knows and has decided.
func (r *Router) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	status := Status{At: r.wall(now), Observe: r.config.Observe, Config: Provenance{Loaded: r.loaded}}
	if r.source != nil {
		status.Config = r.source.provenance()
	}
	status.UnknownTiers = r.classifier.Unknown()
	status.SLA, status.SLAStore = r.report(status.At), r.keeper.status
	status.Changes = r.agenda.Status(r.clock())
	for _, s := range r.order {
		status.Services = append(status.Services, s.status(r))
	}
	return status
}

func (s *service) status(r *Router) ServiceStatus {
	status := ServiceStatus{Name: s.name, Protocol: s.protocol, PlannedSince: r.wall(s.plannedAt), Held: s.held, RetryTokens: s.budget.Balance()}
	for _, c := range s.clouds {
		cloud := c.status(r)
		cloud.Capacity = c.capacityStatus(r, cloudPlan(s.plan, c.name))
		for _, e := range c.endpoints {
			endpoint := EndpointStatus{
				Endpoint: e.Endpoint, Eligible: e.live.Eligible(), Reason: e.live.Reason(), InFlight: e.live.InFlight(),
			}
			if load := e.load.Load(); load != nil {
				endpoint.Load = *load
			}
			cloud.Endpoints = append(cloud.Endpoints, endpoint)
		}
		status.Clouds = append(status.Clouds, cloud)
	}
	for i, plan := range s.plan.Tiers {
		tier := TierStatus{Name: plan.Tier, Protected: s.tiers[i].Protected, Shares: plan.Shares, Fail: plan.Fail, Demand: plan.Demand, Shed: plan.Shed}
		tier.ShedLevel = s.offers[i].recent.Shedding(plan.Shed).Level()
		counted := r.endingsOf(s, plan.Tier)
		tier.ShedCalls = ShedCalls{counted.shedFor(sla.ShedCapacity), counted.shedFor(sla.ShedInFlight)}
		for k, c := range s.clouds {
			tier.P50 = append(tier.P50, c.target.Quantile(i, 0.50))
			tier.P99 = append(tier.P99, c.target.Quantile(i, 0.99))
			if counts := s.decided[plan.Tier]; r.config.Observe != "" && k < len(counts) {
				tier.Decided = append(tier.Decided, counts[k].Load())
			}
		}
		account := r.ledger.tiers[promiseKey{s.name, plan.Tier}]
		tier.Calls, tier.Promise, tier.Hedges = account.Totals(), account.Standing(r.wall(r.now()), s.tiers[i].Objective), s.hedges(&s.tiers[i])
		status.Tiers = append(status.Tiers, tier)
	}
	return status
}

// status is the cloud without its endpoints.
func (c *serviceCloud) status(r *Router) CloudStatus {
	status := CloudStatus{
		Name: c.name, State: c.target.State(), Reason: c.target.Reason(), Since: r.wall(c.target.Since()),
		Drained: c.drained, Counts: c.target.Counts(),
	}
	if c.drainedBy != "" {
		status.DrainedBy, status.DrainedSince = c.drainedBy, r.wall(c.drainedSince)
	}
	if c.readmission.Stage() != failover.Open {
		status.Gate = c.readmission.Reason(r.now())
	}
	if len(c.endpoints) == 0 {
		status.Reason = c.withoutAddress()
	}
	return status
}

// capacityStatus is what the cloud can carry and has to.
func (c *serviceCloud) capacityStatus(r *Router, plan failover.CloudPlan) CapacityStatus {
	p := &c.capacity
	status := CapacityStatus{
		PerSecond: p.perSecond, Source: p.source, Utilization: p.utilization, Demand: plan.Demand, Load: plan.Load,
		Desired: plan.Desired, InFlight: c.target.Load().InFlight, Cap: p.limit,
	}
	if p.perSecond > 0 {
		status.Since = r.wall(p.steering.Since())
	}
	return status
}

// withoutAddress says why the cloud has no endpoints.
func (c *serviceCloud) withoutAddress() string {
	for _, a := range c.sources {
		if a.err != nil {
			return fmt.Sprintf("no address: %v", a.err)
		}
	}
	return "no address yet"
}
