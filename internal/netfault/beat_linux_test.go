package netfault

import "time"

// beat is how often a process looks at the clock, to know that it runs.
const beat = 5 * time.Millisecond

// pulse is how well a process runs, by a ticker that should fire at each beat.
type pulse struct {
	last    time.Time
	longest time.Duration // between two beats
	lost    time.Duration // in gaps of more than two beats, what was beyond these
	all     time.Duration
}

// beat takes note of a beat and returns the time since the last one, 0 for the
// first.
func (p *pulse) beat(now time.Time) time.Duration {
	if p.last.IsZero() {
		p.last = now
		return 0
	}
	since := now.Sub(p.last)
	p.last = now
	p.longest = max(p.longest, since)
	p.lost += max(since-2*beat, 0)
	p.all += since
	return since
}

// lostShare is the share of the time that was lost.
func (p *pulse) lostShare() float64 { return float64(p.lost) / float64(max(p.all, 1)) }
