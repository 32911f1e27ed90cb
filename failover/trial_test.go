package failover

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/health"
)

// What burns the budget of a protected tier is given up at the next step, once
// there are enough bad calls.
func TestBurnAborts(t *testing.T) {
	for _, test := range []struct {
		name   string
		abort  AbortSettings
		bad    int
		ends   string
		reason string
	}{
		{"the 50th bad call", AbortSettings{}, 5, "550ms weekly aborted", "tier critical of service api burns its error budget 250.0 times as fast as allowed: 50 of 400 calls were bad in 500ms"},
		{"more events", AbortSettings{Events: 200}, 5, "2.05s weekly aborted", ""},
		{"within the budget", AbortSettings{}, 0, "10m0.05s weekly ended", "its time is over"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			b.bad = test.bad
			c := drill("weekly", "a", monday, 10*time.Minute)
			c.Abort = test.abort
			b.wall = monday.Add(-benchStep)
			b.run(benchStep)
			b.set(c)
			b.run(11 * time.Minute)
			if len(b.news) != 2 || test.reason != "" && b.last.Reason != test.reason {
				t.Errorf("%v: %s", b.news, b.last.Reason)
			}
			outcome := Failed
			if test.bad == 0 {
				outcome = Succeeded
			}
			if b.last.Report.Outcome != outcome {
				t.Errorf("outcome %s", b.last.Report.Outcome)
			}
			if want := strings.Fields(test.ends); !strings.Contains(b.news[1], want[len(want)-1]) {
				t.Errorf("%v, want %s", b.news, test.ends)
			}
			b.news = nil
			b.run(10 * time.Minute) // it doesn't begin again
			b.want()
		})
	}
}

// Callers who suffer only once the cloud is left have not got what they should.
func TestRecoveryCountsFromWhenTheCloudIsLeft(t *testing.T) {
	b := newBench(t)
	c := drill("weekly", "a", monday.Add(time.Second), time.Minute)
	c.Abort.Events = 1000
	b.set(c)
	b.run(time.Second + benchStep)
	b.bad = 1
	b.run(3 * time.Second)
	b.bad = 0
	b.run(time.Minute)
	r := b.last.Report
	if left := r.Left.Sub(r.Began); left != benchStep {
		t.Errorf("left after %v", left)
	}
	if r.Outcome != Succeeded || r.RTO != benchStep+3*time.Second {
		t.Errorf("%s, RTO %v", r.Outcome, r.RTO)
	}
}

// A drill that is over within a second of that has shown nothing.
func TestRecoveryTakesASecondToSee(t *testing.T) {
	for lasts, want := range map[time.Duration]Outcome{time.Second: Failed, 2 * time.Second: Succeeded} {
		b := newBench(t)
		b.set(drill("weekly", "a", monday.Add(time.Second), lasts))
		b.run(5 * time.Second)
		if r := b.last.Report; r.Outcome != want || want == Failed && !strings.Contains(r.Reason, "within a second") {
			t.Errorf("of %v: %s, %s", lasts, r.Outcome, r.Reason)
		}
	}
}

// A drain is what an operator wants, whatever it costs; unless the record says
// otherwise.
func TestDrainIsNotGivenUp(t *testing.T) {
	b := newBench(t)
	b.bad = 30
	if err := b.add(Change{ID: "out", Kind: KindDrain, Cloud: "a"}); err != nil {
		t.Fatal(err)
	}
	b.run(time.Hour)
	b.want("0s out running")
	b = newBench(t)
	b.bad = 30
	if err := b.add(Change{ID: "out", Kind: KindDrain, Cloud: "a", Abort: AbortSettings{Burn: 10}}); err != nil {
		t.Fatal(err)
	}
	b.run(time.Hour)
	b.want("0s out running", "2s out aborted")
}

// Demand that grows meanwhile ends a drill before anybody suffers.
func TestHeadroomAborts(t *testing.T) {
	b := newBench(t)
	b.input.Clouds[0].Capacity, b.input.Clouds[1].Capacity = 1000, 1000
	b.input.Demand = []float64{600, 500}
	b.set(drill("weekly", "a", monday, 10*time.Minute))
	b.run(time.Minute)
	b.input.Demand = []float64{895, 500}
	b.run(time.Minute)
	b.want("50ms weekly running")
	b.input.Demand = []float64{905, 500}
	b.run(benchStep)
	b.want("2m0.05s weekly aborted")
	if !strings.Contains(b.last.Reason, "leave cloud b a headroom of ") {
		t.Error(b.last.Reason)
	}
}

// When the cloud that stays falls, the drill gives its own back. An operator's
// drain holds.
func TestLossEndsADrill(t *testing.T) {
	b := newBench(t)
	b.set(drill("weekly", "a", monday, 10*time.Minute))
	b.run(time.Minute)
	b.input.Clouds[1].State = health.Down
	b.run(benchStep)
	b.want("50ms weekly running", "1m0.05s weekly aborted")
	b = newBench(t)
	b.set(Change{ID: "out", Kind: KindDrain, Cloud: "a", Start: monday})
	b.run(time.Minute)
	b.input.Clouds[1].State = health.Down
	b.run(time.Minute)
	b.want("50ms out running")
}

// A shift rolls back when the cloud it moves to fails, though no caller sees it.
func TestShiftAbortsOnAttempts(t *testing.T) {
	b := newBench(t)
	b.input.Clouds[0].Weight, b.input.Clouds[1].Weight = 100, 100
	b.set(Change{ID: "move", Kind: KindShift, From: map[string]uint32{"b": 0}, Weights: map[string]uint32{"a": 30, "b": 70}, Start: monday.Add(time.Minute), Ramp: 10 * time.Hour})
	b.run(30 * time.Second)
	if w := b.weights(); w["a"] != 100 || w["b"] != 0 {
		t.Errorf("before the start: %v", w)
	}
	b.run(9 * time.Hour)
	b.want("1m0s move running")
	if w := parts(b.weights()); math.Abs(w["b"]-0.63) > 0.002 {
		t.Errorf("after 9 h: %v", w)
	}
	failing := time.Duration(0)
	for b.last.State == ChangeRunning && failing < 2*time.Hour {
		b.attempts["b"].Good += 19
		b.attempts["b"].Bad++
		b.attempts["a"].Bad++ // that one isn't moved to
		b.run(benchStep)
		failing += benchStep
	}
	// Before there were no attempts at all, so 5 % of them fail from the first on.
	if b.last.State != ChangeAborted || failing > 3*time.Second || !strings.Contains(b.last.Reason, "attempts of service api at cloud b, which it moves to, fail 100.0 times") {
		t.Errorf("%s after %v: %s", b.last.State, failing, b.last.Reason)
	}
	if w := b.weights(); w["a"] != 100 || w["b"] != 0 {
		t.Errorf("afterwards: %v", w)
	}
}

// A shift also rolls back when a cloud fails that it moves to since later: one that a
// service gets meanwhile, or that its record gives more only now.
func TestShiftGuardsWhatItFavoursLater(t *testing.T) {
	shift := Change{ID: "move", Kind: KindShift, Weights: map[string]uint32{"a": 30, "b": 70}, Start: monday, Ramp: 10 * time.Minute}
	back := shift
	back.Weights = map[string]uint32{"a": 70, "b": 30}
	clouds := newBench(t).input.Clouds
	for _, test := range []struct {
		name   string
		before []Cloud
		shift  Change
		fails  string
		state  ChangeState
	}{
		{"a cloud that comes later", clouds[:1], shift, "b", ChangeAborted},
		{"a service that comes later", nil, shift, "b", ChangeAborted},
		{"a record that is edited", clouds, back, "b", ChangeAborted},
		{"a cloud that comes later and gets less", clouds[1:], shift, "a", ChangeRunning},
	} {
		b := newBench(t)
		b.input.Clouds = test.before
		b.set(test.shift)
		b.run(20 * time.Minute) // beyond its ramp
		b.input.Clouds = clouds
		b.set(shift)
		for range 1000 {
			b.attempts[test.fails].Bad++
			b.run(benchStep)
		}
		if got := b.agenda.Status(b.wall)[0]; got.State != test.state {
			t.Errorf("%s: %s %s, want %s", test.name, got.State, got.Reason, test.state)
		}
	}
}

// Twenty good hours don't hide a cloud that has begun to fail.
func TestOnlyTheLastHourCounts(t *testing.T) {
	b := newBench(t)
	b.set(Change{ID: "move", Kind: KindShift, Weights: map[string]uint32{"a": 30, "b": 70}, Start: monday, Ramp: 24 * time.Hour})
	b.run(benchStep)
	good := func(n uint64) { b.attempts["b"].Good += n }
	for range 20 * 60 {
		good(100)
		b.now += time.Minute
		b.wall = b.wall.Add(time.Minute)
		b.told(b.agenda.Step(b.now, b.wall, b.look))
	}
	minutes := 0
	for b.last.State == ChangeRunning && minutes < 120 {
		good(950)
		b.attempts["b"].Bad += 50
		b.now += time.Minute
		b.wall = b.wall.Add(time.Minute)
		b.told(b.agenda.Step(b.now, b.wall, b.look))
		minutes++
	}
	if b.last.State != ChangeAborted || minutes > 10 {
		t.Errorf("%s after %d min", b.last.State, minutes)
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
