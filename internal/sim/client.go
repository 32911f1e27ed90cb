package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/internal/virtual"
)

// client is one process: a router and the calls it makes.
type client struct {
	world   *world
	id      int
	load    float64 // its part of the calls, relative to others
	born    time.Duration
	rand    *rand.Rand
	machine virtual.Machine
	router  *balancer.Router
	turn    func() // one step of the controller and the event of the next
	open    int    // calls that haven't ended
	left    bool
}

func newClient(w *world, id int, load float64) (*client, error) {
	c := &client{world: w, id: id, load: load, born: w.now, rand: w.random()}
	c.machine = virtual.Machine{
		Now:       func() time.Duration { return w.now - c.born },
		Rand:      c.rand.Uint64,
		Probe:     c.probe,
		LevelKey:  "the same for all clients",
		Day:       w.day,
		Wall:      w.wall,
		Unlimited: w.Unlimited,
	}
	var err error
	c.router, err = balancer.New(w.config(), balancer.Simulated(&c.machine), balancer.WithTrace(c.trace()))
	if err != nil {
		return nil, fmt.Errorf("sim: %w", err)
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
	t.ChangeEvent = func(s failover.ChangeStatus) {
		c.world.result.Moves = append(c.world.result.Moves, ChangeEvent{At: c.world.now, Client: c.id, Change: s})
	}
	if c.world.KeepPlans {
		t.PlanChanged = func(p balancer.PlanChange) {
			plans := &c.world.result.Plans[c.id]
			*plans = append(*plans, PlanChange{At: c.world.now, Plan: p.Plan})
		}
	}
	return t
}

// start sets the client going, at a moment of its own: clients don't step
// together.
func (c *client) start() {
	w := c.world
	c.turn = func() {
		if c.left && c.open == 0 {
			c.router.Close()
			return
		}
		c.machine.Step()
		w.after(c.machine.StepEvery, c.turn)
	}
	w.after(time.Duration(c.rand.Float64()*float64(c.machine.StepEvery)), c.turn)
	w.load.join(c)
}

// leave lets the client make no further calls, and end with those under way.
func (c *client) leave() {
	c.left = true
	c.world.load.leave(c)
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
	w.byAddress[p.Address].send(&request{probe: true, done: func(o health.Outcome) {
		w.stop(timeout)
		end(o)
	}})
}
