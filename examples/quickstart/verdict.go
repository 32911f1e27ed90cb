package main

import (
	"fmt"
	"math"
)

// verdict says whether a promise was kept.
type verdict struct {
	ok   bool
	text string
}

// mostRise is the slope of the plan, 10 points of share per second, and what
// chance adds to it: each call draws its cloud, so two seconds of 1,000 calls
// differ by 2 points (one standard deviation) without any slope.
const mostRise = 0.10 + 4*0.02

// verdicts hold the run against what was promised.
func (r *report) verdicts() []verdict {
	lost := r.failed(critical)
	all := []verdict{{lost == 0, fmt.Sprintf("%d critical calls failed; of all tiers %d of %d", lost, r.Failed, r.Calls)}}
	for _, p := range r.Phases {
		if p.lost != "" {
			fault := p.lost + " " + p.Name
			all = append(all,
				withinSecond(fault+": known to be down", p.Detect),
				withinSecond(fault+": share under 1 %", p.RTO))
		}
	}
	attempts := float64(r.Attempts) / float64(max(1, r.Calls))
	last := r.Phases[len(r.Phases)-1]
	off := 0.0
	for cloud, share := range split {
		off = max(off, math.Abs(last.Shares[cloud]-share))
	}
	return append(all,
		verdict{attempts <= 1.1, fmt.Sprintf("%.3f attempts per call, at most 1.1", attempts)},
		verdict{r.rise <= mostRise, fmt.Sprintf("the way back is a ramp: at most %.1f points of share from one second to the next", 100*r.rise)},
		verdict{off <= 0.03, fmt.Sprintf("in the end onprem has %.1f %% of %d calls, as configured: 70 %% ± 3 points", 100*last.Shares["onprem"], last.calls)})
}

// withinSecond judges the milliseconds after which something was so, nil if it
// never was.
func withinSecond(what string, ms *float64) verdict {
	if ms == nil {
		return verdict{false, what + ": never"}
	}
	return verdict{*ms <= 1000, fmt.Sprintf("%s after %.0f ms, at most 1,000", what, *ms)}
}
