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
	// Ended, PushedBack and TimedOut count attempts ever: those with an outcome, and
	// those of them that were too much for the cloud. One that was given up early is
	// in none of them. Slow counts those that were answered well, but took much longer
	// than usual or than promised.
	Ended, PushedBack, TimedOut, Slow uint64
}

// Cap bounds the attempts that one client has in flight at one cloud: additive
// increase, multiplicative decrease, as TCP does it for what it has on the way
// (Chiu and Jain, 1989). There is none as long as nothing is wrong. When more
// than a tenth of what ended in 100 ms was pushed back or timed out, and two at
// least, it becomes 0.7 × what is in flight or the cap was, whichever is less, but
// not less than 10 or 2 for each endpoint. From then on it grows by 2 % each 100 ms,
// by 4 % a second later and by 8 % from the next on, by 1 at least, unless the
// cloud is congested. After a second without trouble it is forgotten once it is ten
// times what is in flight.
//
// The cloud is congested while more than a tenth of what ended in the last half
// second was slow, pushed back or timed out: more in flight then doesn't mean that
// more is done, only that more waits. But where there was no trouble for 30 s, answers
// may be slow for other reasons, as after a release that is slower than was promised:
// then the cap grows by 5 % per second, and is forgotten as ever.
//
// A plan knows rates and comes after 50 ms. A server that has become slow is
// overrun long before that: what waits there grows without bound while the rate
// stays the same. The cap holds at once, since it is compared with each pick.
//
// One goroutine at a time may use a Cap. The zero value is ready.
type Cap struct {
	limit     float64 // 0: none
	started   bool
	counted   time.Duration
	at        CapSigns // then
	trouble   time.Duration
	congested bool
	watched   time.Duration
	seen      CapSigns // then
}

const (
	capFor          = 100 * time.Millisecond
	capTrouble      = 0.1 // of the outcomes
	capDecrease     = 0.7
	capIncrease     = 0.02 // at first
	mostCapIncrease = 0.08
	leastCap        = 10 // fewer don't overrun a server
	capPerEndpoint  = 2
	capForgotten    = 10 // times what is in flight
	watchFor        = 500 * time.Millisecond
	enoughEnded     = 10 // outcomes that tell whether a cloud is congested
)

// Step goes on to now and returns the cap, 0 if there is none. It is meant to be
// called at each sweep.
func (c *Cap) Step(now time.Duration, s CapSigns) int {
	if !c.started { // what ended before says nothing of now
		c.started, c.counted, c.watched, c.at, c.seen = true, now, now, s, s
	}
	c.watch(now, s)
	if now-c.counted < capFor {
		return int(c.limit)
	}
	ended := s.Ended - c.at.Ended
	wrong := s.PushedBack - c.at.PushedBack + s.TimedOut - c.at.TimedOut
	c.counted, c.at = now, s
	switch {
	case wrong >= 2 && float64(wrong) > capTrouble*float64(ended):
		c.trouble = now
		if from := float64(s.InFlight); c.limit == 0 || from < c.limit {
			c.limit = from
		}
		c.limit = max(leastCap, capPerEndpoint*float64(s.Endpoints), capDecrease*c.limit)
	case c.limit == 0:
	case c.congested && now-c.trouble < slowByLoad:
	case c.limit > capForgotten*float64(s.InFlight) && now-c.trouble >= time.Second:
		c.limit = 0
	case c.congested:
		c.limit += firstGrowth * capFor.Seconds() * c.limit
	default:
		growth := min(capIncrease*math.Exp2((now-c.trouble).Seconds()), mostCapIncrease)
		c.limit += max(1, growth*c.limit)
	}
	return int(c.limit)
}

// Congested reports whether more in flight would only mean that more waits.
func (c *Cap) Congested() bool { return c.congested }

// watch looks whether attempts take long.
func (c *Cap) watch(now time.Duration, s CapSigns) {
	if now-c.watched < watchFor {
		return
	}
	ended := s.Ended - c.seen.Ended
	long := s.Slow - c.seen.Slow + s.PushedBack - c.seen.PushedBack + s.TimedOut - c.seen.TimedOut
	c.watched, c.seen = now, s
	c.congested = ended >= enoughEnded && float64(long) > capTrouble*float64(ended)
}
