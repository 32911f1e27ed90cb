package main

import (
	"fmt"
	"strings"
	"time"
)

// tell prints what is new since the last scene: the beginning of a phase,
// changes of state, and a line for each full second.
func (s *screen) tell(c scene) {
	for ; s.phase < len(c.phases); s.phase++ {
		p := c.phases[s.phase]
		fmt.Fprintf(s.out, "\n%7s  phase %d of %d, %s: %s\n", seconds(p.begin), s.phase+1, c.total, p.name, p.says)
	}
	for ; s.changes < len(c.record.changes); s.changes++ {
		fmt.Fprintf(s.out, "%s\n", c.record.changes[s.changes])
	}
	if second := int(c.now / time.Second); second > s.second {
		s.second = second
		fmt.Fprintln(s.out, line(c, time.Duration(second)*time.Second))
	}
}

// line sums up the second that ended at the given time.
func line(c scene, at time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%7s ", seconds(at))
	shares := c.record.shares(at-time.Second, at)
	for _, cloud := range c.status.Services[0].Clouds {
		fmt.Fprintf(&b, " %s %5.1f %% %-11s", cloud.Name, 100*shares[cloud.Name], cloud.State)
	}
	for _, f := range c.record.tiers(at-time.Second, at) {
		fmt.Fprintf(&b, "  %s %.2f %% p99 %.0f ms", f.tier, 100*f.success(), f.p99.Seconds()*1000)
	}
	return b.String()
}
