package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/sla"
)

// scene is what there is to see at one moment.
type scene struct {
	phase  phase
	since  time.Duration // the beginning
	status balancer.Status
}

// screen shows scenes: a table that is drawn anew in its place on a terminal,
// lines elsewhere.
type screen struct {
	out  io.Writer
	live bool

	height int                   // lines of the table
	phase  string                // announced
	second int                   // the last one that was told
	before map[string]sla.Totals // by tier, at that time
}

// newScreen chooses how to show things on a file. TERM=dumb has its usual
// meaning.
func newScreen(f *os.File) *screen {
	info, err := f.Stat()
	term := os.Getenv("TERM")
	return &screen{out: f, live: err == nil && info.Mode()&os.ModeCharDevice != 0 && term != "" && term != "dumb"}
}

func (s *screen) show(c scene) {
	if s.live {
		s.draw(table(c))
	} else {
		s.tell(c)
	}
}

// draw replaces the table (ECMA-48).
func (s *screen) draw(lines []string) {
	var b strings.Builder
	if s.height > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", s.height)
	}
	for _, line := range lines {
		b.WriteString("\x1b[2K" + line + "\n")
	}
	s.height = len(lines)
	io.WriteString(s.out, b.String())
}

// table returns the lines of the table.
func table(c scene) []string {
	lines := []string{"", fmt.Sprintf("fairlead tiers  %2.0f s  %s: %s", c.since.Seconds(), c.phase.name, c.phase.says), ""}
	of := c.status.Services[0]
	for k, cloud := range of.Clouds {
		line := fmt.Sprintf("%-8s %-9s", cloud.Name, cloud.State)
		for _, t := range of.Tiers {
			line += fmt.Sprintf("  %s %3.0f %%", t.Name, 100*t.Shares[k].Fraction)
		}
		lines = append(lines, line)
	}
	lines = append(lines, "", fmt.Sprintf("%-10s%9s%9s%9s", "tier", "good", "bad", "shed"))
	for _, t := range of.Tiers {
		lines = append(lines, fmt.Sprintf("%-10s%9d%9d%9d", t.Name, t.Calls.Good, t.Calls.Bad, t.Calls.Shed))
	}
	lines = append(lines, "")
	return append(lines, strings.Split(strings.TrimSuffix(c.status.SLA.String(), "\n"), "\n")...)
}

// clear takes the table away, so that the report stands in its place.
func (s *screen) clear() {
	if s.height > 0 {
		fmt.Fprintf(s.out, "\x1b[%dA\x1b[J", s.height)
		s.height = 0
	}
}

// tell prints the beginning of a phase and a line for each full second.
func (s *screen) tell(c scene) {
	if s.phase == "" {
		fmt.Fprint(s.out, heading(c.status.Services[0]))
	}
	if s.phase != c.phase.name {
		s.phase = c.phase.name
		fmt.Fprintf(s.out, "\n%s: %s\n", c.phase.name, c.phase.says)
	}
	second := int(c.since / time.Second)
	if second == s.second {
		return
	}
	s.second = second
	now := make(map[string]sla.Totals)
	for _, t := range c.status.Services[0].Tiers {
		now[t.Name] = t.Calls
	}
	fmt.Fprintln(s.out, line(c, s.before))
	s.before = now
}

// heading says what is in the columns of a line.
func heading(of balancer.ServiceStatus) string {
	clouds, tiers := "", ""
	for _, cloud := range of.Clouds {
		clouds += fmt.Sprintf("%8s", cloud.Name)
	}
	for _, t := range of.Tiers {
		tiers += fmt.Sprintf("%14s", t.Name)
	}
	return fmt.Sprintf("%5s%*s%*s%12s\n%5s%s%s%12s\n",
		"", len(clouds), "share of calls", len(tiers), "good calls in a second, of all", "contracts", "", clouds, tiers, "with budget")
}

// line sums up what happened since the last line. The shares are those of the most
// critical tier.
func line(c scene, before map[string]sla.Totals) string {
	of := c.status.Services[0]
	line := fmt.Sprintf("%3d s", int(c.since/time.Second))
	for k := range of.Clouds {
		line += fmt.Sprintf("%6.0f %%", 100*of.Tiers[0].Shares[k].Fraction)
	}
	for _, t := range of.Tiers {
		was := before[t.Name]
		good, bad := t.Calls.Good-was.Good, t.Calls.Bad-was.Bad
		line += fmt.Sprintf("%14s", fmt.Sprintf("%d of %d", good, good+bad))
	}
	return line + fmt.Sprintf("%12s", fmt.Sprintf("%d of %d", compliant(c.status.SLA), len(c.status.SLA.Contracts)))
}

// compliant is the number of contracts that have error budget left.
func compliant(r sla.Report) (n int) {
	for _, c := range r.Contracts {
		if c.Compliant() {
			n++
		}
	}
	return n
}
