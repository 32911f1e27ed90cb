package failover

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// world is a service in two clouds, a and b with weights 70 and 30, of which a
// comes and goes. A step is one sweep of 50 ms: probes and calls give signs,
// the signs move the way back, and it moves the plan.
type world struct {
	up       func(now time.Duration) bool // whether a answers
	rate     float64                      // calls per second, half of them protected
	interval time.Duration                // of probes while a is down
	phase    time.Duration                // of the first probe

	now      time.Duration
	plan     Plan
	way      Readmission
	signs    Signs
	canaries float64 // calls sent to a, with the fraction of the next
	failing  int     // sweeps in a row in which a failed calls
	changes  int     // of a's state
}

const sweep = 50 * time.Millisecond

var twoTiers = []sla.Tier{{Name: "critical", Protected: true}, {Name: "standard"}}

func (w *world) step() {
	up := w.up(w.now)
	before := w.state()
	w.call(up)
	if w.state() == health.Down && (w.now-w.phase)%w.interval == 0 {
		w.answer(up, 1)
	}
	if w.failing == 2 && w.state() != health.Down { // a detector that takes 100 ms
		w.way.Fell(w.now)
		w.signs.Answered = false
	}
	was := w.way.Stage()
	if w.way.Step(w.now, w.signs) == Waiting && was >= Gate1 {
		w.signs.Answered = false
	}
	if w.state() != before {
		w.changes++
	}
	a := healthy("a", 70)
	a.State, a.Gate, a.ProtectedGate = w.state(), w.way.Gate(false), w.way.Gate(true)
	want := Compute(Input{Clouds: []Cloud{a, healthy("b", 30)}, Tiers: twoTiers})
	w.plan = Limit(w.plan, want, sweep, 0.1)
	w.now += sweep
}

// call sends a its share of the calls of one sweep.
func (w *world) call(up bool) {
	if len(w.plan.Tiers) == 0 {
		return
	}
	before := uint64(w.canaries)
	w.canaries += (w.share(0) + w.share(1)) / 2 * w.rate * sweep.Seconds()
	sent := uint64(w.canaries) - before
	if up || sent == 0 {
		w.failing = 0
	} else {
		w.failing++
	}
	if w.share(1) > 0 {
		w.signs.Unprotected += sent
	}
	if sent > 0 {
		w.answer(up, sent)
	}
}

func (w *world) answer(up bool, n uint64) {
	w.signs.Answered = up
	if up {
		w.signs.Good += n
	} else {
		w.signs.Bad += n
	}
}

func (w *world) state() health.State {
	switch w.way.Stage() {
	case Open:
		return health.Healthy
	case Waiting, HoldDown:
		return health.Down
	}
	return health.Recovering
}

// share is a's share of a tier's calls.
func (w *world) share(tier int) float64 { return w.plan.Tiers[tier].Shares[0].Fraction }

// One way back: a is lost at 1 s and answers again from 5 s on.
func TestWayBack(t *testing.T) {
	w := &world{
		up:   func(now time.Duration) bool { return now < time.Second || now >= 5*time.Second },
		rate: 1000, interval: 500 * time.Millisecond,
	}
	var story strings.Builder
	stage := Open
	last, worst := [2]float64{}, 0.0
	for back := false; w.now < 25*time.Second && !back; {
		at := w.now
		w.step()
		if w.state() == health.Down && w.share(0)+w.share(1) > 0 {
			t.Fatalf("at %v: a is down and gets calls", at)
		}
		if w.share(0) > w.share(1)+1e-9 {
			t.Fatalf("at %v: protected tiers get %v of a, others %v", at, w.share(0), w.share(1))
		}
		for tier := range last {
			if at > 0 && w.state() != health.Down {
				worst = max(worst, math.Abs(w.share(tier)-last[tier]))
			}
			last[tier] = w.share(tier)
		}
		back = at > 5*time.Second && w.share(0) == 0.7 && w.share(1) == 0.7
		if now := w.way.Stage(); now != stage || back {
			stage = now
			fmt.Fprintf(&story, "%5.2fs %-10s critical %4.1f %%, standard %4.1f %%\n", at.Seconds(), now, 100*w.share(0), 100*w.share(1))
		}
	}
	if most := 0.1 * sweep.Seconds(); worst > most+1e-9 {
		t.Errorf("a share moved by %v in one sweep, want at most %v", worst, most)
	}
	// Gates are bounds: the slope decides how soon a share gets there. That is
	// why standard has 27.5 % when the gate of 50 % (of 70 %) ends.
	const want = ` 1.05s waiting    critical  0.0 %, standard  0.0 %
 5.00s hold-down  critical  0.0 %, standard  0.0 %
 6.00s gate 1 %   critical  0.0 %, standard  0.5 %
11.75s gate 10 %  critical  0.5 %, standard  1.2 %
13.75s gate 50 %  critical  1.2 %, standard  7.5 %
15.75s gate 100 % critical  7.5 %, standard 27.5 %
17.75s open       critical 27.5 %, standard 47.5 %
22.00s open       critical 70.0 %, standard 70.0 %
`
	if got := story.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Up for 1 s and down for 1 s, for a minute: the state of the cloud changes at
// most six times, whenever probes come. Down, recovering and down again are
// two changes.
func TestFlapping(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	most := 0
	for range 200 {
		w := &world{
			up:       func(now time.Duration) bool { return now/time.Second%2 == 0 },
			rate:     20 + 2000*random.Float64(),
			interval: sweep * time.Duration(2+random.IntN(15)),
			phase:    sweep * time.Duration(random.IntN(20)),
		}
		for w.now < time.Minute {
			w.step()
		}
		most = max(most, w.changes)
		if w.changes > 6 {
			t.Errorf("%d changes with %.0f calls/s and probes each %v from %v", w.changes, w.rate, w.interval, w.phase)
		}
	}
	if t.Logf("at most %d changes", most); most < 1 {
		t.Error("nothing ever changed: the test tests nothing")
	}
}
