package console

import (
	"time"

	"github.com/fairlead-go/fairlead/failover"
)

// The types in this file are the JSON of the views. Names of fields stay, new ones
// may come. Times are RFC 3339 and left out where there is none; fields whose names
// end in Ms are milliseconds and those in PerSecond calls per second; fractions
// are 0…1. A field that is null or left out is unknown, which is not zero.

// Overview is the view at the handler's own path.
type Overview struct {
	At       time.Time `json:"at"`
	Headline string    `json:"headline"` // how things are, in a sentence
	Level    string    `json:"level"`    // "good", "warning" or "bad"
	// Observe is the cloud that gets every call, whatever is decided.
	Observe  string         `json:"observe,omitempty"`
	Closed   bool           `json:"closed"` // the router is closed: nothing changes any more
	Config   ConfigAge      `json:"config"`
	Clouds   []CloudSummary `json:"clouds"`
	Services []Service      `json:"services"`
	// Compliance is the part of the contracts that have error budget left; null if
	// none is declared. Contracts are sorted by what is left, the least first: the
	// first 20 of them, of ContractsDeclared.
	Compliance        *float64   `json:"compliance"`
	ContractsDeclared int        `json:"contractsDeclared"`
	Contracts         []Contract `json:"contracts"`
	// Changes are the first 6 of the view of changes, of ChangesKnown.
	ChangesKnown int      `json:"changesKnown"`
	Changes      []Change `json:"changes"`
	// UnknownTiers are tiers that contexts name and the config doesn't have.
	UnknownTiers []string `json:"unknownTiers"`
	Events       []Event  `json:"events"` // the last 12, newest first
}

// ConfigAge says where the config in force is from and how old it is.
type ConfigAge struct {
	Path    string    `json:"path,omitempty"` // empty: not from a file that is followed
	Loaded  time.Time `json:"loaded,omitzero"`
	Checked time.Time `json:"checked,omitzero"`
	Error   string    `json:"error,omitempty"` // why the file, as it now is, isn't in force
}

// CloudSummary is one cloud over all services.
type CloudSummary struct {
	Name    string `json:"name"`
	State   string `json:"state"` // the worst of any service
	Drained bool   `json:"drained"`
	// Services counts the services in each state.
	Services  map[string]int `json:"services"`
	PerSecond float64        `json:"perSecond"` // attempts
	InFlight  int            `json:"inFlight"`
}

// Service is one service over one protocol. As a view of its own it has samples.
type Service struct {
	Name         string    `json:"name"`
	Protocol     string    `json:"protocol"`
	Held         string    `json:"held,omitempty"` // why bad health isn't held against the clouds
	PlannedSince time.Time `json:"plannedSince"`
	RetryTokens  float64   `json:"retryTokens"`
	Clouds       []Cloud   `json:"clouds"`
	Tiers        []Tier    `json:"tiers"`
	// Samples are the shares of the last 15 minutes, oldest first. Each holds until
	// the next.
	Samples []Sample `json:"samples,omitempty"`
}

// Cloud is one service in one cloud. Rates and the success are those of attempts
// in the last 10 s.
type Cloud struct {
	Name         string    `json:"name"`
	State        string    `json:"state"`
	Reason       string    `json:"reason,omitempty"`
	Since        time.Time `json:"since"`
	Drained      bool      `json:"drained"`
	DrainedSince time.Time `json:"drainedSince,omitzero"`
	DrainedBy    string    `json:"drainedBy,omitempty"` // the change that drains it, or begins to
	Gate         string    `json:"gate,omitempty"`      // where re-admission stands
	PerSecond    float64   `json:"perSecond"`
	Success      *float64  `json:"success"`
	Slow         *float64  `json:"slow"` // part of the good answers that came late
	PushedBack   uint64    `json:"pushedBack"`
	InFlight     int       `json:"inFlight"`
	Cap          *int      `json:"cap"` // the most attempts that may be in flight
	// Capacity is what this process may send, and CapacitySource where the figure
	// is from: "config", "reports" or "pushback".
	Capacity       *float64  `json:"capacityPerSecond"`
	CapacitySource string    `json:"capacitySource,omitempty"`
	CapacitySince  time.Time `json:"capacitySince,omitzero"`
	Utilization    *float64  `json:"utilization"` // as the servers report it
	Demand         float64   `json:"demandPerSecond"`
	Load           float64   `json:"loadPerSecond"`
	Desired        *float64  `json:"desiredPerSecond"`
	Endpoints      int       `json:"endpoints"`
	Eligible       int       `json:"eligible"`
}

// Tier is one tier of one service.
type Tier struct {
	Name      string  `json:"name"`
	Protected bool    `json:"protected"`
	Fail      bool    `json:"fail"` // calls fail at once
	Shares    []Share `json:"shares"`
	Demand    float64 `json:"demandPerSecond"`
	// Shed is the fraction that has to wait; ShedCapacity and ShedInFlight are the
	// calls refused so far.
	Shed         float64 `json:"shed"`
	ShedLevel    int     `json:"shedLevel"`
	ShedCapacity uint64  `json:"shedCapacity"`
	ShedInFlight uint64  `json:"shedInFlight"`
	Promise      Promise `json:"promise"`
}

// Contract is a contract, and how it stands.
type Contract struct {
	Name string `json:"name"`
	Promise
}

// Promise is how a tier or a contract stands against its objective, by the calls
// of callers and not by attempts.
type Promise struct {
	Target  float64 `json:"target"`
	Window  float64 `json:"windowHours"`
	Latency float64 `json:"latencyMs"` // 0: any answer is in time
	Calls   uint64  `json:"calls"`     // in the window
	Bad     uint64  `json:"bad"`
	// Success is the part that was good; null if there were no calls.
	Success *float64 `json:"success"`
	// BudgetLeft is the part of the error budget that is left: 1 is all, and below 0
	// more was spent than there was.
	BudgetLeft float64 `json:"budgetLeft"`
	// Burn is how many times as fast as allowed the budget is spent in the last
	// hour, and Burns all that alarms go by. Paging says that somebody should have
	// been woken.
	Burn   float64 `json:"burn"`
	Paging bool    `json:"paging"`
	Burns  []Burn  `json:"burns"`
}

// Burn is a rule of burn rates: both windows must burn as fast as Rate.
type Burn struct {
	LongMinutes  float64 `json:"longMinutes"`
	ShortMinutes float64 `json:"shortMinutes"`
	Rate         float64 `json:"rate"`
	Long         float64 `json:"long"`
	Short        float64 `json:"short"`
	Firing       bool    `json:"firing"`
}

// Share is the part of a tier's calls that goes to a cloud.
type Share struct {
	Cloud  string          `json:"cloud"`
	Share  float64         `json:"share"`
	Reason failover.Reason `json:"reason"`
	Text   string          `json:"text"`
	P50    *float64        `json:"p50Ms"`
	P99    *float64        `json:"p99Ms"`
	// Decided counts, while observing, the calls that would have gone there.
	Decided *uint64 `json:"decided,omitempty"`
}

// Sample are the shares at a time, by tier and cloud.
type Sample struct {
	At     time.Time                     `json:"at"`
	Shares map[string]map[string]float64 `json:"shares"`
}

// Endpoints is the view of a service's endpoints.
type Endpoints struct {
	At        time.Time  `json:"at"`
	Service   string     `json:"service"`
	Protocol  string     `json:"protocol"`
	Endpoints []Endpoint `json:"endpoints"`
}

// Endpoint is one endpoint.
type Endpoint struct {
	Cloud    string `json:"cloud"`
	Endpoint string `json:"endpoint"` // as a URL with the address
	Host     string `json:"host"`
	Eligible bool   `json:"eligible"`
	Reason   string `json:"reason,omitempty"`
	InFlight int    `json:"inFlight"`
	// Utilization is what the server last reported, at Reported.
	Utilization *float64  `json:"utilization"`
	Reported    time.Time `json:"reported,omitzero"`
}

// Events is the view of the last 256 events, newest first.
type Events struct {
	At     time.Time `json:"at"`
	Events []Event   `json:"events"`
}

// Event is something that happened.
type Event struct {
	ID       uint64    `json:"id"`
	At       time.Time `json:"at"`
	Kind     string    `json:"kind"` // of balancer.EventKind
	Service  string    `json:"service,omitempty"`
	Protocol string    `json:"protocol,omitempty"`
	Cloud    string    `json:"cloud,omitempty"`
	From     string    `json:"from,omitempty"`
	To       string    `json:"to,omitempty"`
	Text     string    `json:"text,omitempty"`
}

// Config is the view of the config in force.
type Config struct {
	At time.Time `json:"at"`
	ConfigAge
	// YAML is the config with all defaults. It names the place of the level key,
	// never the key.
	YAML string `json:"yaml"`
}
