package health

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// simulates marks a test that runs long and in one goroutine: the race detector
// would make it ten times longer and find nothing.
func simulates(t *testing.T) {
	if raceEnabled || testing.Short() {
		t.Skip("a simulation")
	}
}

// world drives one target with simulated calls in virtual time. Calls arrive
// as a Poisson process and go to a random eligible endpoint. That is harder on
// the detectors than two choices, which avoid an endpoint in trouble.
type world struct {
	*Target
	all      []*Endpoint
	behave   []conditions // of each endpoint
	rate     float64      // calls per second
	latency  time.Duration
	away     time.Duration // on the network
	errors   float64
	slow     float64 // part of the answers that take 100 times as long
	best     float64
	probing  bool
	schedule Schedule
	rand     *rand.Rand

	now     time.Duration
	next    time.Duration // arrival of a call
	sweep   time.Duration // next
	pending completions
	seen    []Change
}

// conditions is how an endpoint behaves.
type conditions struct {
	dead, mute bool
	errors     float64
	slower     float64 // factor
}

type completion struct {
	at, began time.Duration
	e         int
	outcome   Outcome
	probe     bool
}

type completions []completion

func (c completions) Len() int           { return len(c) }
func (c completions) Less(i, j int) bool { return c[i].at < c[j].at }
func (c completions) Swap(i, j int)      { c[i], c[j] = c[j], c[i] }
func (c *completions) Push(x any)        { *c = append(*c, x.(completion)) }
func (c *completions) Pop() any {
	last := len(*c) - 1
	x := (*c)[last]
	*c = (*c)[:last]
	return x
}

// newWorld has a target with a latency of 15 ms in the median (log-normal,
// 25 ms at the 90th percentile) and 1 % errors.
func newWorld(seed uint64, rate float64, endpoints int) *world {
	w := &world{
		Target:  NewTarget(Settings{}, []Objective{{Tier: "critical"}}, 0),
		rand:    rand.New(rand.NewPCG(seed, 1)),
		rate:    rate,
		latency: 15 * time.Millisecond,
		errors:  0.01,
		best:    1,
	}
	for range endpoints {
		w.all = append(w.all, new(Endpoint))
	}
	w.behave = make([]conditions, endpoints)
	w.SetEndpoints(0, w.all)
	w.sweep = time.Duration(w.rand.Int64N(int64(sweepInterval)))
	return w
}

// suffer makes endpoints behave so; all of them if none is named.
func (w *world) suffer(c conditions, endpoints ...int) {
	if len(endpoints) == 0 {
		for i := range w.all {
			endpoints = append(endpoints, i)
		}
	}
	for _, i := range endpoints {
		w.behave[i] = c
	}
}

// run passes time until then, or until a change happens that stop accepts.
func (w *world) run(until time.Duration, stop func(Change) bool) bool {
	for w.now < until {
		w.now = min(w.next, w.sweep)
		if len(w.pending) > 0 {
			w.now = min(w.now, w.pending[0].at)
		}
		switch {
		case len(w.pending) > 0 && w.pending[0].at == w.now:
			w.complete(heap.Pop(&w.pending).(completion))
		case w.sweep == w.now:
			w.sweep += sweepInterval + time.Duration(w.rand.Int64N(int64(2*time.Millisecond)))
			changes, _ := w.Sweep(w.now, w.best)
			w.seen = append(w.seen, changes...)
			w.probe()
			if stop != nil && slices.ContainsFunc(changes, stop) {
				return true
			}
		default:
			w.next += time.Duration(w.rand.ExpFloat64() / w.rate * float64(time.Second))
			if w.State() != Down {
				w.call()
			}
		}
	}
	return false
}

// call begins a call at an eligible endpoint and decides how it will end.
func (w *world) call() {
	i := w.rand.IntN(len(w.all))
	for !w.all[i].Eligible() {
		i = w.rand.IntN(len(w.all))
	}
	w.all[i].Begin(0)
	took, outcome := w.fate(w.behave[i])
	heap.Push(&w.pending, completion{at: w.now + took, began: w.now, e: i, outcome: outcome})
}

// probe begins the probes that are due.
func (w *world) probe() {
	if !w.probing {
		return
	}
	for _, e := range w.schedule.Due(w.now, w.Target, w.rand.Float64) {
		i := slices.Index(w.all, e)
		c := w.behave[i]
		took, outcome := w.fate(conditions{dead: c.dead, mute: c.mute, slower: c.slower})
		if c.mute {
			took = w.settings.Probe.Timeout
		}
		heap.Push(&w.pending, completion{at: w.now + took, began: w.now, e: i, outcome: outcome, probe: true})
	}
}

// complete tells the target how an attempt or a probe ended.
func (w *world) complete(c completion) {
	e := w.all[c.e]
	if c.probe {
		w.Probed(e, c.outcome)
		return
	}
	w.Record(e, 0, c.began, w.now, c.outcome)
	e.End()
}

func (w *world) fate(c conditions) (time.Duration, Outcome) {
	took := time.Duration(float64(w.latency) * math.Exp(0.4*w.rand.NormFloat64()))
	if c.slower > 0 {
		took = time.Duration(float64(took) * c.slower)
	}
	if w.slow > 0 && w.rand.Float64() < w.slow {
		took *= 100
	}
	took += w.away
	switch {
	case c.dead:
		return time.Millisecond, Outcome{Kind: Refused, Reason: "connection refused"}
	case c.mute:
		return w.attemptTime(), Outcome{Kind: TimedOut, Reason: "attempt timed out"}
	case w.rand.Float64() < w.errors+c.errors:
		return took, Outcome{Kind: Failed, Reason: "http 500"}
	}
	return took, Outcome{Kind: OK}
}

// attemptTime is 4 × p99 within 50 ms and half of a deadline of 800 ms.
func (w *world) attemptTime() time.Duration {
	limit := 400 * time.Millisecond
	if p := w.P99(0); p > 0 {
		limit = min(limit, 4*p)
	}
	return max(50*time.Millisecond, limit)
}
