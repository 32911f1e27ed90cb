package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

// scene is what there is to see at one moment.
type scene struct {
	phases []phase // that have begun; the last one goes on
	total  int     // phases of the script
	now    time.Duration
	record record
	status balancer.Status
}

// screen shows scenes: a picture that is drawn anew in its place on a
// terminal, lines elsewhere.
type screen struct {
	out   io.Writer
	live  bool // draws in place
	color bool

	// What was shown so far.
	height  int // lines of the picture
	phase   int // phases announced
	changes int // changes of state told
	second  int // the last second for which there was a line
}

// newScreen chooses how to show things on a file. The environment variables
// TERM=dumb and NO_COLOR have their usual meanings.
func newScreen(f *os.File) *screen {
	s := &screen{out: f}
	info, err := f.Stat()
	term := os.Getenv("TERM")
	s.live = err == nil && info.Mode()&os.ModeCharDevice != 0 && term != "" && term != "dumb"
	s.color = s.live && os.Getenv("NO_COLOR") == ""
	return s
}

// show shows a scene.
func (s *screen) show(c scene) {
	if s.live {
		s.draw(s.picture(c))
	} else {
		s.tell(c)
	}
}

// Control sequences (ECMA-48). A line that is too long for the terminal is cut
// off instead of wrapped: the picture keeps its height.
const (
	up        = "\x1b[%dA"
	clearLine = "\x1b[2K"
	noWrap    = "\x1b[?7l"
	wrap      = "\x1b[?7h"
)

// draw replaces the picture.
func (s *screen) draw(lines []string) {
	var b strings.Builder
	b.WriteString(noWrap)
	if s.height > 0 {
		fmt.Fprintf(&b, up, s.height)
	}
	for _, line := range lines {
		b.WriteString(clearLine + line + "\n")
	}
	b.WriteString(wrap)
	s.height = len(lines)
	io.WriteString(s.out, b.String())
}

// picture returns the lines of the picture, always the same number.
func (s *screen) picture(c scene) []string {
	p := c.phases[len(c.phases)-1]
	recent := max(0, c.now-time.Second)
	lines := []string{
		"",
		fmt.Sprintf("  %s  %s", s.paint(bold, "fairlead quickstart"), seconds(c.now)),
		fmt.Sprintf("  phase %d of %d, %s: %s  %s", len(c.phases), c.total, s.paint(bold, p.name), p.says,
			s.paint(dim, seconds(c.now-p.begin))),
		"",
		s.paint(dim, fmt.Sprintf("  %-9s%-*s %8s   %s", "cloud", barWidth, "attempts of the last second", "share", "state")),
	}
	shares := c.record.shares(recent, c.now)
	for _, cloud := range c.status.Services[0].Clouds {
		share, paint := shares[cloud.Name], stateColor(cloud.State)
		lines = append(lines, fmt.Sprintf("  %-9s%s %6.1f %%   %s", cloud.Name,
			s.paint(paint, bar(share)), 100*share, s.paint(paint, stateText(cloud, c.status.At))))
	}
	lines = append(lines, "",
		s.paint(dim, fmt.Sprintf("  %-9s%9s%11s%11s%11s", "tier", "calls/s", "success", "p50", "p99")))
	for _, f := range c.record.tiers(recent, c.now) {
		lines = append(lines, fmt.Sprintf("  %-9s%9d%9.2f %%%11s%11s", f.tier, f.calls, 100*f.success(), millis(f.p50), millis(f.p99)))
	}
	lines = append(lines, "",
		"  "+s.paint(dim, "share of onprem, second by second  ")+c.record.course("onprem", c.now),
		"",
		s.paint(dim, "  last changes of state"))
	for i := len(c.record.changes) - shownChanges; i < len(c.record.changes); i++ {
		line := ""
		if i >= 0 {
			line = "  " + c.record.changes[i].String()
		}
		lines = append(lines, line)
	}
	return append(lines, "")
}

const (
	barWidth     = 40
	shownChanges = 4
)

// bar returns a fraction as a bar of barWidth cells.
func bar(fraction float64) string {
	eighths := int(fraction*barWidth*8 + 0.5)
	full, rest := eighths/8, eighths%8
	b := strings.Repeat("█", full)
	if rest > 0 {
		b += string([]rune(" ▏▎▍▌▋▊▉")[rest])
		full++
	}
	return b + strings.Repeat(" ", barWidth-full)
}

// course returns the share of a cloud in each full second until now, as one
// mark each. A dot is under 1 %.
func (r *record) course(cloud string, now time.Duration) string {
	var b strings.Builder
	for from := time.Duration(0); from+time.Second <= now; from += time.Second {
		share := r.shares(from, from+time.Second)[cloud]
		if share < 0.01 {
			b.WriteRune('·')
		} else {
			b.WriteRune([]rune("▁▂▃▄▅▆▇█")[int(share*7+0.5)])
		}
	}
	return b.String()
}

// stateText says how a cloud is, for how long, and what is to be known about it.
func stateText(c balancer.CloudStatus, at time.Time) string {
	text := fmt.Sprintf("%s for %s", c.State, seconds(at.Sub(c.Since)))
	switch {
	case c.Gate != "":
		text += ", " + c.Gate
	case c.State != health.Healthy && c.Reason != "":
		text += ", " + c.Reason
	}
	return text
}

func (c change) String() string {
	return fmt.Sprintf("%7s  %-7s %s → %s: %s", seconds(c.at), c.cloud, c.from, c.to, c.reason)
}

// Codes of the ECMA-48 sequence "select graphic rendition".
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func stateColor(s health.State) string {
	switch s {
	case health.Healthy:
		return green
	case health.Down:
		return red
	}
	return yellow
}

// paint returns the text in the given rendition, if colors are wanted.
func (s *screen) paint(rendition, text string) string {
	if !s.color {
		return text
	}
	return "\x1b[" + rendition + "m" + text + "\x1b[0m"
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

func millis(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1000) }
