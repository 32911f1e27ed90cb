package console

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
)

// colours is the number of colours that the style sheet has for clouds.
const colours = 8

// palette gives each cloud a colour, the same in all charts.
type palette map[string]int

func newPalette(clouds []CloudSummary) palette {
	p := make(palette, len(clouds))
	for i, c := range clouds {
		p[c.Name] = i % colours
	}
	return p
}

// Class is the class of the colour.
func (p palette) Class(cloud string) string { return fmt.Sprintf("c%d", p[cloud]) }

// chart is a tier's shares in time, stacked, as parts of an SVG. The plot is 1000
// wide and 100 high; labels are placed in percent.
type chart struct {
	Tier    Tier
	Summary string // for those who can't see it
	Areas   []area
	Labels  []label
	Marks   []mark
	Ticks   []string // below, from left to right
	Legend  []legend
}

type area struct{ Class, Fill, Line string }

type label struct{ Class, Y, Text string }

type mark struct{ Class, X, Text string }

type legend struct{ Class, Cloud, Share, Reason, Text string }

// windows are the times that a chart may show.
var windows = []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 15 * time.Minute}

// window is the shortest one that has room for the history.
func window(h *balancer.History) time.Duration {
	age := h.At.Sub(h.Since)
	for _, w := range windows {
		if age <= w {
			return w
		}
	}
	return windows[len(windows)-1]
}

// labelFrom is the share from which on there is room for a label in an area.
const labelFrom = 0.16

// charts draws the tiers of a service.
func (s *snapshot) charts(of *Service, colour palette) []chart {
	wide := window(&s.history)
	begin := s.history.At.Add(-wide)
	samples := s.samples(of.Name, of.Protocol)
	var all []chart
	for _, tier := range of.Tiers {
		c := chart{Tier: tier, Ticks: ticks(wide), Marks: s.marks(of, begin, wide)}
		var now []string
		top := 0.0
		lower := make([]float64, len(samples))
		for _, share := range tier.Shares {
			upper := slices.Clone(lower)
			for i := range samples {
				upper[i] += shareAt(&samples[i], tier.Name, share.Cloud)
			}
			class := colour.Class(share.Cloud)
			above, below := course(samples, upper, begin, wide), course(samples, lower, begin, wide)
			if len(above) > 0 && !slices.Equal(upper, lower) {
				slices.Reverse(below)
				c.Areas = append(c.Areas, area{class, path(above) + " " + strings.Replace(path(below), "M", "L", 1) + "Z", path(above)})
			}
			if share.Share >= labelFrom {
				c.Labels = append(c.Labels, label{class, fmt.Sprintf("%.1f%%", 100-100*(top+share.Share/2)), share.Cloud + " " + percent(share.Share)})
			}
			top += share.Share
			lower = upper
			c.Legend = append(c.Legend, legend{class, share.Cloud, percent(share.Share), string(share.Reason), share.Text})
			now = append(now, fmt.Sprintf("%s %s (%s)", share.Cloud, percent(share.Share), share.Reason))
		}
		c.Summary = fmt.Sprintf("Shares of tier %s over the last %s. Now: %s", tier.Name, span(wide), strings.Join(now, ", "))
		all = append(all, c)
	}
	return all
}

// ticks are the labels of the time axis.
func ticks(wide time.Duration) []string {
	minutes := func(d time.Duration) string {
		if d < time.Minute {
			return fmt.Sprintf("−%.0f s", d.Seconds())
		}
		return fmt.Sprintf("−%s min", strings.TrimSuffix(fmt.Sprintf("%.1f", d.Minutes()), ".0"))
	}
	parts := time.Duration(3)
	if wide == 2*time.Minute {
		parts = 2
	} else if wide == 5*time.Minute {
		parts = 5
	}
	var all []string
	for i := range parts {
		all = append(all, minutes(wide*(parts-i)/parts))
	}
	return append(all, "now")
}

// shareAt returns a share of a sample, 0 if it has none.
func shareAt(x *balancer.ShareSample, tier, cloud string) float64 {
	i, k := slices.Index(x.Tiers, tier), slices.Index(x.Clouds, cloud)
	if i < 0 || k < 0 {
		return 0
	}
	return float64(x.Shares[i*len(x.Clouds)+k])
}

// point is a point of the plot.
type point struct{ x, y float64 }

// course returns the points of a line through the values. A value holds until a
// second before the next, which is how far samples are apart at least: what
// happened in between nobody knows.
func course(samples []balancer.ShareSample, values []float64, begin time.Time, wide time.Duration) (points []point) {
	const between = time.Second
	x := func(t time.Time) float64 { return 1000 * min(1, max(0, t.Sub(begin).Seconds()/wide.Seconds())) }
	y := func(v float64) float64 { return 100 - 100*min(1, v) }
	for i := range samples {
		at, end := samples[i].At, begin.Add(wide)
		if i+1 < len(samples) {
			end = samples[i+1].At.Add(-between)
		}
		if end.Before(begin) {
			continue
		}
		points = append(points, point{x(at), y(values[i])})
		if end.After(at) {
			points = append(points, point{x(end), y(values[i])})
		}
	}
	return points
}

// path writes points as the path of an SVG.
func path(points []point) string {
	var b strings.Builder
	for i, p := range points {
		step := "L"
		if i == 0 {
			step = "M"
		}
		fmt.Fprintf(&b, "%s%.1f %.1f", step, p.x, p.y)
	}
	return b.String()
}

// marks are the events that a chart shows.
func (s *snapshot) marks(of *Service, begin time.Time, wide time.Duration) (all []mark) {
	const most = 20
	for i := len(s.history.Events) - 1; i >= 0 && len(all) < most; i-- {
		e := &s.history.Events[i]
		if e.At.Before(begin) || e.Service != "" && (e.Service != of.Name || e.Protocol.String() != of.Protocol) {
			continue
		}
		switch e.Kind {
		case balancer.EventFailover, balancer.EventChange:
			all = append(all, mark{string(e.Kind), fmt.Sprintf("%.2f%%", 100*e.At.Sub(begin).Seconds()/wide.Seconds()),
				fmt.Sprintf("%s at %s: %s", e.Kind, clock(e.At), cmp.Or(e.Text, e.Cloud))})
		}
	}
	return all
}

// clock writes a time of day.
func clock(t time.Time) string { return t.UTC().Format("15:04:05") }
