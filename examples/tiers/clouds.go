package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/balancertest"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/internal/admission"
	"github.com/fairlead-go/fairlead/sla"
)

const (
	service = "routing-api"
	latency = 20 * time.Millisecond // of an answer, usually
)

// capacities are the calls per second that each cloud can carry.
var capacities = map[string]float64{"onprem": 600, "gcp": 400}

// tiers are the classes of calls, most critical first. Nobody can promise batch calls
// what the tier aims at while so many come: in the report its budget is overdrawn,
// and that of the one contract there isn't, which was promised less.
var tiers = []sla.Tier{
	{Name: "critical", Protected: true, Timeout: 800 * time.Millisecond, Attempts: 3,
		Objective: sla.Objective{Target: 0.999, Latency: 500 * time.Millisecond}},
	{Name: "standard", Timeout: 2 * time.Second,
		Objective: sla.Objective{Target: 0.99, Latency: 800 * time.Millisecond}},
	{Name: "batch", Timeout: 2 * time.Second,
		Objective: sla.Objective{Target: 0.9, Latency: 1500 * time.Millisecond}},
}

// clouds are clouds in memory that can carry so much and no more.
type clouds struct {
	*balancertest.Clouds
	gates    map[string]*gate
	attempts atomic.Int64 // that got through the gates
}

func newClouds() *clouds {
	c := &clouds{Clouds: balancertest.New(3, "onprem", "gcp"), gates: make(map[string]*gate)}
	for name, capacity := range capacities {
		c.Cloud(name).SetLatency(latency)
		c.gates[name] = &gate{perSecond: capacity}
	}
	return c
}

// config is what fairlead.yaml would say.
func (c *clouds) config() *balancer.Config {
	cfg := c.Config(service)
	for name, capacity := range capacities {
		cloud := cfg.Services[service].Clouds[name]
		cloud.Capacity = capacity
		cfg.Services[service].Clouds[name] = cloud
		cfg.Clouds[name] = balancer.Cloud{Weight: uint32(capacity)}
	}
	cfg.Instances = 1
	cfg.Tiers = tiers
	cfg.Assign = []sla.Rule{
		{Product: "dispatch", Tier: "critical"},
		{Product: "maps", Tier: "standard"},
	}
	for _, s := range streams {
		if s.contract.Name != "" {
			cfg.Contracts = append(cfg.Contracts, s.contract)
		}
	}
	return cfg
}

// try makes an attempt of [balancer.Do].
func (c *clouds) try(ctx context.Context, at balancer.Attempt) (string, health.Outcome, error) {
	tier := slices.IndexFunc(tiers, func(t sla.Tier) bool { return t.Name == at.Tier() })
	if !c.gates[at.Cloud()].enter(time.Now(), tier) {
		return "", health.Outcome{Kind: health.Overloaded, Reason: "full"}, errFull
	}
	c.attempts.Add(1)
	return c.Try(ctx, at)
}

var errFull = errors.New("there is too much to do")

// gate lets as many calls through as a cloud can carry. When little is left it
// keeps that for the more critical tiers, as servers do with cloudhttp.Middleware.
type gate struct {
	perSecond float64

	mu     sync.Mutex
	filled float64 // calls that are to be done
	at     time.Time
}

// enter reports whether there is room for a call of a tier.
func (g *gate) enter(now time.Time, tier int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.filled = max(0, g.filled-g.perSecond*now.Sub(g.at).Seconds())
	g.at = now
	const queue = 0.25 // s
	if g.filled >= float64(admission.Limit(int(queue*g.perSecond), tier, len(tiers))) {
		return false
	}
	g.filled++
	return true
}
