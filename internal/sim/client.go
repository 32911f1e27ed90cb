package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/internal/virtual"
	"github.com/fairlead-go/fairlead/sla"
)

// client is one process: a router and the calls it makes.
type client struct {
	world   *world
	id      int
	rand    *rand.Rand
	machine virtual.Machine
	router  *balancer.Router
	turn    func() // one step of the controller and the event of the next
	arrive  func() // one call and the event of the next

	contexts []context.Context // by tier
	parts    []float64         // by tier, cumulative, up to 1
}

func newClient(w *world, id int) (*client, error) {
	c := &client{world: w, id: id, rand: w.random()}
	c.machine = virtual.Machine{
		Now:   func() time.Duration { return w.now },
		Rand:  c.rand.Uint64,
		Probe: c.probe, Unlimited: w.Unlimited,
	}
	var err error
	c.router, err = balancer.New(w.config(), balancer.Simulated(&c.machine), balancer.WithTrace(c.trace()))
	if err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	total := 0.0
	for _, t := range w.Tiers {
		total += t.Part
	}
	sum := 0.0
	for _, t := range w.Tiers {
		sum += t.Part / total
		c.parts = append(c.parts, sum)
		c.contexts = append(c.contexts, sla.WithTier(context.Background(), t.Name))
	}
	return c, nil
}

// trace tells the result what the router does.
func (c *client) trace() balancer.Trace {
	t := balancer.Trace{
		StateChanged: func(s balancer.StateChange) {
			c.world.stateChanged(StateChange{
				At: c.world.now, Client: c.id, Cloud: s.Cloud, From: s.From, To: s.To, Reason: s.Reason,
			})
		},
	}
	if c.world.KeepPlans {
		t.PlanChanged = func(p balancer.PlanChange) {
			c.world.result.Plans[c.id] = append(c.world.result.Plans[c.id], PlanChange{At: c.world.now, Plan: p.Plan})
		}
	}
	return t
}

// start sets the client going, at a moment of its own: clients don't step
// together.
func (c *client) start() {
	w := c.world
	c.turn = func() {
		c.machine.Step()
		w.after(c.machine.StepEvery, c.turn)
	}
	w.after(time.Duration(c.rand.Float64()*float64(c.machine.StepEvery)), c.turn)
	if w.Rate <= 0 {
		return
	}
	between := float64(time.Second) * float64(w.Clients) / w.Rate
	pause := func() time.Duration { return time.Duration(c.rand.ExpFloat64() * between) }
	c.arrive = func() {
		if w.now >= w.Duration {
			return
		}
		c.call()
		w.after(pause(), c.arrive)
	}
	w.after(pause(), c.arrive)
}

// call makes a call of a tier drawn by the tiers' parts.
func (c *client) call() {
	tier, _ := slices.BinarySearch(c.parts, c.rand.Float64())
	begin(c, min(tier, len(c.parts)-1))
}

// probe asks an endpoint how it is, for the router.
func (c *client) probe(p virtual.Probe, done func(health.Outcome)) {
	w := c.world
	open := true
	end := func(o health.Outcome) {
		if open {
			open = false
			done(o)
		}
	}
	timeout := w.after(w.Health.WithDefaults().Probe.Timeout, func() {
		end(health.Outcome{Kind: health.TimedOut, Reason: "probe timeout"})
	})
	w.servers[p.Address].send(&request{probe: true, done: func(o health.Outcome) {
		w.stop(timeout)
		end(o)
	}})
}
