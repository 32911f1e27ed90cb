package main

import (
	"flag"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
)

// situation is what the command line says of the world that a config is to be
// planned for.
type situation struct {
	service  string
	protocol string
	at       string
	down     []string
	demand   map[string]float64 // by tier, or service/tier
	capacity map[string]float64 // by cloud
	healthy  map[string]float64 // by cloud
}

func (s *situation) declare(flags *flag.FlagSet) {
	s.declareService(flags)
	flags.StringVar(&s.at, "at", "now", "the `TIME`, which decides which changes of the file are in force, such as 2026-12-01T03:00:00+09:00 or +2h")
	flags.Func("down", "a `CLOUD` that is lost; may be given more than once", func(text string) error {
		s.down = append(s.down, text)
		return nil
	})
	s.declareDemand(flags)
	s.capacity, s.healthy = map[string]float64{}, map[string]float64{}
	flags.Func("capacity", "how many calls per second a cloud can carry, as `CLOUD=RPS`, whatever the file says", pairs(s.capacity, positive))
	flags.Func("healthy", "which part of a cloud's endpoints may be used, as `CLOUD=FRACTION`, such as 0.5 or 50%", pairs(s.healthy, fraction))
}

func (s *situation) declareService(flags *flag.FlagSet) {
	flags.StringVar(&s.service, "service", "", "the `SERVICE` that is meant; needed where the file has several")
	flags.StringVar(&s.protocol, "protocol", "", "http or grpc, the `PROTOCOL`, for a service that speaks both (default http)")
}

func (s *situation) declareDemand(flags *flag.FlagSet) {
	s.demand = map[string]float64{}
	flags.Func("demand", "how many calls per second are offered of a tier, as `TIER=RPS`; may be given for each", pairs(s.demand, amount))
}

// pairs reads NAME=VALUE.
func pairs(into map[string]float64, value func(string) (float64, error)) func(string) error {
	return func(text string) error {
		name, number, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return fmt.Errorf("it must be NAME=NUMBER")
		}
		if _, twice := into[name]; twice {
			return fmt.Errorf("%s is given twice", name)
		}
		v, err := value(number)
		into[name] = v
		return err
	}
}

func amount(text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0 && v <= 1e9) {
		return 0, fmt.Errorf("it must be a number of calls per second from 0 to 1e9")
	}
	return v, nil
}

func positive(text string) (float64, error) {
	v, err := amount(text)
	if err == nil && v == 0 {
		err = fmt.Errorf("it must be above 0; -down says that a cloud is lost")
	}
	return v, err
}

func fraction(text string) (float64, error) {
	number, isPercent := strings.CutSuffix(text, "%")
	v, err := strconv.ParseFloat(number, 64)
	if isPercent {
		v /= 100
	}
	if err != nil || !(v >= 0 && v <= 1) {
		return 0, fmt.Errorf("it must be a fraction from 0 to 1, or from 0%% to 100%%")
	}
	return v, nil
}

// subject is a service over a protocol, as a plan sees it.
type subject struct {
	service  string
	protocol balancer.Protocol
	at       time.Time
	config   *balancer.Config
	input    failover.Input
	changes  []failover.ChangeStatus // that concern it and are in force, or should be
	down     []string
	given    map[string]bool // the tiers whose demand is known
}

func (s *subject) String() string { return s.service + " over " + s.protocol.String() }

// subjects returns what the situation is about: one service or, if it says nothing
// that is about one, all of them.
func (s *situation) subjects(cfg *balancer.Config, now time.Time) ([]*subject, error) {
	at, err := s.moment(now)
	if err != nil {
		return nil, err
	}
	services := slices.Sorted(maps.Keys(cfg.Services))
	one := len(s.demand)+len(s.capacity)+len(s.healthy) > 0
	switch {
	case s.service != "":
		services = []string{s.service}
	case len(services) > 1 && one:
		return nil, usagef("-service must say which service is meant: the file has %s", list(services))
	}
	var all []*subject
	for _, service := range services {
		one, err := s.subject(cfg, service, at)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// moment is the time that is asked about.
func (s *situation) moment(now time.Time) (time.Time, error) {
	at, err := moments(s.at, now)
	if err != nil {
		return at, usagef("-at: %v", err)
	}
	return at, nil
}

// only is subjects for what is about one service.
func (s *situation) only(cfg *balancer.Config) (string, balancer.Protocol, error) {
	services := slices.Sorted(maps.Keys(cfg.Services))
	service := s.service
	if service == "" {
		if len(services) > 1 {
			return "", 0, usagef("-service must say which service is meant: the file has %s", list(services))
		}
		service = services[0]
	}
	p, err := speaks(cfg, service, s.protocol)
	return service, p, err
}

// speaks returns the protocol that is meant.
func speaks(cfg *balancer.Config, service, protocol string) (balancer.Protocol, error) {
	spec, known := cfg.Services[service]
	if !known {
		return 0, usagef("-service must be one of the services (%s), is %q", strings.Join(slices.Sorted(maps.Keys(cfg.Services)), ", "), service)
	}
	has := map[string]bool{}
	for _, c := range spec.Clouds {
		has["http"] = has["http"] || len(c.HTTP) > 0
		has["grpc"] = has["grpc"] || len(c.GRPC) > 0
	}
	switch {
	case protocol == "" && has["http"], protocol == "http" && has["http"]:
		return balancer.HTTP, nil
	case protocol == "" && has["grpc"], protocol == "grpc" && has["grpc"]:
		return balancer.GRPC, nil
	case protocol == "http", protocol == "grpc":
		return 0, usagef("-protocol: service %s has no %s endpoints", service, protocol)
	}
	return 0, usagef("-protocol must be http or grpc, is %q", protocol)
}

// subject returns a service in the situation.
func (s *situation) subject(cfg *balancer.Config, service string, at time.Time) (*subject, error) {
	protocol, err := speaks(cfg, service, s.protocol)
	if err != nil {
		return nil, err
	}
	paper, err := cfg.Paper(service, protocol, at)
	if err != nil {
		return nil, err
	}
	subject := &subject{service: service, protocol: protocol, at: at, config: cfg, input: paper.Input, down: s.down, given: map[string]bool{}}
	for _, c := range paper.Changes {
		due := !at.Before(c.Begins) && (c.Until.IsZero() || at.Before(c.Until))
		if due && c.Concerns(service) {
			subject.changes = append(subject.changes, c)
		}
	}
	return subject, s.apply(subject)
}

// apply changes the input to what the situation says.
func (s *situation) apply(to *subject) error {
	in := &to.input
	cloud := func(flag, name string) (*failover.Cloud, error) {
		i := slices.IndexFunc(in.Clouds, func(c failover.Cloud) bool { return c.Name == name })
		if i >= 0 {
			return &in.Clouds[i], nil
		}
		if _, elsewhere := to.config.Clouds[name]; elsewhere && len(to.config.Services) > 1 {
			return nil, nil // another service has it
		}
		var have []string
		for _, c := range in.Clouds {
			have = append(have, c.Name)
		}
		return nil, usagef("%s must be one of the clouds of %v (%s), is %q", flag, to, strings.Join(have, ", "), name)
	}
	for _, name := range s.down {
		c, err := cloud("-down", name)
		if err != nil {
			return err
		}
		if c != nil {
			c.State = health.Down
		}
	}
	for name, v := range s.capacity {
		c, err := cloud("-capacity", name)
		if err != nil {
			return err
		}
		if c != nil {
			c.Capacity, c.Ceiling = v, math.Max(v, c.Ceiling)
		}
	}
	for name, v := range s.healthy {
		c, err := cloud("-healthy", name)
		if err != nil {
			return err
		}
		if c != nil {
			c.Healthy = v
		}
	}
	return s.demands(to)
}

// demands sets the demand of the tiers.
func (s *situation) demands(to *subject) error {
	in := &to.input
	for key, v := range s.demand {
		service, tier, qualified := strings.Cut(key, "/")
		if !qualified {
			service, tier = to.service, key
		}
		if service != to.service {
			if _, known := to.config.Services[service]; known {
				continue
			}
			return usagef("-demand %s: no such service", key)
		}
		i := slices.IndexFunc(in.Tiers, tierNamed(tier))
		if i < 0 {
			var have []string
			for _, t := range in.Tiers {
				have = append(have, t.Name)
			}
			return usagef("-demand must be of one of the tiers (%s), is of %q", strings.Join(have, ", "), tier)
		}
		if in.Demand == nil {
			in.Demand = make([]float64, len(in.Tiers))
		}
		in.Demand[i] = v
		to.given[tier] = true
	}
	return nil
}

// total is the demand of all tiers.
func (s *subject) total() (sum float64) {
	for _, d := range s.input.Demand {
		sum += d
	}
	return sum
}

// moments reads a time: RFC 3339, now, or +DURATION from now on.
func moments(text string, now time.Time) (time.Time, error) {
	now = now.UTC().Truncate(time.Second)
	if text == "now" {
		return now, nil
	}
	if later, ok := strings.CutPrefix(text, "+"); ok {
		d, err := time.ParseDuration(later)
		if err != nil || d < 0 {
			return time.Time{}, fmt.Errorf("it must be + and a duration with a unit, such as +90m, is %q", text)
		}
		return now.Add(d), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("it must be a time such as 2026-12-01T03:00:00+09:00, now, or +90m, is %q", text)
	}
	return t, nil
}
