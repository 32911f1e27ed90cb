package main

import (
	"fmt"
	"math"
	"time"

	"github.com/fairlead-go/fairlead/internal/chart"
	"github.com/fairlead-go/fairlead/internal/sim"
)

// Colors of the chart's palette.
var (
	tierColors  = []int{0, 2, 5}
	cloudColors = []int{4, 3}
)

// picture draws the course of a replay.
func picture(d *demand, s *sim.Scenario, r *sim.Result) chart.Chart {
	samples := r.Samples
	for len(samples) > 0 && samples[len(samples)-1].Until > s.Duration {
		samples = samples[:len(samples)-1] // the rest of the last calls
	}
	values := func(of func(*sim.Sample) float64) []float64 {
		all := make([]float64, len(samples))
		for i := range samples {
			all[i] = of(&samples[i])
		}
		return all
	}
	perSecond := func(n uint64) float64 { return float64(n) / sampleEvery.Seconds() }
	byTier := func(of func(*sim.TierSample) float64) (all []chart.Series) {
		for k := range r.Tiers {
			all = append(all, chart.Series{Name: r.Tiers[k].Name, Color: tierColors[k], Values: values(func(s *sim.Sample) float64 { return of(&s.Tiers[k]) })})
		}
		return all
	}
	byCloud := func(of func(*sim.CloudSample) float64) (all []chart.Series) {
		for k, c := range r.Clouds {
			all = append(all, chart.Series{Name: c.Name, Color: cloudColors[k], Values: values(func(s *sim.Sample) float64 { return of(&s.Clouds[k]) })})
		}
		return all
	}
	offered := append(byTier(func(t *sim.TierSample) float64 { return perSecond(t.Offered) }), chart.Series{
		Name: "ready capacity", Color: 1, Line: true,
		Values: values(func(s *sim.Sample) float64 {
			sum := 0.0
			for _, c := range s.Clouds {
				sum += c.Carries
			}
			return sum
		}),
	})
	return chart.Chart{
		Title: "Demand beyond what the clouds can carry",
		Subtitle: fmt.Sprintf("%s, %s to %s; half an hour lasts %v, new nodes of gcp are ready %v after they were ordered",
			d.source, d.start.Format(dayLayout), d.at(len(d.values)-1).Format(dayLayout), slotLasts, readyAfter),
		X: values(func(s *sim.Sample) float64 {
			return s.Until.Seconds()
		}),
		Ticks: ticks(d, s.Duration),
		Panels: []chart.Panel{
			{Title: "demand", Unit: "calls/s", Stacked: true, Series: offered},
			{Title: "share of the clouds", Unit: "%", Stacked: true, Max: 100, Series: byCloud(func(c *sim.CloudSample) float64 { return 100 * c.Share })},
			{Title: "shed", Unit: "calls/s", Stacked: true, Max: 10, Series: byTier(func(t *sim.TierSample) float64 { return perSecond(t.Shed) })},
			{Title: "utilization", Unit: "%", Max: 100, Series: byCloud(func(c *sim.CloudSample) float64 { return 100 * c.Utilization })},
			{Title: "p99", Unit: "ms", Series: byTier(func(t *sim.TierSample) float64 {
				if t.P99 == 0 {
					return math.NaN()
				}
				return millis(t.P99)
			})},
		},
	}
}

// ticks marks round times of the data, at most a dozen.
func ticks(d *demand, lasts time.Duration) (all []chart.Tick) {
	const most = 12
	const day = 24 * time.Hour
	spans, step := time.Duration(compression)*lasts, day
	for _, shorter := range []time.Duration{time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour} {
		if spans <= most*shorter {
			step = shorter
			break
		}
	}
	for k := 2; spans > most*step; k++ {
		step = time.Duration(k) * day
	}
	layout := "15:04"
	if step >= day {
		layout = "Jan 2"
	}
	for at := d.start.Truncate(min(step, day)); !at.After(d.start.Add(spans)); at = at.Add(step) {
		all = append(all, chart.Tick{X: (at.Sub(d.start) / time.Duration(compression)).Seconds(), Label: at.Format(layout)})
	}
	return all
}
