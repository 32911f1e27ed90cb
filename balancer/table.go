package balancer

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// table is all that a pick needs to know. It is immutable: the controller
// builds a new one and publishes it through Router.table. A pick loads it once
// and is thereby consistent, whatever changes meanwhile.
type table struct {
	config     *Config
	classifier *sla.Classifier
	byMethod   bool                       // some rule asks for a call's method
	services   [protocols][]*serviceTable // sorted by name
	sensitive  map[string]bool            // canonical names of headers that hold secrets
	closed     bool
}

// serviceTable is one service in a table.
type serviceTable struct {
	name     string
	protocol Protocol
	live     *service // budget and counters, which outlive the table
	tiers    []tierTable
	clouds   []cloudTable // sorted by name; plans and alias tables use the same order
	// observed is the index of the cloud that gets every call, whatever is
	// decided, or -1.
	observed int
	// sensitive is the table's: an attempt goes by one config in everything.
	sensitive map[string]bool
	contracts []*sla.Meter  // of the config's contracts, in their order
	ready     time.Duration // the least that new capacity takes; 0: none grows
	trustsAll bool          // each of the clouds is trusted with what those hold
}

// tierTable is one tier of one service, with the service's own figures.
type tierTable struct {
	// What each pick reads comes first.
	shares alias // nil if no cloud may serve
	// waits is closed with the next answer of a lookup. It is nil unless no
	// cloud that the tier may use has ever had an address: then picks wait.
	waits <-chan struct{}
	offer *offer
	// sheds says which calls have to wait, for lack of capacity.
	sheds sla.Threshold

	sla.Tier
	expired error // what it means that the tier's timeout is over
	// spends says that the tier may use all of the retry budget: it is
	// protected, or no tier is.
	spends  bool
	plan    failover.TierPlan
	meter   *sla.Meter // counts the tier's calls against its promise
	endings *endings   // likewise by how they ended
	// decided counts the decisions by cloud while observing, nil otherwise.
	decided []atomic.Uint64
	// hedging is nil unless calls of the tier are hedged.
	hedging *hedging
	// mayHedge says that the tier's error budget allows for hedges.
	mayHedge bool
}

// shed reports whether some of the tier's calls have to wait: then none may cost
// more than one attempt.
func (t *tierTable) shed() bool { return t.plan.Shed > 0 }

// spills reports whether calls may go to another cloud when theirs is full.
func (t *tierTable) spills() bool { return t.Spill != sla.SpillNever }

// cloudTable is one service in one cloud.
type cloudTable struct {
	// What each attempt reads comes first.
	endpoints []*endpoint // those that may be picked
	router    *Router
	service   *serviceTable
	live      *serviceCloud
	target    *health.Target
	watched   bool // something is to be done with each outcome beside counting it

	name       string
	weight     uint32
	down       bool // by detection or by an operator: no retry goes there
	busy       bool // its capacity is used up: no retry of an unprotected tier goes there
	recovering bool // a retry goes there only if the plan gives it calls
	trusted    bool // with the credentials of the service's callers
	// callersHost says that requests name the host that the caller asked for.
	callersHost bool
	timings     []*timing   // by tier; nil without WithLatencyHistogram
	status      CloudStatus // as it was when the table was built
}

// newest returns a service and one of its tiers as the newest table has them, or
// as they are if they are gone from that.
func (r *Router) newest(s *serviceTable, tier int) (*serviceTable, int) {
	if fresh := r.table.Load().find(s.name, s.protocol); fresh != nil {
		if i := fresh.tierIndex(s.tiers[tier].Name); i >= 0 {
			return fresh, i
		}
	}
	return s, tier
}

// tierIndex returns the index of a tier, or -1.
func (s *serviceTable) tierIndex(name string) int {
	return slices.IndexFunc(s.tiers, func(t tierTable) bool { return t.Name == name })
}

// service returns the table of a service, or an error that names those there
// are.
func (t *table) service(name string, p Protocol) (*serviceTable, error) {
	if s := t.find(name, p); s != nil {
		return s, nil
	}
	return nil, t.unknown(name, p)
}

func (t *table) unknown(name string, p Protocol) error {
	if t.closed {
		return ErrClosed
	}
	e := &UnknownServiceError{Service: name, Protocol: p}
	for _, s := range t.services[p] {
		e.Known = append(e.Known, s.name)
	}
	return e
}

// few is how many names are found sooner one by one than by halves.
const few = 8

func (t *table) find(name string, p Protocol) *serviceTable {
	services := t.services[p]
	if len(services) > few {
		return search(services, name)
	}
	for _, s := range services {
		if s.name == name {
			return s
		}
	}
	return nil
}

func search(services []*serviceTable, name string) *serviceTable {
	i, found := slices.BinarySearchFunc(services, name, func(s *serviceTable, name string) int {
		return cmp.Compare(s.name, name)
	})
	if !found {
		return nil
	}
	return services[i]
}

// table builds the service's part of a table.
func (s *service) table(r *Router) *serviceTable {
	t := &serviceTable{name: s.name, protocol: s.protocol, live: s, observed: -1, sensitive: r.sensitive}
	t.contracts = r.meters
	for _, c := range s.clouds {
		if c.name == r.config.Observe {
			t.observed = len(t.clouds)
		}
		cloud := c.table(r, t)
		if c.capacity.ceiling > c.capacity.configured && c.capacity.ready > 0 && (t.ready == 0 || c.capacity.ready < t.ready) {
			t.ready = c.capacity.ready
		}
		cloud.busy = cloudPlan(s.plan, c.name).Utilization >= busyFrom
		t.clouds = append(t.clouds, cloud)
	}
	t.trustsAll = !slices.ContainsFunc(t.clouds, func(c cloudTable) bool { return !c.trusted })
	for i, tier := range s.tiers {
		tt := tierTable{Tier: tier, plan: s.plan.Tiers[i], endings: r.endingsOf(s, tier.Name), expired: &tierTimeoutError{tier: tier.Name, timeout: tier.Timeout}}
		weights := make([]float64, len(tt.plan.Shares))
		for k, share := range tt.plan.Shares {
			weights[k] = share.Fraction
		}
		tt.shares = newAlias(weights)
		tt.spends = tier.Protected || !slices.ContainsFunc(s.tiers, func(t sla.Tier) bool { return t.Protected })
		tt.offer = s.offers[i]
		tt.sheds = tt.offer.recent.Shedding(tt.plan.Shed)
		tt.hedging, tt.mayHedge = s.hedging[tier.Name], s.hedges(&tier)
		tt.meter = &r.ledger.tiers[promiseKey{s.name, tier.Name}].Meter
		tt.waits = s.awaitsAddress(tier.Clouds, r.config.Observe)
		if t.observed >= 0 {
			tt.decided = s.decisions(tier.Name)
		}
		t.tiers = append(t.tiers, tt)
	}
	return t
}

// decisions returns the counters of a tier's decisions while observing.
func (s *service) decisions(tier string) []atomic.Uint64 {
	if s.decided == nil {
		s.decided = make(map[string][]atomic.Uint64)
	}
	if len(s.decided[tier]) != len(s.clouds) {
		s.decided[tier] = make([]atomic.Uint64, len(s.clouds))
	}
	return s.decided[tier]
}

// table builds the cloud's part of a table.
func (c *serviceCloud) table(r *Router, s *serviceTable) cloudTable {
	if c.pool == nil {
		c.pool = c.pickable()
	}
	t := cloudTable{name: c.name, router: r, service: s, live: c, target: c.target, weight: c.weight, endpoints: c.pool}
	t.status = c.status(r)
	t.status.Counts, t.status.Gate = health.Counts{}, "" // would soon be old
	t.down = c.drained || c.target.State() == health.Down
	t.recovering = c.target.State() == health.Recovering
	t.watched = t.recovering || r.latency != nil || r.trace.Answered != nil
	t.trusted, t.callersHost = c.trusted, c.callersHost
	if r.latency != nil {
		t.timings = r.timings(s.live, c)
	}
	return t
}

// pickable returns the endpoints that are eligible, or all of them if none is.
func (c *serviceCloud) pickable() []*endpoint {
	eligible := make([]*endpoint, 0, len(c.endpoints))
	for _, e := range c.endpoints {
		if e.live.Eligible() {
			eligible = append(eligible, e)
		}
	}
	if len(eligible) == 0 {
		return append(eligible, c.endpoints...)
	}
	return eligible
}
