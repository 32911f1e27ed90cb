package failover

import (
	"math"
	"time"
)

// Flap damping after RFC 2439, with a memory as short as RFC 7196 asks for.
// While a cloud gets no calls its penalty stands still: being down is no sign
// of being stable.
const (
	flap     = 1000             // what a fall adds to the penalty
	halfLife = 60 * time.Second // in which service halves it
	forget   = 5 * time.Minute  // after which service clears it
)

// decayed returns what is left of a penalty.
func decayed(penalty float64, elapsed, halfLife time.Duration) float64 {
	return penalty * math.Exp2(-elapsed.Seconds()/halfLife.Seconds())
}

// fallen returns the penalty after a fall that ended some time of service.
func fallen(penalty float64, served time.Duration) float64 {
	if served >= forget {
		return flap
	}
	return flap + decayed(penalty, served, halfLife)
}

// holdDown returns how long a cloud with such a penalty must be good before it
// gets calls: HoldDown, doubled for each further 1,000 begun.
func holdDown(penalty float64, s Settings) time.Duration {
	s = s.WithDefaults()
	hold := float64(s.HoldDown) * math.Exp2(max(0, math.Ceil(penalty/flap)-1))
	return time.Duration(min(hold, float64(s.HoldDownMax)))
}
