package failover

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// bench steps an agenda through virtual time, with two clocks that need not agree.
type bench struct {
	t      *testing.T
	agenda Agenda
	now    time.Duration
	wall   time.Time
	news   []string
	last   ChangeStatus

	input     Input
	calls     CallCounts
	attempts  map[string]*CloudCounts
	good, bad int // calls per step
}

const benchStep = 50 * time.Millisecond

func newBench(t *testing.T) *bench {
	return &bench{
		t: t, wall: monday, good: 35, agenda: Agenda{Interval: time.Minute},
		attempts: map[string]*CloudCounts{"a": {}, "b": {}},
		input: Input{
			Clouds: []Cloud{{Name: "a", Weight: 70, Healthy: 1, State: health.Healthy}, {Name: "b", Weight: 30, Healthy: 1, State: health.Healthy}},
			Tiers: []sla.Tier{
				{Name: "critical", Protected: true, Objective: sla.Objective{Target: 0.9995, Window: 720 * time.Hour}},
				{Name: "standard", Objective: sla.Objective{Target: 0.999, Window: 720 * time.Hour}},
			},
		},
	}
}

// look shows the world with the agenda's changes in force.
func (b *bench) look(*Change) []ServiceSigns {
	in := b.input
	in.Clouds = append([]Cloud(nil), b.input.Clouds...)
	s := ServiceSigns{Service: "api", Calls: []CallCounts{b.calls, {}}}
	for i := range in.Clouds {
		c := &in.Clouds[i]
		part, by := b.agenda.Drained("api", c.Name)
		c.Drained, c.Leaving = by != nil && part >= 1, part
		c.Weight = b.weights()[c.Name]
		s.Clouds = append(s.Clouds, *b.attempts[c.Name])
	}
	s.Input, s.Plan = in, Compute(in)
	return []ServiceSigns{s}
}

func (b *bench) weights() map[string]uint32 {
	base := make(map[string]uint32)
	for _, c := range b.input.Clouds {
		base[c.Name] = c.Weight
	}
	return b.agenda.Weights("api", base)
}

func (b *bench) told(news []ChangeStatus) {
	for _, s := range news {
		b.news = append(b.news, fmt.Sprintf("%v %s %s", b.now, s.ID, s.State))
		b.last = s
	}
}

// run lets time pass.
func (b *bench) run(d time.Duration) {
	step := benchStep
	if d >= 30*time.Minute {
		step = time.Second
	}
	for end := b.now + d; b.now < end; {
		b.now += step
		b.wall = b.wall.Add(step)
		b.calls.Good += uint64(b.good)
		b.calls.Bad += uint64(b.bad)
		b.told(b.agenda.Step(b.now, b.wall, b.look))
	}
}

func (b *bench) set(changes ...Change) { b.told(b.agenda.Set(b.now, b.wall, changes)) }

func (b *bench) add(c Change) error {
	news, err := b.agenda.Add(b.now, b.wall, c, false, b.look)
	b.told(news)
	return err
}

func (b *bench) want(want ...string) {
	b.t.Helper()
	if got := strings.Join(b.news, "\n"); got != strings.Join(want, "\n") {
		b.t.Errorf("got:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
	b.news = nil
}

func (b *bench) drained(cloud string) float64 {
	part, _ := b.agenda.Drained("api", cloud)
	return part
}

func TestDrillSucceeds(t *testing.T) {
	b := newBench(t)
	b.set(drill("weekly", "a", monday.Add(time.Minute), 10*time.Minute))
	b.run(time.Minute - benchStep)
	b.want()
	b.run(2 * time.Minute)
	b.want("1m0s weekly running")
	if b.drained("a") != 1 {
		t.Errorf("drained %v", b.drained("a"))
	}
	b.run(10 * time.Minute)
	b.want("11m0s weekly ended")
	r := b.last.Report
	if r == nil || r.Outcome != Succeeded || r.RTO != benchStep || r.PeakBurn != 0 || r.Tiers[0].Calls != 10*60*20*35 {
		t.Errorf("report %+v", r)
	}
	if !r.Began.Equal(monday.Add(time.Minute)) || !r.Ended.Equal(monday.Add(11*time.Minute)) {
		t.Errorf("from %v to %v", r.Began, r.Ended)
	}
}

// A client that comes in the middle of a ramp is where the others are.
func TestRampIsJoined(t *testing.T) {
	b := newBench(t)
	c := drill("weekly", "a", monday.Add(-3*time.Minute), 20*time.Minute)
	c.Ramp = 10 * time.Minute
	b.set(c)
	b.run(benchStep)
	if got := b.drained("a"); got != 0.3 {
		t.Errorf("drained %v at first", got)
	}
	b.run(2 * time.Minute)
	if got := b.drained("a"); math.Abs(got-0.5) > 0.001 {
		t.Errorf("drained %v after 2 min", got)
	}
	b.run(5*time.Minute + time.Second)
	if got := b.drained("a"); got != 1 {
		t.Errorf("drained %v at the end", got)
	}
}

// However the clock is set while a change is in force, it goes on: its ramp, and
// its end at the latest when it was to be. Only the calendar's end comes earlier.
func TestWallClockJumps(t *testing.T) {
	c := drill("weekly", "a", monday, 2*time.Hour)
	c.Ramp = 20 * time.Minute
	for _, test := range []struct {
		name string
		jump time.Duration
		ends string
	}{
		{"forward", time.Hour, "1h0m0.05s weekly ended"}, // by the calendar
		{"back", -time.Hour, "2h0m0.05s weekly ended"},   // by its duration
		{"beyond the end", 2 * time.Hour, "10m0.05s weekly ended"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			b.set(c)
			b.run(10 * time.Minute)
			b.want("50ms weekly running")
			before := b.drained("a")
			if math.Abs(before-0.5) > 0.002 {
				t.Errorf("drained %v", before)
			}
			b.wall = b.wall.Add(test.jump)
			b.run(benchStep)
			if test.name != "beyond the end" && math.Abs(b.drained("a")-before) > 0.002 {
				t.Errorf("the ramp went from %v to %v", before, b.drained("a"))
			}
			b.run(time.Hour)
			if test.jump < time.Hour && b.drained("a") != 1 {
				t.Errorf("drained %v", b.drained("a"))
			}
			b.run(3 * time.Hour) // the clock that was set back comes by the start again
			b.want(test.ends)
		})
	}
	t.Run("before the start", func(t *testing.T) {
		b := newBench(t)
		late := c
		late.Start, late.End = monday.Add(time.Hour), monday.Add(2*time.Hour)
		b.set(late)
		b.wall = b.wall.Add(-time.Hour)
		b.run(2 * time.Hour)
		b.want("2h0m0s weekly running") // the calendar says when
	})
	t.Run("in a burn", func(t *testing.T) {
		b := newBench(t)
		b.set(c)
		b.run(10 * time.Minute)
		b.bad = 1
		b.run(10 * time.Second)
		b.wall = b.wall.Add(-time.Hour)
		b.news = nil
		b.run(29 * time.Minute)
		// 20 bad calls/s among 720 for t − 600 s, of 700 calls/s for t: the burn is
		// 14.4 at t = 804.1 s, whatever the clock says.
		b.want("13m24.1s weekly aborted")
	})
}

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

func TestRepeatedDrillGoesOn(t *testing.T) {
	b := newBench(t)
	c := drill("hourly", "a", monday, 10*time.Minute)
	c.Repeat = time.Hour
	b.set(c)
	b.run(time.Minute)
	b.told(b.agenda.Resume(b.now, b.wall, "a", "resumed"))
	if b.drained("a") != 0 || b.last.Report.Outcome != Interrupted {
		t.Errorf("drained %v, report %+v", b.drained("a"), b.last.Report)
	}
	b.run(time.Hour)
	b.want("50ms hourly running", "1m0s hourly cancelled", "1h0m0s hourly running")
	if _, err := b.agenda.Cancel(b.now, b.wall, "hourly", "cancelled"); err != nil {
		t.Fatal(err)
	}
	b.run(2 * time.Hour)
	b.want()
	if _, err := b.agenda.Cancel(b.now, b.wall, "nobody", "cancelled"); err == nil {
		t.Error("cancelled what isn't there")
	}
}

// A config that says the same of what has begun changes nothing; other figures
// count from then on; a record that is gone is over.
func TestSetKeepsWhatHasBegun(t *testing.T) {
	b := newBench(t)
	c := drill("weekly", "a", monday, 20*time.Minute)
	c.Ramp = 10 * time.Minute
	b.set(c)
	b.run(5*time.Minute + benchStep)
	half := b.drained("a")
	b.set(c)
	if b.drained("a") != half {
		t.Errorf("drained %v, was %v", b.drained("a"), half)
	}
	c.End = monday.Add(12 * time.Minute)
	b.set(c)
	b.run(10 * time.Minute)
	b.want("50ms weekly running", "12m0s weekly ended")
	c.Start = monday.Add(20 * time.Minute)
	c.End = monday.Add(40 * time.Minute)
	b.set(c)
	b.run(10 * time.Minute)
	b.set()
	b.want("20m0s weekly running", "25m0.05s weekly cancelled")
	if b.last.Report.Outcome != Interrupted {
		t.Errorf("report %+v", b.last.Report)
	}
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

func TestAgendaIsSaved(t *testing.T) {
	b := newBench(t)
	weekly := drill("weekly", "a", monday, 30*time.Minute)
	b.set(weekly)
	b.run(time.Minute)
	if _, err := b.agenda.Cancel(b.now, b.wall, "weekly", "cancelled"); err != nil {
		t.Fatal(err)
	}
	b.run(2 * time.Minute)
	if err := b.add(Change{ID: "out", Kind: KindDrain, Cloud: "b", Ramp: 10 * time.Minute, End: monday.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	b.run(time.Minute)
	data, err := b.agenda.Save()
	if err != nil {
		t.Fatal(err)
	}
	next := newBench(t)
	next.wall = b.wall.Add(4 * time.Minute)
	next.set(weekly)
	if err := next.agenda.Restore(data); err != nil {
		t.Fatal(err)
	}
	next.run(benchStep)
	next.want("50ms out running") // and the weekly drill stays cancelled
	if got := next.drained("b"); got != 0.5 {
		t.Errorf("drained %v", got)
	}
	if err := next.agenda.Restore([]byte("{")); err == nil {
		t.Error("restored half a file")
	}
	if err := next.agenda.Restore([]byte(`[{"Change":{"ID":"x"}}]`)); err == nil {
		t.Error("restored a change without a kind")
	}
	late := newBench(t)
	late.wall = monday.Add(2 * time.Hour)
	if err := late.agenda.Restore(data); err != nil {
		t.Fatal(err)
	}
	late.run(time.Hour)
	late.want("1s out ended") // its time was over before
}
