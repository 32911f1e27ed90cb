package failover

import (
	"math"
	"time"
)

// CapSigns are what a [Cap] goes by.
type CapSigns struct {
	// InFlight is the number of attempts under way, Endpoints that of the endpoints
	// they are at.
	InFlight, Endpoints int
	// Ended, PushedBack and TimedOut count attempts ever: those with an outcome,
	// and those of them that were too much for the cloud.
	Ended, PushedBack, TimedOut uint64
}

// Cap bounds the attempts that one client has in flight at one cloud: additive
// increase, multiplicative decrease, as TCP does it for what it has on the way
// (Chiu and Jain, 1989). There is none as long as nothing is wrong. When more
// than a tenth of what ended in 100 ms was pushed back or timed out, and two at
// least, it becomes 0.7 × what is in flight or the cap was, whichever is less, but
// not less than 10 or 2 for each endpoint. From then on it grows by 2 % each 100 ms,
// by 4 % a second later, then 8 % and so on up to 30 %, by 1 at least, while more
// than half of it is used and the cloud isn't congested; after 10 s without trouble
// and with less used it is forgotten.
//
// The cloud is congested while attempts take twice as long as they can: more in
// flight then doesn't mean that more is done, only that more waits. How long they
// take is, by Little's law, what is in flight divided by what ends per second; how
// long they can is the least of that, which is doubted by 1 % each second.
//
// A plan knows rates and comes after 50 ms. A server that has become slow is
// overrun long before that: what waits there grows without bound while the rate
// stays the same. The cap holds at once, since it is compared with each pick.
//
// One goroutine at a time may use a Cap. The zero value is ready.
type Cap struct {
	limit     float64 // 0: none
	counted   time.Duration
	at        CapSigns // then
	trouble   time.Duration
	least     float64 // seconds that attempts take when nothing waits; 0: unknown
	congested bool
}

const (
	capFor          = 100 * time.Millisecond
	capTrouble      = 0.1 // of the outcomes
	capDecrease     = 0.7
	capIncrease     = 0.02 // at first
	mostCapIncrease = 0.3
	leastCap        = 10 // fewer don't overrun a server
	capPerEndpoint  = 2
	capForgotten    = 10 * time.Second
	congestion      = 2.0
	leastDoubt      = 0.001 // in each capFor
	enoughEnded     = 10    // outcomes that tell how long attempts take
)

// Step goes on to now and returns the cap, 0 if there is none. It is meant to be
// called at each sweep.
func (c *Cap) Step(now time.Duration, s CapSigns) int {
	passed := now - c.counted
	if passed < capFor {
		return int(c.limit)
	}
	ended := s.Ended - c.at.Ended
	wrong := s.PushedBack - c.at.PushedBack + s.TimedOut - c.at.TimedOut
	c.counted, c.at = now, s
	c.watch(float64(s.InFlight), ended, passed)
	switch {
	case wrong >= 2 && float64(wrong) > capTrouble*float64(ended):
		c.trouble = now
		if from := float64(s.InFlight); c.limit == 0 || from < c.limit {
			c.limit = from
		}
		c.limit = max(leastCap, capPerEndpoint*float64(s.Endpoints), capDecrease*c.limit)
	case c.limit == 0:
	case float64(s.InFlight) > c.limit/2:
		if !c.congested {
			growth := min(capIncrease*math.Exp2((now-c.trouble).Seconds()), mostCapIncrease)
			c.limit += max(1, growth*c.limit)
		}
	case now-c.trouble >= capForgotten:
		c.limit = 0
	}
	return int(c.limit)
}

// Congested reports whether attempts take twice as long as they can.
func (c *Cap) Congested() bool { return c.congested }

// watch compares how long attempts take with how long they can.
func (c *Cap) watch(inFlight float64, ended uint64, passed time.Duration) {
	c.least *= 1 + leastDoubt
	if ended < enoughEnded {
		return
	}
	takes := inFlight * passed.Seconds() / float64(ended)
	if c.least == 0 || takes > 0 && takes < c.least {
		c.least = takes
	}
	c.congested = takes > congestion*c.least
}
