package sim

import (
	"fmt"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// Scenario says what is simulated: clients that call one service in some
// clouds, and what goes wrong meanwhile.
type Scenario struct {
	// Seed decides everything that is left to chance. The same scenario with
	// the same seed runs the same way.
	Seed uint64
	// Duration is how long clients make calls. Those that are under way then
	// are brought to their end.
	Duration time.Duration
	// Clients is the number of processes, each with a router of its own.
	// Default: 1.
	Clients int
	// Groups are clients beside these, which come later or leave early.
	Groups []Group
	// Rate is the number of calls per second of all clients together. They
	// come independently of each other and of answers (a Poisson process), each
	// from any of the clients that are there.
	Rate float64
	// Demand, if set, takes the place of Rate: the calls per second over time.
	Demand Profile
	// Clouds are where the service runs. At least one.
	Clouds []Cloud
	// Tiers are the classes of calls, most critical first. Default: one
	// protected tier with a timeout of 800 ms and 3 attempts.
	Tiers []Tier
	// Faults are what goes wrong.
	Faults []Fault

	// Planned are the changes that the clients' config has. Their times are those of
	// the clients' clock.
	Planned []failover.Change
	// Begins is what the clients' clock shows when the simulation begins. Default:
	// [Epoch].
	Begins time.Time
	// Clock are the times at which somebody sets the clients' clock.
	Clock []ClockJump

	// Instances is what the clients' config says of their number. Default: it
	// says nothing, and capacities are no part of the plan.
	Instances int
	// Midnight is when the levels of customers change: the day of the clients'
	// routers is 0 before and 1 from then on. Default: never.
	Midnight time.Duration
	// Health, Failover and Retry are the settings of all clients.
	Health   health.Settings
	Failover failover.Settings
	Retry    failover.BudgetSettings

	// Unlimited is that of virtual.Machine.
	Unlimited bool
	// SampleEvery is the resolution of the result's samples. Default: 1 s.
	SampleEvery time.Duration
	// Watch, if set, is told each sample as soon as there is one.
	Watch func(*Sample)
	// Long says that the result is to keep no Series, of which there are ten
	// numbers per second for each endpoint: samples say what happened.
	Long bool
	// KeepPlans makes the result keep the plans of all clients, and KeepClients
	// what each sent where. Both need much memory where many clients run for long.
	KeepPlans, KeepClients bool
	// EndAt, if set, is asked at each change of state whether to end at once.
	EndAt func(StateChange) bool
}

// Epoch is when a simulation begins that doesn't say: a Monday's midnight.
var Epoch = time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)

// ClockJump sets the time of day forward or, if By is negative, back.
type ClockJump struct{ At, By time.Duration }

// wall is the time of day.
func (w *world) wall() time.Time {
	now := w.Begins.Add(w.now)
	for _, jump := range w.Clock {
		if w.now >= jump.At {
			now = now.Add(jump.By)
		}
	}
	return now
}

// Cloud is one cloud with its share of the traffic, its endpoints and the
// network before them.
type Cloud struct {
	Name   string
	Weight uint32
	// Endpoints is how many there are. Default: 10.
	Endpoints int
	// Network is how long a message travels one way. Default: 0.5 ms and an
	// exponential part of 0.2 ms.
	Network Delay
	Server  Server

	// Capacity and Ceiling are what the clients' config says of the cloud, true
	// or not. Default: it says nothing.
	Capacity, Ceiling float64
	// Carries is how many calls per second its endpoints really serve, all
	// together: so many workers, which make up for what remains of a worker by
	// their pace. Default: endpoints × workers ÷ mean service time.
	Carries float64
	// Growth is what it carries later, each value from its time on, when
	// new nodes behind the endpoints are ready.
	Growth []Point
	// Autoscaler, if set, grows the cloud as clients ask for it.
	Autoscaler *Autoscaler
}

// Tier is a tier and its part of the calls.
type Tier struct {
	sla.Tier
	// Part is relative to the parts of the other tiers. Default: 1.
	Part float64
	// Parts, if set, takes the place of Part: the part over time.
	Parts Profile
	// Customers is how many callers the tier's calls are for, all with equally
	// many calls: their levels are those of customers. Default: calls name no
	// caller, and each has a level of its own.
	Customers int
}

// service is the name of the one service there is.
const service = "routing-api"

// Run simulates a scenario. The error is about a scenario that makes no valid
// config.
func Run(s Scenario) (*Result, error) {
	w, err := newWorld(s.withDefaults())
	if err != nil {
		return nil, err
	}
	if err := w.run(); err != nil {
		return nil, err
	}
	return w.result, nil
}

func (s Scenario) withDefaults() Scenario {
	s.Clients = max(s.Clients, 1)
	if s.Begins.IsZero() {
		s.Begins = Epoch
	}
	clouds := make([]Cloud, len(s.Clouds))
	for i, c := range s.Clouds {
		if c.Endpoints == 0 {
			c.Endpoints = 10
		}
		if c.Network == (Delay{}) {
			c.Network = Delay{Least: 500 * time.Microsecond, Spread: 200 * time.Microsecond}
		}
		c.Server = c.Server.withDefaults()
		clouds[i] = c
	}
	s.Clouds = clouds
	if len(s.Demand) == 0 {
		s.Demand = Steady(s.Rate)
	}
	if s.SampleEvery == 0 {
		s.SampleEvery = time.Second
	}
	if len(s.Tiers) == 0 {
		s.Tiers = []Tier{{Tier: sla.Tier{Name: "critical", Protected: true, Timeout: 800 * time.Millisecond, Attempts: 3}}}
	}
	tiers := make([]Tier, len(s.Tiers))
	for i, t := range s.Tiers {
		if t.Part == 0 {
			t.Part = 1
		}
		if len(t.Parts) == 0 {
			t.Parts = Steady(t.Part)
		}
		if t.Attempts == 0 {
			t.Attempts = 2 // as the config has it
		}
		tiers[i] = t
	}
	s.Tiers = tiers
	return s
}

// address is that of an endpoint of a cloud, both counted from 0.
func address(cloud, endpoint int) string {
	return fmt.Sprintf("10.%d.%d.%d:80", cloud, endpoint/256, endpoint%256)
}

// config is what each client gets.
func (s *Scenario) config() *balancer.Config {
	cfg := &balancer.Config{
		Clouds: make(map[string]balancer.Cloud),
		Health: s.Health, Failover: s.Failover, Retry: s.Retry, Instances: s.Instances,
		Changes: s.Planned,
	}
	clouds := make(map[string]balancer.ServiceCloud)
	for i, c := range s.Clouds {
		cfg.Clouds[c.Name] = balancer.Cloud{Weight: c.Weight}
		var urls []string
		for k := range c.Endpoints {
			urls = append(urls, "http://"+address(i, k))
		}
		clouds[c.Name] = balancer.ServiceCloud{HTTP: urls, Capacity: c.Capacity, Ceiling: c.Ceiling}
	}
	cfg.Services = map[string]balancer.Service{service: {Clouds: clouds}}
	for _, t := range s.Tiers {
		cfg.Tiers = append(cfg.Tiers, t.Tier)
	}
	return cfg
}
