package failover

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// Who comes late follows what is in force, as all others do: what began long ago, or
// in another order than it is listed in, is no change that began just now.
func TestWhoComesLateFollows(t *testing.T) {
	shift := Change{ID: "move", Kind: KindShift, Weights: map[string]uint32{"b": 40}, Start: monday.Add(-time.Hour)}
	for _, changes := range [][]Change{
		{shift, drill("weekly", "a", monday.Add(-10*time.Minute), time.Hour)},
		{drill("weekly", "a", monday.Add(-10*time.Minute), time.Hour), shift},
	} {
		b := newBench(t)
		b.set(changes...)
		b.run(benchStep)
		b.want("50ms move running", "50ms weekly running")
		// Next to the drill's beginning, however late it is seen, nothing else begins.
		b = newBench(t)
		near := changes[0]
		other := changes[1]
		near.Services, other.Services = []string{"api"}, []string{"other"}
		near.Start, other.Start = monday.Add(-10*time.Minute), monday.Add(-10*time.Minute-30*time.Second)
		b.set(near, other)
		b.run(benchStep)
		b.want("50ms "+other.ID+" running", "50ms "+near.ID+" refused")
		if reason := b.last.Reason; reason != "another change began or ended 30s ago, and 1m0s must lie between" {
			t.Error(reason)
		}
	}
}

// What was over before this process came, or while its clock was wrong, doesn't wait
// for ever.
func TestMissed(t *testing.T) {
	b := newBench(t)
	b.set(drill("old", "a", monday.Add(-time.Hour), time.Minute), drill("next", "b", monday.Add(time.Hour), time.Minute))
	if s := b.agenda.Status(b.wall)[0]; s.State != ChangeEnded || !s.Since.Equal(monday.Add(-59*time.Minute)) {
		t.Errorf("%+v", s)
	}
	b.wall = b.wall.Add(2 * time.Hour)
	b.run(benchStep)
	b.want("50ms next ended")
	b.wall = b.wall.Add(-2 * time.Hour)
	b.run(time.Hour + time.Minute)
	b.want("1h0m0.05s next running", "1h1m0.05s next ended") // by the calendar it comes yet
}

// An applied shift leaves no trace when it is over or cancelled; given up, it keeps
// the weights where they were.
func TestWeightsAfterAnAppliedShift(t *testing.T) {
	move := Change{ID: "move", Kind: KindShift, From: map[string]uint32{"b": 0}, Weights: map[string]uint32{"b": 60}, End: monday.Add(time.Hour)}
	b := newBench(t)
	if err := b.add(move); err != nil {
		t.Fatal(err)
	}
	b.run(30 * time.Minute)
	if w := b.weights()["b"]; w != 60 {
		t.Errorf("weight %d while it is in force", w)
	}
	b.run(31 * time.Minute)
	if w := b.weights()["b"]; w != 30 {
		t.Errorf("weight %d when it is over", w)
	}
	b = newBench(t)
	if err := b.add(move); err != nil {
		t.Fatal(err)
	}
	b.bad = 35
	b.run(10 * time.Second)
	b.want("0s move running", "100ms move aborted")
	if w := b.weights()["b"]; w != 0 {
		t.Errorf("weight %d when it was given up", w)
	}
	if _, err := b.agenda.Cancel(b.now, b.wall, "move", "cancelled"); err != nil {
		t.Fatal(err)
	}
	if w := b.weights()["b"]; w != 30 {
		t.Errorf("weight %d when it was cancelled", w)
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

// A record that can't be read doesn't take others with it, and a drain that was in
// force is so after a restart with a clock that is wrong.
func TestRestore(t *testing.T) {
	b := newBench(t)
	if err := b.add(Change{ID: "out", Kind: KindDrain, Cloud: "a"}); err != nil {
		t.Fatal(err)
	}
	b.run(time.Minute)
	if err := b.add(drill("later", "b", monday.Add(24*time.Hour), time.Hour)); err != nil {
		t.Fatal(err)
	}
	data, err := b.agenda.Save()
	if err != nil {
		t.Fatal(err)
	}
	data = []byte(strings.Replace(string(data), "[", `[{"Change":{"ID":"x"},"Applied":true},`, 1))
	next := newBench(t)
	next.wall = monday.Add(-10 * 365 * 24 * time.Hour)
	if err := next.agenda.Restore(data); err == nil || !strings.Contains(err.Error(), "change x") {
		t.Errorf("got %v", err)
	}
	next.run(time.Minute)
	next.want("50ms out running")
	if n := len(next.agenda.Status(next.wall)); n != 2 {
		t.Errorf("%d changes", n)
	}
}

// What is cancelled for good is forgotten like all that is over.
func TestAppliedHistoryIsBounded(t *testing.T) {
	b := newBench(t)
	for i := range 3 * mostHistory {
		c := drill(fmt.Sprint("weekly-", i), "a", monday.Add(time.Hour), time.Minute)
		c.Repeat = time.Hour
		if err := b.add(c); err != nil {
			t.Fatal(err)
		}
		if _, err := b.agenda.Cancel(b.now, b.wall, c.ID, "cancelled"); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(b.agenda.Status(b.wall)); n > mostHistory+1 {
		t.Errorf("%d changes are remembered", n)
	}
}

// What a long drill has cost is counted from its beginning, though burn rates look
// back an hour.
func TestBudgetSpentByALongDrill(t *testing.T) {
	b := newBench(t)
	b.wall = monday.Add(-benchStep)
	b.run(benchStep)
	c := drill("weekly", "a", monday, 5*time.Hour)
	c.Abort.Events = mostEvents
	b.set(c)
	b.bad = 1
	b.run(10 * time.Minute)
	b.bad = 0
	b.run(4*time.Hour + 50*time.Minute)
	b.want("100ms weekly running", "5h0m0.05s weekly ended")
	tier := b.last.Report.Tiers[0]
	// Bad calls / (what a window of 720 h may have at this rate).
	want := float64(tier.Bad) / (0.0005 * float64(tier.Calls) / 5 * 720)
	if got := tier.BudgetSpent; tier.Bad < 10_000 || math.Abs(got-want) > 0.01*want {
		t.Errorf("%d of %d calls were bad, %v of the budget, want %v", tier.Bad, tier.Calls, got, want)
	}
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
