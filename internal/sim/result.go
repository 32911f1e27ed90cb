package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/internal/histogram"
)

// Result is what came of a scenario.
type Result struct {
	Seed   uint64
	Tiers  []TierResult  // in the order of the scenario
	Clouds []CloudResult // likewise
	// Changes are the changes of state that the clients' routers made, in the
	// order of time.
	Changes []StateChange
	// Plans are the plans of each client, in the order of time, if the scenario
	// keeps them.
	Plans [][]PlanChange
	// Took is how much virtual time passed, Events how many events were set in
	// it.
	Took   time.Duration
	Events uint64
	// Unfinished is the number of calls that were still under way at the end.
	Unfinished int
}

// TierResult is what callers of one tier saw.
type TierResult struct {
	Name     string
	Calls    uint64
	Failed   uint64
	FailedAt Series              // when they did
	Latency  histogram.Histogram // of the calls that didn't fail
}

// CloudResult is what was sent to one cloud.
type CloudResult struct {
	Name string
	// First and Retries count the attempts: the first ones of calls, and the
	// others.
	First, Retries Series
	// Endpoints counts all attempts at each endpoint.
	Endpoints []Series
}

// StateChange is a change of one cloud's state as one client sees it.
type StateChange struct {
	At       time.Duration
	Client   int
	Cloud    string
	From, To health.State
	Reason   string
}

func (c StateChange) String() string {
	return fmt.Sprintf("%8.3fs client %d: %s %s → %s: %s", c.At.Seconds(), c.Client, c.Cloud, c.From, c.To, c.Reason)
}

// PlanChange is a new plan of one client.
type PlanChange struct {
	At   time.Duration
	Plan failover.Plan
}

// SeriesStep is the resolution of a Series.
const SeriesStep = 100 * time.Millisecond

// Series counts things by when they happened. The i-th number is that of the
// i-th SeriesStep.
type Series []uint32

func (s *Series) add(now time.Duration) {
	i := int(now / SeriesStep)
	for len(*s) <= i {
		*s = append(*s, 0)
	}
	(*s)[i]++
}

// Sum counts what happened in [from, until), rounded down to steps.
func (s Series) Sum(from, until time.Duration) uint64 {
	first := min(int(from/SeriesStep), len(s))
	last := min(max(first, int(until/SeriesStep)), len(s))
	sum := uint64(0)
	for _, n := range s[first:last] {
		sum += uint64(n)
	}
	return sum
}

func newResult(s *Scenario) *Result {
	r := &Result{Seed: s.Seed, Tiers: make([]TierResult, len(s.Tiers)), Clouds: make([]CloudResult, len(s.Clouds))}
	for i, t := range s.Tiers {
		r.Tiers[i].Name = t.Name
	}
	for i, c := range s.Clouds {
		r.Clouds[i].Name = c.Name
		r.Clouds[i].Endpoints = make([]Series, c.Endpoints)
	}
	if s.KeepPlans {
		r.Plans = make([][]PlanChange, s.Clients)
	}
	return r
}

// attempt notes that one is sent to an endpoint of a cloud.
func (r *Result) attempt(now time.Duration, cloud string, endpoint int, first bool) {
	c := r.Cloud(cloud)
	c.Endpoints[endpoint].add(now)
	if first {
		c.First.add(now)
	} else {
		c.Retries.add(now)
	}
}

// call notes that one ended.
func (r *Result) call(tier int, began, now time.Duration, ok bool) {
	t := &r.Tiers[tier]
	if ok {
		t.Latency.Record(now - began)
	} else {
		t.Failed++
		t.FailedAt.add(now)
	}
}

// stateChanged notes a change, and ends the simulation if that was waited for.
func (w *world) stateChanged(c StateChange) {
	w.result.Changes = append(w.result.Changes, c)
	if w.EndAt != nil && w.EndAt(c) {
		w.ended = true
	}
}

// Cloud returns the result of a cloud of the scenario. It panics if there is
// none of that name.
func (r *Result) Cloud(name string) *CloudResult {
	for i := range r.Clouds {
		if r.Clouds[i].Name == name {
			return &r.Clouds[i]
		}
	}
	panic(fmt.Sprintf("sim: the scenario has no cloud %q", name))
}

// Calls counts the calls of all tiers and those of them that failed.
func (r *Result) Calls() (calls, failed uint64) {
	for i := range r.Tiers {
		calls += r.Tiers[i].Calls
		failed += r.Tiers[i].Failed
	}
	return calls, failed
}

// Attempts counts the attempts sent to all clouds.
func (r *Result) Attempts() uint64 {
	sum := uint64(0)
	for i := range r.Clouds {
		sum += r.Clouds[i].First.Sum(0, r.Took+SeriesStep) + r.Clouds[i].Retries.Sum(0, r.Took+SeriesStep)
	}
	return sum
}

// Share is the part of the first attempts in [from, until) that went to the
// cloud; 0 if there were none.
func (r *Result) Share(cloud string, from, until time.Duration) float64 {
	all := uint64(0)
	for i := range r.Clouds {
		all += r.Clouds[i].First.Sum(from, until)
	}
	if all == 0 {
		return 0
	}
	return float64(r.Cloud(cloud).First.Sum(from, until)) / float64(all)
}

// String sums the result up for a person.
func (r *Result) String() string {
	var b strings.Builder
	calls, failed := r.Calls()
	fmt.Fprintf(&b, "seed %d: %v, %d events, %d calls, %d failed, %.3f attempts per call\n",
		r.Seed, r.Took, r.Events, calls, failed, float64(r.Attempts())/float64(max(calls, 1)))
	for i := range r.Tiers {
		t := &r.Tiers[i]
		var s histogram.Snapshot
		s.Add(&t.Latency)
		fmt.Fprintf(&b, "tier %s: %d calls, %d failed, p50 %v, p99 %v\n", t.Name, t.Calls, t.Failed, s.Quantile(0.5), s.Quantile(0.99))
	}
	for _, c := range r.Clouds {
		fmt.Fprintf(&b, "cloud %s: %.1f %% of first attempts\n", c.Name, 100*r.Share(c.Name, 0, r.Took+SeriesStep))
	}
	const most = 20
	for i, c := range r.Changes {
		if i == most {
			fmt.Fprintf(&b, "and %d more changes of state\n", len(r.Changes)-most)
			break
		}
		fmt.Fprintln(&b, c)
	}
	return b.String()
}
