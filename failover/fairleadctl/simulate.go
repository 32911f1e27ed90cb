package main

import (
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/internal/sim"
)

func simulateCommand() *command {
	return &command{
		name: "simulate", args: "FILE", files: true,
		what: "run the config against demand and faults",
		long: `Runs routers with the config, in virtual time, against servers that carry what the file says of capacity, the demand of a CSV file and the faults that are given; then says what callers got, and with -o draws it.
The CSV file has the header "time" and tiers, and then lines with a time of day (10:00) or a duration since the beginning (90s) and the calls per second of each tier, all clients together; between the lines demand changes evenly.
A fault is CLOUD, what happens, when it begins and how long it lasts: down (connections are refused), frozen (accepted and never answered), cut (packets are lost), slow=5 (answers take five times as long), errors=0.3 (that part of the calls fails).
A cloud carries its capacity; one with a ceiling above it grows, and what it orders serves after the cloud's ready time. A cloud without capacity in the file or in -capacity is as large as needed. Servers queue what they can serve within 200 ms, push back the rest, and report their load. Of a demand with more than -calls calls a part is simulated, with clouds smaller by as much; the report says so.
The changes of the file that concern the service happen when their time comes; what became of them is in the report. -on says which day the demand's times are of, or when a demand of durations begins.
Exits with 1 if calls of a protected tier (any tier, if none is protected) failed or were shed.`,
		examples: []example{
			{"a usual day, and on-premises dies at the peak", "simulate fairlead.yaml -demand day.csv -fault 'onprem down 10:00 20m' -o report.html"},
			{"gcp is slow, and then on-premises has errors", "simulate fairlead.yaml -demand day.csv -fault 'gcp slow=5 09:30 5m' -fault 'onprem errors=0.3 10:00 5m'"},
			{"what does next Tuesday's drill do to us?", "simulate fairlead.yaml -demand day.csv -on '2026-12-08 Asia/Seoul' -o report.html"},
			{"half an hour of it, at full size", "simulate fairlead.yaml -demand day.csv -from 09:50 -until 10:20 -calls 1e8"},
		},
		setup: func(flags *flag.FlagSet) func(*env, []string) error {
			var s simulation
			s.declare(flags)
			return s.run
		},
	}
}

// simulation is what the command line asks for.
type simulation struct {
	situation
	csv         string
	faultTexts  []string
	from, until string
	on          string
	clients     int
	calls       float64
	latency     time.Duration
	seed        uint64
	out         string
	asJSON      bool

	demandOf *demand
	faults   []*struck
	subject  *subject
	begin    time.Duration // of what is simulated, since the demand's beginning
	end      time.Duration
	scale    float64           // of demand and capacities
	first    time.Time         // when the demand begins
	changes  []failover.Change // that concern the service
}

func (s *simulation) declare(flags *flag.FlagSet) {
	s.declareService(flags)
	flags.StringVar(&s.csv, "demand", "", "the `CSV` file with the demand over time; needed")
	flags.Func("fault", "a `FAULT` such as 'onprem down 10:00 20m'; may be given more than once", func(text string) error {
		s.faultTexts = append(s.faultTexts, text)
		return nil
	})
	s.capacity = map[string]float64{}
	flags.Func("capacity", "what a cloud really carries, as `CLOUD=RPS`, whatever the file says", pairs(s.capacity, positive))
	flags.StringVar(&s.from, "from", "", "the `TIME` at which to begin (default that of the demand)")
	flags.StringVar(&s.until, "until", "", "the `TIME` at which to end (default that of the demand)")
	flags.StringVar(&s.on, "on", "", "the `DAY` of the demand's times, such as 2026-12-08 or \"2026-12-08 Asia/Seoul\", or the time at which a demand of durations begins (default today, UTC, or now)")
	flags.DurationVar(&s.latency, "latency", 10*time.Millisecond, "the mean `DURATION` that servers take for a call")
	flags.IntVar(&s.clients, "clients", 4, "the `NUMBER` of client processes")
	flags.Float64Var(&s.calls, "calls", 5e6, "the most calls to simulate, as a `NUMBER` (default 5e6)")
	flags.Uint64Var(&s.seed, "seed", 1, "the `NUMBER` that decides everything left to chance")
	flags.StringVar(&s.out, "o", "", "write a report with charts to `FILE`, which ends in .html or .svg")
	flags.BoolVar(&s.asJSON, "json", false, "write JSON")
}

func (s *simulation) run(e *env, args []string) error {
	file, err := oneFile(args)
	if err != nil {
		return err
	}
	switch ext := filepath.Ext(s.out); {
	case s.csv == "":
		return usagef("-demand must name a CSV file")
	case s.out != "" && ext != ".html" && ext != ".svg":
		return usagef("-o must end in .html or .svg, is %q", s.out)
	case s.clients < 1 || s.clients > 1000:
		return usagef("-clients must be from 1 to 1000, is %d", s.clients)
	case !(s.calls >= 1 && s.calls <= 1e10):
		return usagef("-calls must be from 1 to 1e10, is %v", s.calls)
	case s.latency < 100*time.Microsecond || s.latency > time.Minute:
		return usagef("-latency must be from 100µs to 1m, is %v", s.latency)
	}
	cfg, err := balancer.Load(file)
	if err != nil {
		return err
	}
	if s.demandOf, err = readDemand(s.csv); err != nil {
		return err
	}
	if err := s.prepare(cfg, e.now()); err != nil {
		return err
	}
	result, err := sim.Run(s.scenario(cfg))
	if err != nil {
		return err
	}
	r := s.report(file, cfg, result)
	if err := s.draw(r); err != nil {
		return err
	}
	return e.conclude(r.Served, s.asJSON, r, func(w io.Writer) { r.write(w, s.out) })
}

// prepare reads what depends on the config and the demand.
func (s *simulation) prepare(cfg *balancer.Config, now time.Time) (err error) {
	service, protocol, err := s.only(cfg)
	if err != nil {
		return err
	}
	calm := *cfg
	calm.Changes, calm.Observe = nil, ""
	s.situation.service, s.situation.protocol = service, protocol.String()
	if s.subject, err = s.situation.subject(&calm, service, now); err != nil {
		return err
	}
	in := &s.subject.input
	for _, tier := range s.demandOf.tiers {
		if !slices.ContainsFunc(in.Tiers, tierNamed(tier)) {
			return fmt.Errorf("%s:1: %q is none of the tiers in the file: the header must be \"time\" and some of %s", s.csv, tier, strings.Join(tierNames(in), ", "))
		}
	}
	for _, text := range s.faultTexts {
		f, err := readFault(text, s.demandOf)
		if err != nil {
			return usagef("-fault %q: %v", text, err)
		}
		if !slices.ContainsFunc(in.Clouds, func(c failover.Cloud) bool { return c.Name == f.Cloud }) {
			return usagef("-fault %q: %s is none of the clouds of %s", text, f.Cloud, service)
		}
		s.faults = append(s.faults, f)
	}
	if s.first, err = s.demandOf.begins(s.on, now); err != nil {
		return usagef("-on: %v", err)
	}
	s.changes = concerning(cfg, service)
	s.begin, s.end = 0, s.demandOf.lasts()
	for _, t := range []struct {
		flag, text string
		into       *time.Duration
	}{{"-from", s.from, &s.begin}, {"-until", s.until, &s.end}} {
		if t.text == "" {
			continue
		}
		if *t.into, err = s.demandOf.since(t.text); err != nil {
			return usagef("%s: %v", t.flag, err)
		}
	}
	if s.begin >= s.end {
		return usagef("-from must be earlier than -until")
	}
	calls := s.demandOf.calls(s.begin, s.end)
	if calls == 0 {
		return usagef("there is no demand in that time")
	}
	s.scale = min(1, s.calls/calls)
	return nil
}

func tierNames(in *failover.Input) (all []string) {
	for _, t := range in.Tiers {
		all = append(all, t.Name)
	}
	return all
}

// scenario is the simulation as package sim runs it.
func (s *simulation) scenario(cfg *balancer.Config) sim.Scenario {
	in := &s.subject.input
	parts, total := s.demandOf.parts(tierNames(in), s.begin, s.scale)
	x := sim.Scenario{
		Seed: s.seed, Duration: s.end - s.begin, Clients: s.clients, Demand: total,
		Health: cfg.Health, Failover: cfg.Failover, Retry: cfg.Retry,
		Planned: s.changes, Begins: s.first.Add(s.begin),
		SampleEvery: max(time.Second, ((s.end - s.begin) / 1000).Round(time.Second)), Long: true,
	}
	if cfg.Instances > 0 {
		x.Instances = s.clients
	}
	for i, t := range in.Tiers {
		x.Tiers = append(x.Tiers, sim.Tier{Tier: t, Parts: parts[i], Part: 1})
	}
	for i := range in.Clouds {
		x.Clouds = append(x.Clouds, s.cloud(cfg, &in.Clouds[i]))
	}
	for _, f := range s.faults {
		one := f.Fault
		if one.Until > 0 && one.Until <= s.begin {
			continue
		}
		one.From = max(0, one.From-s.begin)
		if one.Until > 0 {
			one.Until -= s.begin
		}
		x.Faults = append(x.Faults, one)
	}
	return x
}

// longestQueue is how long the last call in a server's queue waits. More are pushed
// back.
const longestQueue = 200 * time.Millisecond

// cloud is one of the config's as package sim has it.
func (s *simulation) cloud(cfg *balancer.Config, in *failover.Cloud) sim.Cloud {
	has := cfg.Services[s.subject.service].Clouds[in.Name]
	endpoints := len(has.HTTP)
	if s.subject.protocol == balancer.GRPC {
		endpoints = len(has.GRPC)
	}
	c := sim.Cloud{
		Name: in.Name, Weight: in.Weight, Endpoints: endpoints,
		Server:   sim.Server{Service: sim.Delay{Least: s.latency / 2, Spread: s.latency / 2}, Report: time.Second},
		Capacity: has.Capacity * s.scale, Ceiling: has.Ceiling * s.scale,
		Carries: in.Capacity * s.scale,
	}
	if in.Capacity == 0 {
		_, most := s.demandOf.parts(tierNames(&s.subject.input), s.begin, s.scale)
		for _, p := range most {
			c.Carries = math.Max(c.Carries, 2*p.Value)
		}
	}
	c.Carries = math.Max(c.Carries, 1)
	c.Server.Queue = max(int(c.Carries/float64(endpoints)*longestQueue.Seconds()), 4)
	if has.Ceiling > has.Capacity && has.Ceiling > in.Capacity {
		ready := cfg.Clouds[in.Name].Ready
		if ready == 0 {
			ready = 30 * time.Second
		}
		c.Autoscaler = &sim.Autoscaler{Lag: ready, Ceiling: has.Ceiling * s.scale}
	}
	return c
}

// draw writes the report with charts.
func (s *simulation) draw(r *simulated) error {
	if s.out == "" {
		return nil
	}
	text, err := r.svg()
	if err == nil && filepath.Ext(s.out) == ".html" {
		text, err = r.html(text)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(s.out, []byte(text), 0o644)
}

// unknownCapacities are the clouds that are as large as needed.
func (s *simulation) unknownCapacities() (names []string) {
	for _, c := range s.subject.input.Clouds {
		if c.Capacity == 0 {
			names = append(names, c.Name)
		}
	}
	return names
}
