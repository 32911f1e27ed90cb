package sim

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/sla"
)

// TestDemand follows a step of demand and a mix of tiers that changes.
func TestDemand(t *testing.T) {
	const s = time.Second
	tiers := threeTiers()
	tiers[0].Parts = Steps(Point{0, 1}, Point{20 * s, 0})
	tiers[2].Part = 3
	r := simulate(t, Scenario{
		Seed: 1, Duration: 40 * s, Clients: 3, Clouds: twoClouds(), Tiers: tiers,
		Demand: Steps(Point{0, 200}, Point{20 * s, 1000}),
	})
	for _, test := range []struct {
		from, until time.Duration
		want        []float64 // calls per second, by tier
	}{
		{0, 20 * s, []float64{40, 40, 120}},
		{20 * s, 40 * s, []float64{0, 250, 750}},
	} {
		sum := r.Between(test.from, test.until)
		for i, want := range test.want {
			want *= (test.until - test.from).Seconds()
			if got := float64(sum.Tiers[i].Offered); math.Abs(got-want) > 4*math.Sqrt(want) {
				t.Errorf("%v to %v: %.0f calls of %s, want %.0f", test.from, test.until, got, r.Tiers[i].Name, want)
			}
		}
	}
}

// TestGroups lets some clients come late, another leave early, and one have
// three times as much to do as the others.
func TestGroups(t *testing.T) {
	const s = time.Second
	r := simulate(t, Scenario{
		Seed: 1, Duration: 30 * s, Clients: 2, Rate: 600, Clouds: twoClouds(), KeepClients: true,
		Groups: []Group{{Clients: 1, From: 10 * s}, {Clients: 1, From: 10 * s, Until: 20 * s, Load: 3}},
	})
	for _, test := range []struct {
		from, until time.Duration
		want        []float64 // of 10 s
	}{
		{0, 10 * s, []float64{3000, 3000, 0, 0}},
		{10 * s, 20 * s, []float64{1000, 1000, 1000, 3000}},
		{20 * s, 30 * s, []float64{2000, 2000, 2000, 0}},
	} {
		onprem, gcp := r.Sent("onprem", test.from, test.until), r.Sent("gcp", test.from, test.until)
		for id, want := range test.want {
			if got := float64(onprem[id] + gcp[id]); math.Abs(got-want) > 5*math.Sqrt(want) {
				t.Errorf("%v to %v: client %d sent %.0f, want %.0f", test.from, test.until, id, got, want)
			}
		}
	}
	if r.Clients[2].From != 10*s {
		t.Errorf("the newcomer came at %v", r.Clients[2].From)
	}
	wantNoneFailed(t, r, "critical")
	for _, c := range r.Changes {
		if c.Client == 2 && c.At < 10*s {
			t.Errorf("a newcomer knew before it came: %v", c)
		}
	}
}

// TestCustomers gives each customer a level that all clients agree on, and
// another one on the next day.
func TestCustomers(t *testing.T) {
	const customers, midnight = 40, time.Minute
	tiers := threeTiers()
	tiers[1].Customers = customers
	w, err := newWorld(Scenario{Seed: 1, Clients: 2, Clouds: twoClouds(), Tiers: tiers, Midnight: midnight}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	levels := func() (all [2][customers]int) {
		for id, c := range w.clients {
			c.machine.Step()
			for k, ctx := range w.load.contexts[1] {
				a, err := c.router.Pick(ctx, balancer.Call{Service: service}, nil)
				if err != nil {
					t.Fatal(err)
				}
				a.End()
				all[id][k] = a.Level()
			}
		}
		return all
	}
	today := levels()
	w.now = midnight
	tomorrow := levels()
	if today[0] != today[1] || tomorrow[0] != tomorrow[1] {
		t.Error("two clients don't agree on the levels of customers")
	}
	same, distinct := 0, map[int]bool{}
	for k := range customers {
		distinct[today[0][k]] = true
		if today[0][k] == tomorrow[0][k] {
			same++
		}
	}
	if same > 3 || len(distinct) < customers/2 {
		t.Errorf("%d of %d customers keep their level, and there are %d levels", same, customers, len(distinct))
	}
}

// TestCustomerResults counts the calls of each customer.
func TestCustomerResults(t *testing.T) {
	tiers := threeTiers()
	tiers[2].Customers = 5
	r := simulate(t, Scenario{Seed: 1, Duration: 10 * time.Second, Rate: 300, Clouds: twoClouds(), Tiers: tiers})
	sum := uint64(0)
	for k, c := range r.Tier("batch").Customers {
		n := c.Calls.Sum(0, time.Minute)
		sum += n
		if c.Name != fmt.Sprintf("batch-%d", k) || n < 140 || n > 260 {
			t.Errorf("customer %q has %d calls, want about 200", c.Name, n)
		}
	}
	if sum != r.Tier("batch").Calls {
		t.Errorf("the customers have %d calls, the tier %d", sum, r.Tier("batch").Calls)
	}
}

// TestShedIsNoFailure ends a call with the error of a router that sheds it: at
// first, and when it asks for a second attempt.
func TestShedIsNoFailure(t *testing.T) {
	w, err := newWorld(Scenario{Seed: 1, Clouds: twoClouds()}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	shed := fmt.Errorf("pick: %w", &sla.ShedError{Tier: "critical", Reason: sla.ShedCapacity})
	for range 2 {
		d := begin(w.clients[0], 0, 0)
		d.leave(d.current.Silent(0, true)).End()
		d.refused(shed)
	}
	d := begin(w.clients[0], 0, 0)
	d.leave(d.current.Silent(0, true)).End()
	d.refused(balancer.ErrBudget)
	tier := &w.result.Tiers[0]
	if tier.Calls != 3 || tier.Shed != 2 || tier.Failed != 1 || w.open != 0 || tier.ShedAt.Sum(0, time.Second) != 2 {
		t.Errorf("%d calls, %d shed, %d failed, %d open; want 3, 2, 1, 0", tier.Calls, tier.Shed, tier.Failed, w.open)
	}
	for w.step(time.Minute) { // the answers that nobody waits for
		if len(w.requests) == 3 {
			break
		}
	}
	if served := w.measured(0).wasted + w.measured(1).wasted; served != 3 {
		t.Errorf("%d requests were served for nobody, want 3", served)
	}
}
