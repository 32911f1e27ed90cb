package failover

import (
	"fmt"
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
	s := ServiceSigns{Service: "api", Weights: b.base(), Calls: []CallCounts{b.calls, {}}}
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

func (b *bench) weights() map[string]uint32 { return b.agenda.Weights("api", b.base()) }

// base are the weights without changes.
func (b *bench) base() map[string]uint32 {
	base := make(map[string]uint32)
	for _, c := range b.input.Clouds {
		base[c.Name] = c.Weight
	}
	return base
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
