// Package virtual lets a simulator stand in for the machine that a router
// runs on: its clock, its randomness, its network probes and its scheduler.
//
// A router made with balancer.Simulated starts no goroutine and reads no
// clock. It takes time and random numbers from the Machine and leaves its
// controller's step there for the simulator to call, so that one thread can
// run a thousand routers in virtual time, and run them the same way again.
package virtual

import (
	"time"

	"github.com/fairlead-go/fairlead/health"
)

// Machine is what a simulator supplies to one router. Every function must be
// set, unless it says otherwise, and none may be called by two goroutines at a time.
type Machine struct {
	// Now is the time since the simulation began.
	Now func() time.Duration
	// Rand returns 64 random bits.
	Rand func() uint64
	// Probe asks one endpoint how it is and calls done with the answer, at
	// once or later.
	Probe func(p Probe, done func(health.Outcome))
	// LevelKey, unless empty, is the secret that decides about levels, whatever
	// the config says of it: all routers that share it choose the same customers.
	LevelKey string
	// Day, unless nil, returns the day of the levels, counted as sla.Day is.
	Day func() int64

	// Unlimited turns off what limits a client by itself, to see what it is good
	// for: caps on attempts in flight, and what pushback and load reports make of
	// capacities.
	Unlimited bool

	// Wall, unless nil, returns the time of day, by which changes begin and end.
	Wall func() time.Time

	// Step is set by the router: it runs one turn of the controller, which
	// production runs every StepEvery.
	Step func()
	// StepEvery is set by the router.
	StepEvery time.Duration
}

// Probe names what to ask.
type Probe struct {
	Service, Cloud, Address string
}
