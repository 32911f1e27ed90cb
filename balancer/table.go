package balancer

import (
	"cmp"
	"slices"
	"sync/atomic"

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
	services   []*serviceTable // sorted by name
	closed     bool
}

// serviceTable is one service in a table.
type serviceTable struct {
	name   string
	live   *service // budget and counters, which outlive the table
	tiers  []tierTable
	clouds []cloudTable // sorted by name; plans and alias tables use the same order
	// resolved is closed once an address is known. It is nil if some was known
	// when the table was built: then no pick waits.
	resolved <-chan struct{}
	// observed is the index of the cloud that gets every call, whatever is
	// decided, or -1.
	observed int
}

// tierTable is one tier of one service, with the service's own figures.
type tierTable struct {
	sla.Tier
	plan   failover.TierPlan
	shares alias // nil if no cloud may serve
	// decided counts the decisions by cloud while observing, nil otherwise.
	decided []atomic.Uint64
}

// cloudTable is one service in one cloud.
type cloudTable struct {
	name    string
	router  *Router
	service *serviceTable
	live    *serviceCloud
	target  *health.Target
	weight  uint32
	down    bool        // by detection or by an operator: no retry goes there
	status  CloudStatus // as it was when the table was built
	// endpoints are those that may be picked, records their live records in
	// the same order: comparing two costs no look at what they are.
	endpoints []*endpoint
	records   []*health.Endpoint
}

// tierIndex returns the index of a tier, or -1.
func (s *serviceTable) tierIndex(name string) int {
	return slices.IndexFunc(s.tiers, func(t tierTable) bool { return t.Name == name })
}

// service returns the table of a service, or an error that names those there
// are.
func (t *table) service(name string) (*serviceTable, error) {
	if s := t.find(name); s != nil {
		return s, nil
	}
	if t.closed {
		return nil, ErrClosed
	}
	return nil, &UnknownServiceError{Service: name, Known: sortedKeys(t.config.Services)}
}

// few is how many names are found sooner one by one than by halves.
const few = 8

func (t *table) find(name string) *serviceTable {
	if len(t.services) > few {
		i, found := slices.BinarySearchFunc(t.services, name, func(s *serviceTable, name string) int {
			return cmp.Compare(s.name, name)
		})
		if !found {
			return nil
		}
		return t.services[i]
	}
	for _, s := range t.services {
		if s.name == name {
			return s
		}
	}
	return nil
}
