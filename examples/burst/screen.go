package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/internal/sim"
)

// screen shows how a replay goes on: a picture that is drawn anew in its place on
// a terminal, lines elsewhere.
type screen struct {
	out  io.Writer
	live bool // draws in place

	demand   *demand
	scenario *sim.Scenario
	every    int // samples to a line
	seen     int // samples of the line under way
	sum      sim.Sample
	rows     []row // of the last lines, for the picture
	height   int   // lines of the picture
	drawn    time.Time
}

// row is one line's worth.
type row struct {
	at                      time.Time // of the data
	offered, shed, capacity float64   // per second
	bad                     uint64    // critical calls that were shed, late or failed
	gcp                     float64   // its share
	p99                     time.Duration
}

// newScreen chooses how to show things on a file. TERM=dumb has its usual meaning.
func newScreen(f *os.File) *screen {
	info, err := f.Stat()
	term := os.Getenv("TERM")
	return &screen{out: f, live: err == nil && info.Mode()&os.ModeCharDevice != 0 && term != "" && term != "dumb"}
}

// begin says what will be shown.
func (s *screen) begin(d *demand, of *sim.Scenario) {
	s.demand, s.scenario = d, of
	perSlot := int(slotLasts / sampleEvery)
	s.every = perSlot
	switch n := len(d.values); {
	case s.live:
	case n > 7*slotsPerDay:
		s.every = perSlot * slotsPerDay
	case n > slotsPerDay/2:
		s.every = 2 * perSlot
	}
	fmt.Fprintf(s.out, "%s: %d half hours from %s on, the median is %.0f calls/s\n\n",
		d.source, len(d.values), d.start.Format(timeLayout), medianRate)
}

// show takes in a sample. The wall clock decides only how often the picture is
// drawn.
func (s *screen) show(sample *sim.Sample) {
	if s.seen == 0 {
		s.sum = sim.Sample{From: sample.From, Tiers: make([]sim.TierSample, len(sample.Tiers)), Clouds: make([]sim.CloudSample, len(sample.Clouds))}
	}
	s.seen++
	s.sum.Until = sample.Until
	for i, t := range sample.Tiers {
		sum := &s.sum.Tiers[i]
		sum.Offered += t.Offered
		sum.Shed += t.Shed
		sum.Late += t.Late
		sum.Failed += t.Failed
		sum.P99 = max(sum.P99, t.P99)
	}
	for i, c := range sample.Clouds {
		s.sum.Clouds[i].First += c.First
		s.sum.Clouds[i].Carries = c.Carries
	}
	if s.seen < s.every {
		return
	}
	s.seen = 0
	r := s.row()
	if !s.live {
		fmt.Fprintln(s.out, r.line())
		return
	}
	const most = 16
	if s.rows = append(s.rows, r); len(s.rows) > most {
		s.rows = s.rows[1:]
	}
	if now := time.Now(); now.Sub(s.drawn) >= 50*time.Millisecond || sample.Until >= s.scenario.Duration {
		s.drawn = now
		s.draw(s.picture())
	}
}

// row sums up what has been seen.
func (s *screen) row() row {
	lasted := (s.sum.Until - s.sum.From).Seconds()
	r := row{at: s.demand.dataTime(s.sum.From), p99: s.sum.Tiers[0].P99}
	for _, t := range s.sum.Tiers {
		r.offered += float64(t.Offered) / lasted
		r.shed += float64(t.Shed) / lasted
	}
	t := &s.sum.Tiers[0]
	r.bad = t.Shed + t.Late + t.Failed
	first := uint64(0)
	for _, c := range s.sum.Clouds {
		r.capacity += c.Carries
		first += c.First
	}
	r.gcp = float64(s.sum.Clouds[1].First) / float64(max(first, 1))
	return r
}

func (r row) line() string {
	return fmt.Sprintf("%s  offered %4.0f/s  ready %4.0f/s  shed %6.2f/s  gcp %4.1f %%  critical: p99 %3.0f ms, %d not good",
		r.at.Format("2006-01-02 15:04"), r.offered, r.capacity, r.shed, 100*r.gcp, millis(r.p99), r.bad)
}

const barWidth = 50

// picture returns the lines of the picture. A bar is what was offered: served, and
// shed in another shade; a mark is the capacity that is ready.
func (s *screen) picture() []string {
	most := 4 * medianRate
	for _, r := range s.rows {
		most = max(most, r.offered, r.capacity)
	}
	lines := []string{fmt.Sprintf("%-17s%-*s %7s %7s %7s %7s", "", barWidth, "█ served  ░ shed  │ ready capacity", "calls/s", "shed/s", "gcp", "p99")}
	for _, r := range s.rows {
		lines = append(lines, fmt.Sprintf("%-17s%s %7.0f %7.1f %5.1f %% %4.0f ms",
			r.at.Format("2006-01-02 15:04"), bar(r, most), r.offered, r.shed, 100*r.gcp, millis(r.p99)))
	}
	return lines
}

// bar draws a row of barWidth cells.
func bar(r row, most float64) string {
	cells := func(v float64) int { return min(int(v/most*barWidth+0.5), barWidth) }
	served, offered := cells(r.offered-r.shed), cells(r.offered)
	if r.shed > 0 {
		offered = max(offered, min(served+1, barWidth)) // however little it is
	}
	marks := []rune(strings.Repeat("█", served) + strings.Repeat("░", offered-served) + strings.Repeat(" ", barWidth-offered))
	if at := cells(r.capacity); at < barWidth {
		marks[at] = '│'
	}
	return string(marks)
}

// draw replaces the picture (ECMA-48): up, and each line cleared. A line too long
// for the terminal is cut off instead of wrapped.
func (s *screen) draw(lines []string) {
	var b strings.Builder
	b.WriteString("\x1b[?7l")
	if s.height > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", s.height)
	}
	for _, line := range lines {
		b.WriteString("\x1b[2K" + line + "\n")
	}
	b.WriteString("\x1b[?7h")
	s.height = len(lines)
	io.WriteString(s.out, b.String())
}
