package chart

import (
	"fmt"
	"math"
	"strings"
)

// panel draws a panel whose upper edge is at y.
func (p *picture) panel(of *Panel, ticks []Tick, y float64) {
	most := of.top(len(p.X))
	step := roundUp(most / 4)
	most = math.Ceil(most/step-1e-9) * step
	base := y + panelHeight
	high := func(v float64) float64 { return base - min(max(v, 0), most)/most*panelHeight }

	title := `<tspan class="strong">` + escape(of.Title) + `</tspan>`
	if of.Unit != "" {
		title += " in " + escape(of.Unit)
	}
	p.line(`<text class="soft" x="%d" y="%.1f">%s</text>`, left, y-8, title)
	for k := 0.0; k*step <= most*(1+1e-9); k++ {
		p.line(`<path class="grid" d="M%d %.1fh%d"/>`, left, high(k*step), plotWidth)
		p.line(`<text class="soft end" x="%d" y="%.1f">%s</text>`, left-8, high(k*step)+4, number(k*step))
	}
	for _, t := range ticks {
		if p.has(t.X) {
			p.line(`<path class="grid" d="M%.1f %.1fv%d"/>`, p.at(t.X), y, panelHeight)
		}
	}
	if of.Stacked {
		p.areas(of, high)
	}
	for i := range of.Series {
		if s := &of.Series[i]; s.Line || !of.Stacked {
			p.curve(s, high, s.Line)
		}
	}
	p.legend(of, y)
}

// top is the greatest value that there is to show.
func (of *Panel) top(n int) float64 {
	most := of.Max
	for i := range n {
		sum := 0.0
		for k := range of.Series {
			switch v := value(of.Series[k].Values[i]); {
			case of.Stacked && !of.Series[k].Line:
				sum += v
			default:
				most = max(most, v)
			}
		}
		most = max(most, sum)
	}
	if most == 0 {
		return 1
	}
	return most
}

// value is v as a length: NaN and what is below 0 are none.
func value(v float64) float64 {
	if v > 0 && !math.IsInf(v, 1) {
		return v
	}
	return 0
}

// areas draws the stack.
func (p *picture) areas(of *Panel, high func(float64) float64) {
	var stack []*Series
	for i := range of.Series {
		if !of.Series[i].Line {
			stack = append(stack, &of.Series[i])
		}
	}
	shown := thin(len(p.X), func(i int) float64 {
		sum := 0.0
		for _, s := range stack {
			sum += value(s.Values[i])
		}
		return sum
	}, false)
	below := make([]float64, len(shown))
	for _, s := range stack {
		var upper strings.Builder
		lower := make([]string, len(shown))
		for k, i := range shown {
			x := p.at(p.X[i])
			lower[len(shown)-1-k] = fmt.Sprintf("L%.1f %.1f", x, high(below[k]))
			below[k] += value(s.Values[i])
			fmt.Fprintf(&upper, "%s%.1f %.1f", letter(k == 0), x, high(below[k]))
		}
		p.line(`<path class="area %s" d="%s%sZ"/>`, color(s.Color), upper.String(), strings.Join(lower, ""))
	}
}

// curve draws a line, with gaps where there is no value.
func (p *picture) curve(s *Series, high func(float64) float64, dashed bool) {
	class := "curve"
	if dashed {
		class = "curve dash"
	}
	var d strings.Builder
	begins := true
	for _, i := range thin(len(p.X), func(i int) float64 { return s.Values[i] }, true) {
		if v := s.Values[i]; math.IsNaN(v) {
			begins = true
		} else {
			fmt.Fprintf(&d, "%s%.1f %.1f", letter(begins), p.at(p.X[i]), high(v))
			begins = false
		}
	}
	p.line(`<path class="%s %s" d="%s"/>`, class, color(s.Color), d.String())
}

func letter(begins bool) string {
	if begins {
		return "M"
	}
	return "L"
}

// legend names the series, those of a stack from top to bottom.
func (p *picture) legend(of *Panel, y float64) {
	for k := range of.Series {
		s := &of.Series[k]
		if of.Stacked {
			s = &of.Series[len(of.Series)-1-k]
		}
		at := y + 6 + 18*float64(k)
		const x = left + plotWidth + 12
		if of.Stacked && !s.Line {
			p.line(`<rect class="area %s" x="%d" y="%.1f" width="14" height="10"/>`, color(s.Color), x, at)
		} else {
			class := "curve"
			if s.Line {
				class = "curve dash"
			}
			p.line(`<path class="%s %s" d="M%d %.1fh14"/>`, class, color(s.Color), x, at+5)
		}
		p.line(`<text x="%d" y="%.1f">%s</text>`, x+20, at+9, escape(s.Name))
	}
}

// thin chooses which of n values to show: all, or of each place the greatest, and
// for a line also the least, in the order of time. A gap is shown only where a
// place has nothing else.
func thin(n int, value func(int) float64, both bool) []int {
	var shown []int
	for place := range min(n, places) {
		from, until := place*n/min(n, places), (place+1)*n/min(n, places)
		least, most := from, from
		for i := from + 1; i < until; i++ {
			switch v := value(i); {
			case math.IsNaN(v):
			case math.IsNaN(value(most)):
				least, most = i, i
			case v > value(most):
				most = i
			case v < value(least):
				least = i
			}
		}
		switch {
		case !both || least == most:
			shown = append(shown, most)
		default:
			shown = append(shown, min(least, most), max(least, most))
		}
	}
	return shown
}
