package health

import (
	"fmt"
	"time"
)

const (
	// together is how close to each other all clouds have to fall for the cause
	// to be looked for on this side.
	together = time.Second
	// heldFor is how long it may be this side's fault.
	heldFor = 5 * time.Second
)

// Correlation answers "is it me?" for one service. Clouds are chosen to fail
// independently: if all do at once, then probably this process, its host or
// its network failed, and moving traffic about would help nobody. The zero
// value is ready; it belongs to one goroutine.
type Correlation struct {
	down    bool          // all clouds are
	until   time.Duration // held so long; 0: not held in this episode
	reason  string
	local   string        // the latest local evidence
	localAt time.Duration // when it was seen
}

// Step reports whether the states of the clouds should not be held against
// them for now, and why. down has, for each cloud that isn't drained, since
// when it is down, −1 if it isn't. local is evidence at now that the fault lies
// on this side, such as "the process stood still for 300 ms"; "" if there is
// none.
//
// An episode begins when all clouds are down. If there are at least two and
// they fell within one second of each other, or if local evidence came within a
// second of the last fall, it is held until 5 s after that fall. That happens
// once in an episode, which ends when a cloud isn't down any more.
func (c *Correlation) Step(now time.Duration, down []time.Duration, local string) (held bool, reason string) {
	if local != "" {
		c.local, c.localAt = local, now
	}
	first, last, all := span(down)
	if !all {
		c.down = false
		return false, ""
	}
	if !c.down {
		c.down, c.until, c.reason = true, 0, ""
	}
	if c.until == 0 {
		switch {
		case len(down) > 1 && last-first <= together:
			c.reason = fmt.Sprintf("all %d clouds went down within %v", len(down), rounded(last-first))
			c.until = last + heldFor
		case c.local != "" && (c.localAt-last).Abs() <= together:
			c.reason = c.local
			c.until = last + heldFor
		}
	}
	if now >= c.until {
		return false, ""
	}
	return true, c.reason
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
