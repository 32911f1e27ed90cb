package health

import (
	"slices"
	"testing"
	"time"
)

// probing is a fleet whose probes end at once, or never.
type probing struct {
	*fleet
	schedule Schedule
	outcome  map[*Endpoint]Outcome // Neutral: never ends
	begun    map[*Endpoint][]time.Duration
}

func newProbing(s Settings, n int, k Kind) *probing {
	p := &probing{fleet: newFleet(s, n), outcome: map[*Endpoint]Outcome{}, begun: map[*Endpoint][]time.Duration{}}
	p.answer(k)
	return p
}

// answer makes the probes of all endpoints end so.
func (p *probing) answer(k Kind) {
	for _, e := range p.all {
		p.outcome[e] = Outcome{Kind: k}
	}
}

// ask passes time, and runs the probes that become due. each is called every
// 50 ms.
func (p *probing) ask(d time.Duration, each func()) (changes []Change) {
	for end := p.now + d; p.now < end; {
		for _, e := range p.schedule.Due(p.now, p.Target, func() float64 { return 0.5 }) {
			p.begun[e] = append(p.begun[e], p.now)
			if o := p.outcome[e]; o.Kind != Neutral {
				p.Probed(e, o)
			}
		}
		if each != nil {
			each()
		}
		c, _ := p.pass(sweepInterval)
		changes = append(changes, c...)
	}
	return changes
}

func (p *probing) count() (n int) {
	for _, at := range p.begun {
		n += len(at)
	}
	return n
}

func TestNewEndpointsAreProbedAtOnceThenEveryInterval(t *testing.T) {
	p := newProbing(Settings{}, 3, OK)
	p.ask(sweepInterval, nil)
	if p.count() != 3 {
		t.Fatalf("%d of 3 new endpoints probed at once", p.count())
	}
	p.ask(10*time.Second-sweepInterval, nil)
	for _, e := range p.all {
		if n := len(p.begun[e]); n < 9 || n > 10 {
			t.Errorf("%d probes in ten seconds, want 9 or 10", n)
		}
	}
}

func TestJitterIsAFifthEitherWay(t *testing.T) {
	for rnd, want := range map[float64]time.Duration{0: 800 * time.Millisecond, 0.5: time.Second, 0.9999999999: 1200 * time.Millisecond} {
		f := newFleet(Settings{}, 1)
		var s Schedule
		s.Due(0, f.Target, nil)
		f.Probed(f.all[0], Outcome{Kind: OK})
		s.Due(time.Millisecond, f.Target, func() float64 { return rnd })
		near(t, "next probe", f.all[0].due.at.Seconds(), want.Seconds(), 1e-6)
	}
}

func TestEndpointsWithAnswersAreNotProbed(t *testing.T) {
	p := newProbing(Settings{}, 2, OK)
	p.ask(time.Second, nil)
	p.begun = map[*Endpoint][]time.Duration{}
	p.ask(10*time.Second, func() { p.attempt(0, 1, OK) })
	if n := len(p.begun[p.all[0]]); n > 1 {
		t.Errorf("%d probes of an endpoint that answers calls all the time", n)
	}
	if n := len(p.begun[p.all[1]]); n < 9 {
		t.Errorf("%d probes of the other in ten seconds", n)
	}
}

func TestOneProbePerEndpointAtATime(t *testing.T) {
	p := newProbing(Settings{}, 3, Neutral)
	p.ask(time.Minute, nil)
	if p.count() != 3 {
		t.Errorf("%d probes of 3 endpoints though none ended", p.count())
	}
}

func TestFailingProbesBackOff(t *testing.T) {
	p := newProbing(Settings{}, 4, OK)
	p.outcome[p.all[0]] = Outcome{Kind: Refused}
	p.ask(2*time.Minute, nil)
	at := p.begun[p.all[0]]
	var gaps []time.Duration
	for i := range len(at) - 1 {
		gaps = append(gaps, at[i+1]-at[i])
	}
	for i, want := range []time.Duration{1, 2, 4, 8, 10, 10, 10} {
		if got := gaps[i]; (got - want*time.Second).Abs() > 2*sweepInterval {
			t.Errorf("gap %d is %v, want %v s", i, got, int(want))
		}
	}
	// One that answers again is probed as before.
	p.outcome[p.all[0]] = Outcome{Kind: OK}
	p.ask(11*time.Second, nil)
	p.begun = map[*Endpoint][]time.Duration{}
	p.ask(10*time.Second, nil)
	if n := len(p.begun[p.all[0]]); n < 9 {
		t.Errorf("%d probes in ten seconds after it answered", n)
	}
}

func TestTargetThatIsDownIsSought(t *testing.T) {
	for _, n := range []int{1, 2, 3, 10, 200} {
		p := newProbing(Settings{}, n, Refused)
		changes := p.ask(60*time.Second, nil)
		if len(changes) != 1 || changes[0].To != Down {
			t.Fatalf("%d endpoints: changes %+v, want one fall", n, changes)
		}
		p.begun = map[*Endpoint][]time.Duration{}
		start := p.now
		p.ask(20*time.Second, nil)
		var all []time.Duration
		for _, at := range p.begun {
			for i := range len(at) - 1 {
				if gap := at[i+1] - at[i]; gap < time.Second {
					t.Errorf("%d endpoints: one was probed twice within %v", n, gap)
				}
			}
			all = append(all, at...)
		}
		slices.Sort(all)
		longest := time.Second
		if n > 1 {
			longest = 500 * time.Millisecond
		}
		last := start
		for _, at := range all {
			if at-last > longest+2*sweepInterval {
				t.Errorf("%d endpoints: nobody was probed for %v", n, at-last)
			}
			last = at
		}
		if perSecond := len(all) / 20; perSecond > probesPerSecond {
			t.Errorf("%d endpoints: %d probes per second", n, perSecond)
		}
	}
}

func TestFirstAnswerMakesAllDue(t *testing.T) {
	p := newProbing(Settings{}, 10, Refused)
	p.ask(60*time.Second, nil)
	p.answer(OK)
	for !p.Answered() {
		p.ask(sweepInterval, nil)
	}
	p.begun = map[*Endpoint][]time.Duration{}
	p.ask(1100*time.Millisecond, nil)
	if n := len(p.begun); n < 9 {
		t.Errorf("%d of the other 9 endpoints were probed in a second", n)
	}
	p.wantOut(t, "a second after the first answer")
}

func TestProbesOfThousandsAreBounded(t *testing.T) {
	simulates(t)
	p := newProbing(Settings{}, 5000, Neutral)
	p.ask(10*time.Second, nil)
	if p.count() != probesRunning {
		t.Errorf("%d probes run at a time, want %d", p.count(), probesRunning)
	}
	p = newProbing(Settings{}, 5000, OK)
	p.ask(60*time.Second, nil)
	if n := p.count(); n > 60*probesPerSecond+probesRunning {
		t.Errorf("%d probes in a minute", n)
	}
	if n := len(p.begun); n != 5000 {
		t.Errorf("%d of 5000 endpoints were probed in a minute", n)
	}
}
