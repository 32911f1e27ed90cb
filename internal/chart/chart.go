package chart

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// Chart is some panels on a common axis.
type Chart struct {
	Title string
	// Subtitle is one line below the title.
	Subtitle string
	// X are the places of all values, in ascending order: at least two.
	X []float64
	// XUnit is written behind the axis.
	XUnit string
	// Ticks are the marks on the axis. Default: some round values of X.
	Ticks  []Tick
	Panels []Panel
}

// Tick is a labelled place on the axis.
type Tick struct {
	X     float64
	Label string
}

// Panel is one diagram.
type Panel struct {
	Title, Unit string
	// Stacked says that the series are areas on top of each other, the first at
	// the bottom. Default: lines.
	Stacked bool
	// Max is the least that the axis goes up to. It begins at 0. Default: what
	// the values need.
	Max    float64
	Series []Series
}

// Series is one value over time.
type Series struct {
	Name string
	// Values are as many as there are places. A NaN is a gap; what is below 0
	// counts as 0.
	Values []float64
	// Color is one of the palette's, counted from 0, and starts over at its end.
	Color int
	// Line makes it a dashed line on top of a stacked panel, which isn't part of
	// the stack, such as a capacity.
	Line bool
}

// The picture's measures, in pixels.
const (
	width       = 1000
	left        = 64
	right       = 176 // for the legend
	top         = 82
	panelHeight = 120
	gap         = 44
	bottom      = 40
	plotWidth   = width - left - right
)

// places is how many values there are room for.
const places = plotWidth / 2

// WriteTo writes the picture. The error is about a chart whose numbers of values
// don't fit, or w's.
func (c Chart) WriteTo(w io.Writer) (int64, error) {
	if err := c.check(); err != nil {
		return 0, err
	}
	n, err := io.WriteString(w, c.svg())
	return int64(n), err
}

func (c *Chart) check() error {
	if len(c.X) < 2 {
		return errors.New("chart: fewer than two places")
	}
	for i, x := range c.X {
		if math.IsNaN(x) || math.IsInf(x, 0) || i > 0 && x <= c.X[i-1] {
			return fmt.Errorf("chart: place %d is %v, which isn't after that before it", i, x)
		}
	}
	for _, p := range c.Panels {
		for _, s := range p.Series {
			if len(s.Values) != len(c.X) {
				return fmt.Errorf("chart: %d values of %q in %q at %d places", len(s.Values), s.Name, p.Title, len(c.X))
			}
		}
	}
	return nil
}

// picture is a chart being drawn.
type picture struct {
	*Chart
	strings.Builder
}

func (c *Chart) svg() string {
	p := picture{Chart: c}
	height := top + len(c.Panels)*(panelHeight+gap) - gap + bottom
	p.line(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">`, width, height, width, height)
	p.line(`<title>%s</title>`, escape(c.Title))
	p.WriteString(style())
	p.line(`<rect class="back" width="%d" height="%d"/>`, width, height)
	p.line(`<text class="head" x="%d" y="26">%s</text>`, left, escape(c.Title))
	p.line(`<text class="soft" x="%d" y="44">%s</text>`, left, escape(c.Subtitle))
	ticks := c.Ticks
	if len(ticks) == 0 {
		ticks = c.roundTicks()
	}
	y := top
	for i := range c.Panels {
		p.panel(&c.Panels[i], ticks, float64(y))
		y += panelHeight + gap
	}
	p.axis(ticks, float64(y-gap))
	p.line(`</svg>`)
	return p.String()
}

func (p *picture) line(format string, args ...any) {
	fmt.Fprintf(p, format+"\n", args...)
}

// at is where a place of the axis is in the picture.
func (c *Chart) at(x float64) float64 {
	first, last := c.X[0], c.X[len(c.X)-1]
	return left + (x-first)/(last-first)*plotWidth
}

// axis writes the labels of the ticks.
func (p *picture) axis(ticks []Tick, y float64) {
	for _, t := range ticks {
		if p.has(t.X) {
			p.line(`<text class="soft mid" x="%.1f" y="%.1f">%s</text>`, p.at(t.X), y+18, escape(t.Label))
		}
	}
	p.line(`<text class="soft" x="%d" y="%.1f">%s</text>`, left+plotWidth+12, y+18, escape(p.XUnit))
}

func (c *Chart) has(x float64) bool { return x >= c.X[0] && x <= c.X[len(c.X)-1] }

// roundTicks marks about ten round values.
func (c *Chart) roundTicks() []Tick {
	first, last := c.X[0], c.X[len(c.X)-1]
	step := roundUp((last - first) / 10)
	var ticks []Tick
	for k := math.Ceil(first / step); k*step <= last; k++ {
		ticks = append(ticks, Tick{k * step, number(k * step)})
	}
	return ticks
}

// roundUp returns the next number that is 1, 2 or 5 times a power of ten.
func roundUp(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if v <= m*power*(1+1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// number writes a number for a label, with four digits at most.
func number(v float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if math.Abs(v) >= unit.size {
			return fmt.Sprintf("%.4g%s", v/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%.4g", v)
}

// escape makes text of anything: XML's special characters become entities, and
// what XML can't hold a replacement.
func escape(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0xfffe || r == 0xffff {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;").Replace(s)
}
