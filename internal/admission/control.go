package admission

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/fairlead-go/fairlead/sla"
)

// Config says how a server treats the calls that arrive.
type Config struct {
	// Classifier gives calls their tier by the server's own rules. If nil, all
	// calls are of one tier to this server.
	Classifier *sla.Classifier

	// Cap is the number of calls in flight at which the most critical tier is
	// refused. Others are refused earlier: see [Limit]. 0 or less: no cap.
	Cap int

	// Utilization replaces the calls in flight ÷ Cap in what callers are told,
	// unless nil. 1 is full.
	Utilization func() float64
}

// Control decides which calls a server takes up. It is made by [New].
type Control struct {
	classifier *sla.Classifier
	tiers      []string // their names
	limits     []int64  // by tier; nil: no cap

	utilization func() float64

	_        [128]byte // what follows changes with each call, the rest never
	inFlight atomic.Int64
	rate     rate
}

// New returns the Control of a server.
func New(cfg Config) *Control {
	c := &Control{classifier: cfg.Classifier, utilization: cfg.Utilization}
	if c.classifier != nil {
		c.tiers = c.classifier.Tiers()
	}
	if cfg.Cap > 0 {
		n := max(len(c.tiers), 1)
		for tier := range n {
			c.limits = append(c.limits, int64(Limit(cfg.Cap, tier, n)))
		}
	}
	return c
}

// Limit returns the number of calls in flight at which a tier is refused, where
// tier is its place among n, 0 the most critical one: all of most for that one,
// half of it for the last, and evenly in between for the others,
//
//	most × (1 − tier/2(n−1))
//
// rounded up.
//
// All tiers are counted together. So what is beyond the limit of one tier is kept
// free for the more critical ones, as trunk reservation does in telephone
// networks: they find room at once, and don't have to wait until a call of a less
// critical tier ends.
func Limit(most, tier, n int) int {
	if n == 1 {
		return most
	}
	parts := 2 * (n - 1)
	left := parts - tier
	return most/parts*left + (most%parts*left+parts-1)/parts
}

// Verdict says what becomes of a call.
type Verdict uint8

const (
	// Admitted calls are to be carried out; [Control.Leave] must follow.
	Admitted Verdict = iota
	// Expired calls are too late: nobody waits for their answer.
	Expired
	// Shed calls are too many for their tier.
	Shed
)

// Enter decides about a call of a tier at now. The context must have the call's
// deadline.
func (c *Control) Enter(ctx context.Context, tier int, now time.Time) Verdict {
	if ctx.Err() != nil {
		return Expired
	}
	// The context's own timer may be late when there is too much to do.
	if deadline, ok := ctx.Deadline(); ok && !now.Before(deadline) {
		return Expired
	}
	if !c.occupy(tier) {
		return Shed
	}
	c.rate.begun.Add(1)
	return Admitted
}

// occupy counts a call in if there is room for it. One that is refused is never
// counted, not even for a moment: a storm of batch calls would otherwise take
// the room of critical ones while it is being turned away.
func (c *Control) occupy(tier int) bool {
	if c.limits == nil {
		c.inFlight.Add(1)
		return true
	}
	limit := c.limits[min(tier, len(c.limits)-1)]
	for {
		n := c.inFlight.Load()
		if n >= limit {
			return false
		}
		if c.inFlight.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Leave ends a call that was admitted.
func (c *Control) Leave() { c.inFlight.Add(-1) }

// InFlight returns the number of calls that were admitted and haven't ended.
func (c *Control) InFlight() int { return int(c.inFlight.Load()) }
