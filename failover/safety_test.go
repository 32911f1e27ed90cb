package failover

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

func TestCapacityCheck(t *testing.T) {
	b := newBench(t)
	b.input.Clouds[0].Capacity, b.input.Clouds[1].Capacity = 1000, 500
	b.input.Demand = []float64{600, 0}
	b.set(drill("weekly", "a", monday, 10*time.Minute))
	b.run(20 * time.Minute)
	b.want("50ms weekly refused")
	if r := b.last.Report; r == nil || r.Outcome != CapacityCheckFailed || b.drained("a") != 0 {
		t.Errorf("report %+v", r)
	}
	// With enough of it, and with force, it happens.
	for _, forced := range []bool{false, true} {
		b = newBench(t)
		b.input.Clouds[0].Capacity, b.input.Clouds[1].Capacity = 1000, 700
		b.input.Demand = []float64{600, 500} // those of standard give way
		c := drill("weekly", "a", monday, 10*time.Minute)
		if forced {
			b.input.Demand[0], c.Force = 690, true
		}
		b.set(c)
		b.run(5 * time.Minute)
		if b.want("50ms weekly running"); (b.last.Forced != "") != forced {
			t.Errorf("forced: %q", b.last.Forced)
		}
		b.run(6 * time.Minute)
		if r := b.last.Report; r.Outcome != Succeeded || (r.Forced != "") != forced {
			t.Errorf("report %+v", r)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		name    string
		prepare func(*bench)
		change  Change
		rule    Rule
		reason  string
		forced  bool // can be overridden
	}{
		{"window", func(b *bench) {}, Change{ID: "x", Kind: KindDrain, Cloud: "a", Blocked: []Window{{Days: []string{"mon"}}}},
			RuleWindow, "it would touch a blocked time: mon 00:00–24:00 UTC", true},
		{"too few clouds", func(b *bench) { b.input.Clouds[1].State = health.Down }, Change{ID: "x", Kind: KindDrain, Cloud: "a"},
			RuleMinClouds, "tier critical of service api would be left with 0 of its 2 clouds, and must keep 1 that are neither drained nor down", true},
		{"interval", func(b *bench) {
			if err := b.add(Change{ID: "first", Kind: KindDrain, Cloud: "b", Services: []string{"other"}, End: monday.Add(time.Second)}); err != nil {
				t.Fatal(err)
			}
			b.run(31 * time.Second)
		}, drill("x", "a", monday, time.Hour), RuleInterval, "another change began or ended 30s ago, and 1m0s must lie between", true},
		{"contradiction", func(b *bench) {
			b.set(drill("first", "a", monday, time.Hour))
			b.run(time.Second)
		}, drill("x", "a", monday, time.Hour), RuleContradiction, "drill first moves the calls of a at the same time", false},
		{"shift to nothing", func(b *bench) { b.input.MinClouds = 2 }, Change{ID: "x", Kind: KindShift, Weights: map[string]uint32{"a": 0}},
			RuleMinClouds, "tier critical of service api would be left with 1 of its 2 clouds", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			test.prepare(b)
			b.news = nil
			err := b.add(test.change)
			if test.rule == RuleMinClouds && test.change.Kind == KindDrill {
				err = errors.New(b.last.Reason)
			}
			var refusal *Refusal
			if !errors.As(err, &refusal) || refusal.Rule != test.rule || !strings.HasPrefix(err.Error(), test.reason) {
				t.Fatalf("got %v", err)
			}
			test.change.Force = true
			err = b.add(test.change)
			if (err == nil) != test.forced {
				t.Fatalf("with force: %v", err)
			}
			if test.forced && !strings.HasPrefix(b.last.Forced, string(test.rule)+": ") {
				t.Errorf("forced: %q", b.last.Forced)
			}
		})
	}
}

// Force overrides all that speaks against a change, and tells all of it.
func TestForceTellsAll(t *testing.T) {
	b := newBench(t)
	b.input.Clouds[0].Capacity, b.input.Clouds[1].Capacity = 1000, 500
	b.input.Demand = []float64{600, 0}
	c := drill("weekly", "a", monday, 10*time.Minute)
	c.Blocked, c.Force = []Window{{Days: []string{"mon"}}}, true
	b.set(c)
	b.run(5 * time.Minute)
	b.want("50ms weekly running")
	if f := b.last.Forced; !strings.HasPrefix(f, "window: it would touch") || !strings.Contains(f, "; capacity: tier critical") {
		t.Errorf("forced: %q", f)
	}
}

// A tier that has nothing to do with the cloud, and a cloud that gets nothing of it,
// are no obstacle.
func TestOthersAreNoObstacle(t *testing.T) {
	b := newBench(t)
	b.input.Clouds = append(b.input.Clouds, Cloud{Name: "c", Weight: 10, Healthy: 1, State: health.Down}, Cloud{Name: "d", Weight: 10, Healthy: 1, State: health.Healthy, Capacity: 100})
	b.attempts["c"], b.attempts["d"] = &CloudCounts{}, &CloudCounts{}
	b.input.Tiers[0].Clouds.Only = []string{"a", "b"}
	b.input.Tiers[1].Clouds.Only = []string{"c"}
	b.input.Tiers = append(b.input.Tiers, sla.Tier{Name: "bound", Protected: true, Clouds: sla.Clouds{Only: []string{"d"}}})
	b.input.Demand = []float64{100, 100, 95}
	b.set(drill("weekly", "a", monday, 10*time.Minute))
	b.run(11 * time.Minute)
	b.want("50ms weekly running", "10m0s weekly ended")
	if b.last.Report.Outcome != Succeeded {
		t.Errorf("%v", b.last.Report)
	}
	// Its own tier is one.
	b = newBench(t)
	b.input.Tiers[1].Clouds.Only = []string{"a"}
	b.set(drill("weekly", "a", monday, 10*time.Minute))
	b.run(benchStep)
	b.want("50ms weekly refused")
}

// A drill that is planned for the moment when the interval is over takes place at
// every client, whenever each of them looks.
func TestJustAfterTheInterval(t *testing.T) {
	for _, late := range []time.Duration{0, time.Millisecond, 49 * time.Millisecond} {
		b := newBench(t)
		b.wall = b.wall.Add(late)
		b.set(drill("first", "a", monday.Add(time.Minute), 10*time.Minute), drill("second", "b", monday.Add(12*time.Minute), time.Minute))
		b.run(11*time.Minute + time.Second)
		b.wall = b.wall.Add(-5 * time.Millisecond) // it goes a little slower
		b.run(3 * time.Minute)
		if b.last.State != ChangeEnded || b.last.ID != "second" || len(b.news) != 4 {
			t.Errorf("%v late: %v", late, b.news)
		}
	}
}
