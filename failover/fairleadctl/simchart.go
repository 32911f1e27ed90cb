package main

import (
	"embed"
	"html/template"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/internal/chart"
	"github.com/fairlead-go/fairlead/internal/sim"
)

// happens is what is known beforehand to happen: faults and changes.
func (r *simulated) happens() []string { return append(slices.Clone(r.Faults), r.s.due()...) }

// svg draws the simulation.
func (r *simulated) svg() (string, error) {
	c := chart.Chart{Title: r.title(), Subtitle: "no fault", Panels: r.panels()}
	if happens := r.happens(); len(happens) > 0 {
		c.Subtitle = strings.Join(happens, "; ")
	}
	for i := range r.result.Samples {
		c.X = append(c.X, r.result.Samples[i].From.Seconds())
	}
	c.Ticks = r.ticks()
	var b strings.Builder
	_, err := c.WriteTo(&b)
	return b.String(), err
}

// ticks are round times.
func (r *simulated) ticks() (ticks []chart.Tick) {
	lasts := r.s.end - r.s.begin
	step := 24 * time.Hour
	for _, s := range []time.Duration{5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour} {
		if lasts/s <= 10 {
			step = s
			break
		}
	}
	first := r.s.begin
	if r.s.demandOf.byClock {
		first += r.s.demandOf.at[0]
	}
	for at := (step - first%step) % step; at <= lasts; at += step {
		label := r.clock(at)
		if step >= time.Minute {
			label = strings.TrimSuffix(label, ":00")
		}
		ticks = append(ticks, chart.Tick{X: at.Seconds(), Label: label})
	}
	return ticks
}

func (r *simulated) panels() []chart.Panel {
	offered := chart.Panel{Title: "demand by tier", Unit: "calls/s", Stacked: true}
	sent := chart.Panel{Title: "attempts by cloud", Unit: "attempts/s"}
	good := chart.Panel{Title: "served in time", Unit: "%", Max: 100}
	shed := chart.Panel{Title: "shed by tier", Unit: "calls/s", Stacked: true}
	failed := chart.Panel{Title: "failed by tier", Unit: "calls/s", Stacked: true}
	slow := chart.Panel{Title: "99th percentile of latency", Unit: "ms"}
	for i, t := range r.Tiers {
		add := func(p *chart.Panel, value func(*sim.Sample, *sim.TierSample) float64) {
			p.Series = append(p.Series, chart.Series{Name: cut(t.Tier, 20), Color: i, Values: r.each(func(s *sim.Sample) float64 { return value(s, &s.Tiers[i]) })})
		}
		add(&offered, func(s *sim.Sample, t *sim.TierSample) float64 { return r.perSecond(s, t.Offered) })
		add(&shed, func(s *sim.Sample, t *sim.TierSample) float64 { return r.perSecond(s, t.Shed) })
		add(&failed, func(s *sim.Sample, t *sim.TierSample) float64 { return r.perSecond(s, t.Failed) })
		add(&good, func(_ *sim.Sample, t *sim.TierSample) float64 {
			if part, ok := goodPart(t); ok {
				return 100 * part
			}
			return math.NaN()
		})
		add(&slow, func(_ *sim.Sample, t *sim.TierSample) float64 {
			if t.P99 == 0 {
				return math.NaN()
			}
			return t.P99.Seconds() * 1000
		})
	}
	for i, c := range r.Clouds {
		name, color := cut(c.Cloud, 16), len(r.Tiers)+i
		sent.Series = append(sent.Series, chart.Series{Name: name, Color: color, Values: r.each(func(s *sim.Sample) float64 {
			return r.perSecond(s, s.Clouds[i].First+s.Clouds[i].Retries)
		})})
		if c.Carries > 0 {
			sent.Series = append(sent.Series, chart.Series{Name: name + " at most", Color: color, Line: true, Values: r.each(func(s *sim.Sample) float64 {
				return s.Clouds[i].Carries / r.s.scale
			})})
		}
	}
	return []chart.Panel{offered, sent, good, shed, failed, slow}
}

func (r *simulated) each(value func(*sim.Sample) float64) []float64 {
	values := make([]float64, len(r.result.Samples))
	for i := range r.result.Samples {
		values[i] = value(&r.result.Samples[i])
	}
	return values
}

//go:embed report.html
var reportFile embed.FS

var reportPage = template.Must(template.ParseFS(reportFile, "report.html"))

// html is a page with the tables and the charts. It needs nothing else.
func (r *simulated) html(svg string) (string, error) {
	var b strings.Builder
	err := reportPage.Execute(&b, map[string]interface{}{
		"Title": r.title(), "File": r.File, "Faults": r.happens(), "Verdict": r.verdict(), "Served": r.Served, "Notes": r.Notes,
		"Tiers": cells(r.tierTable()), "Clouds": cells(r.cloudTable()), "Events": cells(r.eventTable(mostEvents)), "Changes": cells(r.changeTable()),
		"Chart": template.HTML(svg), // package chart has escaped what it was given
	})
	return b.String(), err
}

// grid is a table for the page.
type grid struct {
	Head  []string
	Right []bool
	Rows  [][]string
}

func cells(t *table) grid {
	g := grid{Head: t.head, Rows: t.rows}
	for i := range len(t.head) {
		g.Right = append(g.Right, t.isRight(i))
	}
	return g
}
