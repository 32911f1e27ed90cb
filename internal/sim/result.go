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
	// Samples are what happened, piece by piece.
	Samples []Sample
	// Clients are what each client did, in the order in which they came.
	Clients []ClientResult
	// Moves are what became of the scenario's planned changes, in the order of time.
	Moves []ChangeEvent
	// Plans are the plans of each client, in the order of time, if the scenario
	// keeps them.
	Plans [][]PlanChange
	// Changes are the changes of state that the clients' routers made, in the
	// order of time.
	Changes []StateChange
	// Took is how much virtual time passed, Events how many events were set in
	// it.
	Took   time.Duration
	Events uint64
	// Unfinished is the number of calls that were still under way at the end.
	Unfinished int

	world *world // while it runs
}

// TierResult is what callers of one tier saw.
type TierResult struct {
	Name   string
	Calls  uint64
	Shed   uint64 // refused because there is not enough for all
	Failed uint64
	// Good calls were answered well within the tier's objective.
	Good             uint64
	FailedAt, ShedAt Series              // when they did, or were
	Latency          histogram.Histogram // of the calls that were answered well
	// Customers are the tier's callers, if it has any.
	Customers []CustomerResult
}

// CustomerResult is what one of a tier's customers saw.
type CustomerResult struct {
	Name        string
	Calls, Shed Series
}

// ClientResult is what one client did.
type ClientResult struct {
	From time.Duration // when it came
	// Sent counts its attempts by cloud, in the order of the scenario, if the
	// scenario keeps clients.
	Sent []Series
}

// CloudResult is what was sent to one cloud.
type CloudResult struct {
	Name     string
	Attempts uint64
	// First and Retries count the attempts: the first ones of calls, and the
	// others.
	First, Retries Series
	// Hedges are those of the retries that were made beside the first attempt.
	Hedges Series
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

// ChangeEvent is what became of a drain, shift or drill at one client.
type ChangeEvent struct {
	At     time.Duration
	Client int
	Change failover.ChangeStatus
}

func (c ChangeEvent) String() string {
	return fmt.Sprintf("%8.3fs client %d: %s %s %s: %s", c.At.Seconds(), c.Client, c.Change.Kind, c.Change.ID, c.Change.State, c.Change.Reason)
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
		for k := range t.Customers {
			r.Tiers[i].Customers = append(r.Tiers[i].Customers, CustomerResult{Name: customer(&t, k)})
		}
	}
	for i, c := range s.Clouds {
		r.Clouds[i].Name = c.Name
		r.Clouds[i].Endpoints = make([]Series, c.Endpoints)
	}
	return r
}

// joined makes room for one more client.
func (r *Result) joined(id int) {
	c := ClientResult{From: r.world.now}
	if r.world.KeepClients {
		c.Sent = make([]Series, len(r.Clouds))
	}
	r.Clients = append(r.Clients, c)
	if r.world.KeepPlans {
		r.Plans = append(r.Plans, nil)
	}
}

// begun notes that a call began.
func (r *Result) begun(d *call) {
	t, now := &r.Tiers[d.tier], &r.world.sampler.now.Tiers[d.tier]
	t.Calls++
	now.Offered++
	if len(t.Customers) > 0 && !r.world.Long {
		t.Customers[d.customer].Calls.add(d.began)
	}
}

// attempt notes that one is sent to a server.
func (r *Result) attempt(d *call, s *server, hedge bool) {
	w := r.world
	c, now := &r.Clouds[s.cloud], &w.sampler.now.Clouds[s.cloud]
	first := len(d.tried) == 1
	if first {
		now.First++
		w.sampler.now.Tiers[d.tier].Admitted++
	} else {
		now.Retries++
	}
	c.Attempts++
	if w.Long {
		return
	}
	c.Endpoints[s.place].add(w.now)
	if first {
		c.First.add(w.now)
	} else {
		c.Retries.add(w.now)
	}
	if hedge {
		c.Hedges.add(w.now)
	}
	if sent := r.Clients[d.client.id].Sent; sent != nil {
		sent[s.cloud].add(w.now)
	}
}

// shed notes that a call ended because there is not enough for all.
func (r *Result) shed(d *call) {
	w := r.world
	t := &r.Tiers[d.tier]
	t.Shed++
	w.sampler.now.Tiers[d.tier].Shed++
	if w.Long {
		return
	}
	t.ShedAt.add(w.now)
	if len(t.Customers) > 0 {
		t.Customers[d.customer].Shed.add(w.now)
	}
}

// ended notes that a call came to its end.
func (r *Result) ended(d *call, ok bool) {
	w := r.world
	t, now := &r.Tiers[d.tier], &w.sampler.now.Tiers[d.tier]
	took := w.now - d.began
	if !ok {
		t.Failed++
		now.Failed++
		if !w.Long {
			t.FailedAt.add(w.now)
		}
		return
	}
	t.Latency.Record(took)
	w.sampler.latency[d.tier].Record(took)
	if limit := d.spec().Objective.Latency; limit > 0 && took > limit {
		now.Late++
	} else {
		t.Good++
		now.Good++
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
func (r *Result) Cloud(name string) *CloudResult { return &r.Clouds[r.index(name)] }

// index is the place of a cloud.
func (r *Result) index(name string) int {
	for i := range r.Clouds {
		if r.Clouds[i].Name == name {
			return i
		}
	}
	panic(fmt.Sprintf("sim: the scenario has no cloud %q", name))
}

// Tier returns the result of a tier of the scenario. It panics if there is none
// of that name.
func (r *Result) Tier(name string) *TierResult {
	for i := range r.Tiers {
		if r.Tiers[i].Name == name {
			return &r.Tiers[i]
		}
	}
	panic(fmt.Sprintf("sim: the scenario has no tier %q", name))
}

// Sent returns how many attempts each client sent to the cloud in [from, until),
// in the order of Clients. The scenario must keep clients.
func (r *Result) Sent(cloud string, from, until time.Duration) []uint64 {
	all := make([]uint64, len(r.Clients))
	for i := range r.Clients {
		all[i] = r.Clients[i].Sent[r.index(cloud)].Sum(from, until)
	}
	return all
}

// Calls counts the calls of all tiers and those of them that failed. A call that
// was shed didn't fail.
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
		sum += r.Clouds[i].Attempts
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
		fmt.Fprintf(&b, "tier %s: %d calls, %d shed, %d failed, %d good, p50 %v, p99 %v\n", t.Name, t.Calls, t.Shed, t.Failed, t.Good, s.Quantile(0.5), s.Quantile(0.99))
	}
	whole := r.Between(0, r.Took)
	for i, c := range whole.Clouds {
		fmt.Fprintf(&b, "cloud %s: %.1f %% of first attempts, %.1f %% busy, %d served, %d of them for nobody, %d pushed back\n",
			r.Clouds[i].Name, 100*c.Share, 100*c.Utilization, c.Served, c.Wasted, c.Refused)
	}
	const most = 20
	for i, c := range r.Changes {
		if i == most {
			fmt.Fprintf(&b, "and %d more changes of state\n", len(r.Changes)-most)
			break
		}
		fmt.Fprintln(&b, c)
	}
	for i, c := range r.Moves {
		if i == most {
			fmt.Fprintf(&b, "and %d more events of planned changes\n", len(r.Moves)-most)
			break
		}
		fmt.Fprintln(&b, c)
	}
	return b.String()
}
