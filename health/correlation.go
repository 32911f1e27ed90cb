package health

import (
	"fmt"
	"time"
)

const (
	// together is how close to each other clouds have to fall for one cause to
	// be looked for.
	together = time.Second
	// heldFor is how long it may be this side's fault.
	heldFor = 5 * time.Second
)

// Correlation answers "is it me?" for one service. Clouds are chosen to fail
// independently: if all do at once, then probably this process, its host or
// its network failed, and moving traffic about would help nobody. And when the
// last cloud that served falls, then there is nowhere to move it to but clouds
// that are known to be lost. The zero value is ready; it belongs to one
// goroutine.
type Correlation struct {
	down    bool // all clouds are
	from    time.Duration
	until   time.Duration
	reason  string
	local   string        // the latest local evidence
	localAt time.Duration // when it was seen
}

// Step says whether there are clouds whose state should not be held against
// them for now, and why: while reason isn't empty, those that went down at from
// or later. down has, for each cloud that isn't drained, since when it is down,
// −1 if it isn't. local is evidence at now that the fault lies on this side,
// such as "this process stood still for 300ms"; "" if there is none.
//
// An episode begins when all clouds are down. For 5 s after the last fall the
// clouds that fell within a second of it are held. The episode ends when a
// cloud isn't down any more.
func (c *Correlation) Step(now time.Duration, down []time.Duration, local string) (from time.Duration, reason string) {
	if local != "" {
		c.local, c.localAt = local, now
	}
	first, last, all := span(down)
	if !all {
		c.down = false
		return 0, ""
	}
	if !c.down {
		c.down, c.from, c.until = true, last-together, last+heldFor
		switch {
		case len(down) == 1:
			c.reason = "the only cloud went down"
		case first >= c.from:
			c.reason = fmt.Sprintf("all %d clouds went down within %v", len(down), rounded(last-first))
		default:
			c.reason = "the last cloud that served went down"
		}
	}
	if now >= c.until {
		return 0, ""
	}
	if c.local != "" && (c.localAt-last).Abs() <= together {
		return c.from, c.local
	}
	return c.from, c.reason
}

// span returns the first and the last fall, and whether all have fallen.
func span(down []time.Duration) (first, last time.Duration, all bool) {
	for i, at := range down {
		if at < 0 {
			return 0, 0, false
		}
		if i == 0 {
			first = at
		}
		first, last = min(first, at), max(last, at)
	}
	return first, last, len(down) > 0
}
