package main

import (
	"math"
	"slices"
	"sort"
	"time"

	"github.com/fairlead-go/fairlead/health"
)

// tierFigures say how the calls of one tier fared.
type tierFigures struct {
	tier          string
	calls, failed int
	p50, p99      time.Duration // of all calls, good or bad
}

// success is the fraction of calls that didn't fail; 1 if there were none.
func (f *tierFigures) success() float64 {
	if f.calls == 0 {
		return 1
	}
	return 1 - float64(f.failed)/float64(f.calls)
}

// tiers measures the calls that ended in [from, to), by tier in the order of
// tierNames.
func (r *record) tiers(from, to time.Duration) []tierFigures {
	ended := func(t time.Duration) int {
		return sort.Search(len(r.calls), func(i int) bool { return r.calls[i].ended >= t })
	}
	var figures []tierFigures
	for _, name := range tierNames {
		f := tierFigures{tier: name}
		var took []time.Duration
		for _, c := range r.calls[ended(from):max(ended(from), ended(to))] {
			if c.tier != name {
				continue
			}
			f.calls++
			if c.failed {
				f.failed++
			}
			took = append(took, c.took)
		}
		slices.Sort(took)
		f.p50, f.p99 = quantile(took, 0.50), quantile(took, 0.99)
		figures = append(figures, f)
	}
	return figures
}

// quantile returns the smallest value that at least the fraction q of the
// sorted values doesn't exceed; 0 if there are none.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(math.Ceil(q*float64(len(sorted))))-1]
}

// begun returns the attempts that began in [from, to).
func (r *record) begun(from, to time.Duration) []attempt {
	index := func(t time.Duration) int {
		return sort.Search(len(r.attempts), func(i int) bool { return r.attempts[i].began >= t })
	}
	return r.attempts[index(from):max(index(from), index(to))]
}

// shares returns the part of the attempts begun in [from, to) that went to
// each cloud, which is 0 if there were none.
func (r *record) shares(from, to time.Duration) map[string]float64 {
	begun := r.begun(from, to)
	counts := make(map[string]int)
	for _, a := range begun {
		counts[a.cloud]++
	}
	shares := make(map[string]float64)
	for name := range paces {
		shares[name] = float64(counts[name]) / float64(max(1, len(begun)))
	}
	return shares
}

// detected returns the time from the fault of a cloud until the router knew
// it was down. It reports false if it didn't before until.
func (r *record) detected(cloud string, fault, until time.Duration) (time.Duration, bool) {
	for _, c := range r.changes {
		if c.cloud == cloud && c.to == health.Down && c.at >= fault && c.at < until {
			return c.at - fault, true
		}
	}
	return 0, false
}

// slice is the resolution of evacuated.
const slice = 50 * time.Millisecond

// evacuated returns the time from the fault of a cloud until its share was
// under 1 % and stayed so: the end of the last slice of time before until in
// which 1 % or more of the attempts sent went there. It reports false if that
// was still so in the end.
func (r *record) evacuated(cloud string, fault, until time.Duration) (time.Duration, bool) {
	after := time.Duration(0)
	for from := fault; from < until; from += slice {
		to := min(from+slice, until)
		if r.shares(from, to)[cloud] >= 0.01 {
			after = to - fault
		}
	}
	return after, after < until-fault
}
