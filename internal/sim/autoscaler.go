package sim

import (
	"slices"
	"time"
)

// Autoscaler grows a cloud as the clients' routers ask for it. Each second it
// sums up the capacity that their plans desire (failover.CloudPlan.Desired, as their
// status tells it). More than there is, it orders at once; that serves Lag later, by
// more workers at the endpoints, as behind a load balancer. Less is given back once
// nobody has desired more for Hold, as the stabilization window of Kubernetes'
// autoscaler has it.
type Autoscaler struct {
	// Lag is the time from an order until it serves. Default: 20 s.
	Lag time.Duration
	// Ceiling is the most that it grows to, in calls per second. Default: the
	// cloud's Ceiling.
	Ceiling float64
	// Target is how much of the cloud is to be used, 0…1: it orders the desired
	// capacity ÷ Target, as autoscalers of pods do. Default: 0.8.
	Target float64
	// Hold is how long capacity stays after it was desired last. Default: 5 min.
	Hold time.Duration
}

const scaleEvery = time.Second

// scaler is an autoscaler at work.
type scaler struct {
	Autoscaler
	world   *world
	cloud   int
	least   float64   // what there was in the beginning
	ordered float64   // what there is, or will be with what was ordered
	orders  int       // on their way
	wanted  []float64 // in each step of the last Hold
	turn    func()
}

func newScaler(w *world, cloud int, a Autoscaler) *scaler {
	if a.Lag == 0 {
		a.Lag = 20 * time.Second
	}
	if a.Hold == 0 {
		a.Hold = 5 * time.Minute
	}
	if a.Target == 0 {
		a.Target = 0.8
	}
	if a.Ceiling == 0 {
		a.Ceiling = w.Clouds[cloud].Ceiling
	}
	s := &scaler{Autoscaler: a, world: w, cloud: cloud, least: w.carrying[cloud], ordered: w.carrying[cloud]}
	s.turn = func() {
		s.step(w.desired(cloud))
		w.after(scaleEvery, s.turn)
	}
	w.after(scaleEvery, s.turn)
	return s
}

// step orders or gives back capacity as clients desire.
func (s *scaler) step(desired float64) {
	want := max(min(desired/s.Target, s.Ceiling), s.least)
	if steps := int(s.Hold / scaleEvery); len(s.wanted) >= steps {
		s.wanted = slices.Delete(s.wanted, 0, len(s.wanted)-steps+1)
	}
	s.wanted = append(s.wanted, want)
	if want > s.ordered {
		s.ordered = want
		s.orders++
		s.world.after(s.Lag, func() {
			s.orders--
			s.world.carry(s.cloud, max(want, s.world.carrying[s.cloud]))
		})
		return
	}
	if most := slices.Max(s.wanted); s.orders == 0 && most < s.ordered {
		s.ordered = most
		s.world.carry(s.cloud, most)
	}
}

// desired is the capacity that the clients that are there ask for in a cloud, all
// together.
func (w *world) desired(cloud int) float64 {
	if w.asked != w.now {
		w.asked = w.now
		clear(w.wants)
		for _, c := range w.load.there {
			for _, cloud := range c.router.Status().Services[0].Clouds {
				w.wants[w.result.index(cloud.Name)] += cloud.Capacity.Desired
			}
		}
	}
	return w.wants[cloud]
}
