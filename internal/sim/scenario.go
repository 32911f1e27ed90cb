package sim

import (
	"fmt"
	"math/rand/v2"
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
	// Rate is the number of calls per second of all clients together. They
	// come independently of each other and of answers (a Poisson process).
	Rate float64
	// Clouds are where the service runs. At least one.
	Clouds []Cloud
	// Tiers are the classes of calls, most critical first. Default: one
	// protected tier with a timeout of 800 ms and 3 attempts.
	Tiers []Tier
	// Faults are what goes wrong.
	Faults []Fault

	// Health, Failover and Retry are the settings of all clients.
	Health   health.Settings
	Failover failover.Settings
	Retry    failover.BudgetSettings

	// Unlimited is that of virtual.Machine.
	Unlimited bool
	// KeepPlans makes the result keep the plans of all clients. They need much
	// memory where many clients move shares for long.
	KeepPlans bool
	// EndAt, if set, is asked at each change of state whether to end at once.
	EndAt func(StateChange) bool
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
}

// Tier is a tier and its part of the calls.
type Tier struct {
	sla.Tier
	// Part is relative to the parts of the other tiers. Default: 1.
	Part float64
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
	w.run()
	return w.result, nil
}

func (s Scenario) withDefaults() Scenario {
	s.Clients = max(s.Clients, 1)
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
	if len(s.Tiers) == 0 {
		s.Tiers = []Tier{{Tier: sla.Tier{Name: "critical", Protected: true, Timeout: 800 * time.Millisecond, Attempts: 3}}}
	}
	tiers := make([]Tier, len(s.Tiers))
	for i, t := range s.Tiers {
		if t.Part == 0 {
			t.Part = 1
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
		Health: s.Health, Failover: s.Failover, Retry: s.Retry,
	}
	clouds := make(map[string]balancer.ServiceCloud)
	for i, c := range s.Clouds {
		cfg.Clouds[c.Name] = balancer.Cloud{Weight: c.Weight}
		var urls []string
		for k := range c.Endpoints {
			urls = append(urls, "http://"+address(i, k))
		}
		clouds[c.Name] = balancer.ServiceCloud{HTTP: urls}
	}
	cfg.Services = map[string]balancer.Service{service: {Clouds: clouds}}
	for _, t := range s.Tiers {
		cfg.Tiers = append(cfg.Tiers, t.Tier)
	}
	return cfg
}

// world is a scenario under way.
type world struct {
	Scenario
	loop
	result  *Result
	servers map[string]*server // by address
	byCloud map[string][]*server
	clients []*client
	streams uint64 // of random numbers
	open    int    // calls that haven't ended
	ended   bool   // by EndAt
}

func newWorld(s Scenario) (*world, error) {
	w := &world{
		Scenario: s,
		result:   newResult(&s),
		servers:  make(map[string]*server),
		byCloud:  make(map[string][]*server),
	}
	for i, c := range s.Clouds {
		for k := range c.Endpoints {
			server := &server{loop: &w.loop, rand: w.random(), spec: c.Server, path: c.Network, place: k, slow: 1}
			w.servers[address(i, k)] = server
			w.byCloud[c.Name] = append(w.byCloud[c.Name], server)
		}
	}
	for _, f := range s.Faults {
		if err := w.schedule(f); err != nil {
			return nil, err
		}
	}
	for id := range s.Clients {
		c, err := newClient(w, id)
		if err != nil {
			return nil, err
		}
		w.clients = append(w.clients, c)
	}
	return w, nil
}

// random returns a source of random numbers of its own, so that one actor's
// draws don't shift those of another.
func (w *world) random() *rand.Rand {
	w.streams++
	return rand.New(rand.NewPCG(w.Seed, w.streams))
}

// schedule sets the events of a fault.
func (w *world) schedule(f Fault) error {
	servers := w.byCloud[f.Cloud]
	if f.Endpoints > len(servers) || len(servers) == 0 {
		return fmt.Errorf("sim: a fault strikes %d endpoints of cloud %q, which has %d", f.Endpoints, f.Cloud, len(servers))
	}
	if f.Endpoints > 0 {
		servers = servers[:f.Endpoints]
	}
	w.at(f.From, func() {
		for _, s := range servers {
			f.begin(s)
		}
	})
	if f.Until > 0 {
		w.at(f.Until, func() {
			for _, s := range servers {
				f.end(s)
			}
		})
	}
	return nil
}

// grace is how long calls without a deadline may go on after the end.
const grace = time.Minute

// run runs the scenario to its end.
func (w *world) run() {
	for _, c := range w.clients {
		c.start()
	}
	for !w.ended && w.now < w.Duration && w.step(w.Duration) {
	}
	for !w.ended && w.open > 0 && w.step(w.Duration+grace) {
	}
	for _, c := range w.clients {
		c.router.Close()
	}
	w.result.Took = w.now
	w.result.Events = w.set
	w.result.Unfinished = w.open
}
