package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// world is a scenario under way.
type world struct {
	Scenario
	loop
	result    *Result
	byAddress map[string]*server
	servers   [][]*server // by cloud
	carrying  []float64   // calls per second, by cloud
	wants     []float64   // what clients asked for, by cloud
	asked     time.Duration
	clients   []*client
	load      *load
	sampler   *sampler
	streams   uint64 // of random numbers
	open      int    // calls that haven't ended
	ended     bool   // by EndAt
	err       error

	// To be used again.
	calls    []*call
	requests []*request
}

func newWorld(s Scenario) (*world, error) {
	w := &world{
		Scenario:  s,
		result:    newResult(&s),
		byAddress: make(map[string]*server),
		wants:     make([]float64, len(s.Clouds)),
	}
	w.result.world = w
	for i, c := range s.Clouds {
		servers := make([]*server, c.Endpoints)
		for k := range servers {
			one := newServer(&w.loop, w.random(), c.Server)
			one.path, one.cloud, one.place, one.tiers = c.Network, i, k, len(s.Tiers)
			servers[k] = one
			w.byAddress[address(i, k)] = one
		}
		w.servers = append(w.servers, servers)
		w.carrying = append(w.carrying, c.Server.carries(c.Endpoints))
		if err := w.limit(i); err != nil {
			return nil, err
		}
	}
	for _, f := range s.Faults {
		if err := w.schedule(f); err != nil {
			return nil, err
		}
	}
	for range s.Clients {
		if err := w.join(1); err != nil {
			return nil, err
		}
	}
	w.load = newLoad(w)
	for _, g := range s.Groups {
		w.expect(g)
	}
	w.sampler = newSampler(w)
	return w, nil
}

// limit sets what a cloud carries, now and later.
func (w *world) limit(cloud int) error {
	c := &w.Clouds[cloud]
	if c.Carries > 0 {
		w.carry(cloud, c.Carries)
	}
	for _, p := range c.Growth {
		if p.Value <= 0 {
			return fmt.Errorf("sim: cloud %q is to carry %v calls per second", c.Name, p.Value)
		}
		w.at(p.At, func() { w.carry(cloud, p.Value) })
	}
	if c.Autoscaler == nil {
		return nil
	}
	if len(c.Growth) > 0 {
		return fmt.Errorf("sim: cloud %q has both growth and an autoscaler", c.Name)
	}
	newScaler(w, cloud, *c.Autoscaler)
	return nil
}

// join makes one more client.
func (w *world) join(load float64) error {
	w.result.joined(len(w.clients))
	c, err := newClient(w, len(w.clients), load)
	if err != nil {
		return err
	}
	w.clients = append(w.clients, c)
	return nil
}

// expect sets the events of a group of clients.
func (w *world) expect(g Group) {
	if g.Load == 0 {
		g.Load = 1
	}
	var group []*client
	w.at(g.From, func() {
		for range g.Clients {
			if err := w.join(g.Load); err != nil {
				w.err = errors.Join(w.err, err)
				w.ended = true
				return
			}
			c := w.clients[len(w.clients)-1]
			group = append(group, c)
			c.start()
		}
	})
	if g.Until > 0 {
		w.at(g.Until, func() {
			for _, c := range group {
				c.leave()
			}
		})
	}
}

// day is that of the levels.
func (w *world) day() int64 {
	if w.Midnight > 0 && w.now >= w.Midnight {
		return 1
	}
	return 0
}

// random returns a source of random numbers of its own, so that one actor's
// draws don't shift those of another.
func (w *world) random() *rand.Rand {
	w.streams++
	return rand.New(rand.NewPCG(w.Seed, w.streams))
}

// schedule sets the events of a fault.
func (w *world) schedule(f Fault) error {
	var servers []*server
	if i := slices.IndexFunc(w.Clouds, func(c Cloud) bool { return c.Name == f.Cloud }); i >= 0 {
		servers = w.servers[i]
	}
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
func (w *world) run() error {
	for _, c := range w.clients {
		c.start()
	}
	w.load.next()
	for !w.ended && w.now < w.Duration && w.step(w.Duration) {
	}
	for !w.ended && w.open > 0 && w.step(w.Duration+grace) {
	}
	w.sampler.end()
	for _, c := range w.clients {
		c.router.Close()
	}
	w.result.Took = w.now
	w.result.Events = w.set
	w.result.Unfinished = w.open
	w.result.world = nil
	return w.err
}
