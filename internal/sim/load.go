package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/fairlead-go/fairlead/sla"
)

// Group is clients that come later, or leave before the end. While they are
// there they take part in the calls.
type Group struct {
	Clients int
	// From and Until are times of the simulation. Until 0 is the end.
	From, Until time.Duration
	// Load is how many calls each client makes relative to those of
	// Scenario.Clients. Default: 1.
	Load float64
}

// load decides who calls when: a Poisson process with the scenario's rate, each
// call by a client of those that are there.
type load struct {
	world   *world
	rand    *rand.Rand
	demand  course
	parts   []course // of tiers
	there   []*client
	sums    []float64 // of the loads of those who are there
	portion []float64 // of tiers, for one draw
	arrive  func()

	contexts [][]context.Context // by tier and customer
}

func newLoad(w *world) *load {
	l := &load{world: w, rand: w.random(), demand: course{points: w.Demand}, portion: make([]float64, len(w.Tiers))}
	for _, t := range w.Tiers {
		l.parts = append(l.parts, course{points: t.Parts})
		ctx := sla.WithTier(context.Background(), t.Name)
		contexts := []context.Context{ctx}
		if t.Customers > 0 {
			contexts = nil
		}
		for k := range t.Customers {
			contexts = append(contexts, sla.WithCaller(ctx, sla.Caller{Product: t.Name, Customer: customer(&t, k)}))
		}
		l.contexts = append(l.contexts, contexts)
	}
	l.arrive = func() {
		l.call()
		l.next()
	}
	return l
}

// customer is the name of a tier's customer, counted from 0.
func customer(t *Tier, k int) string { return fmt.Sprintf("%s-%d", t.Name, k) }

// next sets the event of the next call.
func (l *load) next() {
	if at := l.demand.after(l.world.now, l.rand.ExpFloat64()); at < l.world.Duration {
		l.world.at(at, l.arrive)
	}
}

// call makes a call of a tier drawn by the tiers' parts, by a client and for a
// customer drawn from all.
func (l *load) call() {
	if len(l.there) == 0 {
		return
	}
	total := 0.0
	for i := range l.parts {
		total += l.parts[i].at(l.world.now)
		l.portion[i] = total
	}
	if total <= 0 {
		return
	}
	tier := min(drawn(l.portion, l.rand.Float64()*total), len(l.portion)-1)
	who := min(drawn(l.sums, l.rand.Float64()*l.sums[len(l.sums)-1]), len(l.there)-1)
	customers := l.contexts[tier]
	whom := 0
	if len(customers) > 1 {
		whom = l.rand.IntN(len(customers))
	}
	begin(l.there[who], tier, whom)
}

// drawn returns the index of the first sum that is above a point.
func drawn(sums []float64, point float64) int {
	i, found := slices.BinarySearch(sums, point)
	if found {
		i++
	}
	return i
}

// join lets a client take part.
func (l *load) join(c *client) { l.set(append(l.there, c)) }

// leave ends that.
func (l *load) leave(c *client) {
	l.set(slices.DeleteFunc(l.there, func(o *client) bool { return o == c }))
}

func (l *load) set(there []*client) {
	l.there, l.sums = there, l.sums[:0]
	sum := 0.0
	for _, c := range there {
		sum += c.load
		l.sums = append(l.sums, sum)
	}
}
