package admission

import (
	"math"
	"sync/atomic"
	"time"
)

// Load is what a server tells its callers.
type Load struct {
	// Utilization of the server: 1 is full, more is possible.
	Utilization float64
	// Rate of calls taken up, per second. 0: not known yet, as after an idle spell.
	Rate float64
}

// Load returns the server's load at now, and false if it has no measure of it:
// no cap, and no function that knows better or one that returned nonsense.
func (c *Control) Load(now time.Time) (load Load, ok bool) {
	switch {
	case c.utilization != nil:
		load.Utilization = c.utilization()
	case c.limits != nil:
		load.Utilization = float64(c.inFlight.Load()) / float64(c.limits[0])
	default:
		return Load{}, false
	}
	if u := load.Utilization; math.IsNaN(u) || math.IsInf(u, 0) || u < 0 {
		return Load{}, false
	}
	load.Rate = c.rate.at(now)
	return load, true
}

// Measures reports whether [Control.Load] ever returns a load.
func (c *Control) Measures() bool { return c.utilization != nil || c.limits != nil }

// rate measures calls per second, from one mark to another at least a second
// later. Those who ask for it set the marks; when two do so at a time, each has
// measured from the same one, and either may stay.
type rate struct {
	begun atomic.Uint64
	last  atomic.Pointer[mark]
}

// mark is the count of calls at a time, and the rate until then.
type mark struct {
	at        time.Time
	begun     uint64
	perSecond float64
}

// longestRate is how old a mark may be for a rate to be measured from it. When nobody
// asked for so long there were hardly any calls: the mean from then on, told with the
// utilization of a burst that has just begun, would say that the server carries nothing.
const longestRate = 3 * time.Second

func (r *rate) at(now time.Time) float64 {
	last := r.last.Load()
	if last != nil && now.Sub(last.at) < time.Second {
		return last.perSecond
	}
	next := &mark{at: now, begun: r.begun.Load()}
	if last != nil && now.Sub(last.at) <= longestRate {
		next.perSecond = float64(next.begun-last.begun) / now.Sub(last.at).Seconds()
	}
	r.last.Store(next)
	return next.perSecond
}
