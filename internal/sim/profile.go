package sim

import (
	"math"
	"time"
)

// Point is a value at a time of the simulation.
type Point struct {
	At    time.Duration
	Value float64
}

// Profile is a value over time: straight lines between its points, and before
// the first and after the last what these say. Two points of the same time are
// a step. Points are in the order of time. The empty profile is 0.
type Profile []Point

// Steady is the same value at all times.
func Steady(value float64) Profile { return Profile{{0, value}} }

// Steps keeps the value of each point until the next.
func Steps(points ...Point) Profile {
	var p Profile
	for i, at := range points {
		if i > 0 {
			p = append(p, Point{at.At, points[i-1].Value})
		}
		p = append(p, at)
	}
	return p
}

// Spike is usual, but from from on until until, before which it rises for rise
// and after which it falls for as long.
func Spike(usual, peak float64, from, until, rise time.Duration) Profile {
	return Profile{{from - rise, usual}, {from, peak}, {until, peak}, {until + rise, usual}}
}

// Lines connects values that are the same time apart, the first at 0.
func Lines(values []float64, apart time.Duration) Profile {
	p := make(Profile, len(values))
	for i, v := range values {
		p[i] = Point{time.Duration(i) * apart, v}
	}
	return p
}

// At returns the value at a time; after a step that of its second point.
func (p Profile) At(t time.Duration) float64 {
	c := course{points: p}
	return c.at(t)
}

// course walks along a profile as time goes on.
type course struct {
	points Profile
	next   int // the first point after the time asked for last
}

// at returns the value at t, which is no earlier than the time asked for last.
func (c *course) at(t time.Duration) float64 {
	for c.next < len(c.points) && c.points[c.next].At <= t {
		c.next++
	}
	switch {
	case len(c.points) == 0:
		return 0
	case c.next == 0:
		return c.points[0].Value
	case c.next == len(c.points):
		return c.points[c.next-1].Value
	}
	a, b := c.points[c.next-1], c.points[c.next]
	return a.Value + (b.Value-a.Value)*float64(t-a.At)/float64(b.At-a.At)
}

// never is later than any simulation lasts.
const never = time.Duration(math.MaxInt64)

// after returns the time by which the area under the profile from t on, in
// values × seconds, has grown to area. With an exponentially distributed area of
// mean 1 that is the next event of a Poisson process whose rate is the profile
// (by the time-rescaling theorem).
func (c *course) after(t time.Duration, area float64) time.Duration {
	for {
		rate := c.at(t)
		if c.next >= len(c.points) { // level from here on
			if rate <= 0 {
				return never
			}
			return later(t, area/rate)
		}
		end := c.points[c.next]
		left := (end.At - t).Seconds()
		slope := 0.0
		if c.next > 0 {
			slope = (end.Value - rate) / left
		}
		whole := left * (rate + slope*left/2)
		if area < whole {
			// rate·x + slope·x²/2 = area, solved so that a slope of 0 does no harm.
			return later(t, 2*area/(rate+math.Sqrt(max(rate*rate+2*slope*area, 0))))
		}
		area -= whole
		t = end.At
	}
}

// later is t and some seconds, or never.
func later(t time.Duration, seconds float64) time.Duration {
	if seconds > 1e9 {
		return never
	}
	return t + time.Duration(seconds*float64(time.Second))
}
