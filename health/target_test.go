package health

import (
	"testing"
	"time"
)

func TestTargetIsSilentWithMostOfItsTraffic(t *testing.T) {
	f := newFleet(Settings{}, 4)
	for range 100 {
		f.attempt(0, 1, OK)
		f.pass(sweepInterval)
	}
	// Two endpoints with most of the attempts fall silent, the third answers.
	for i := 0; i < 60 && f.State() != Down; i++ {
		f.attempt(0, 1, OK)
		f.all[1].Begin(0)
		f.all[2].Begin(0)
		f.pass(sweepInterval)
	}
	if f.State() != Down {
		t.Fatalf("%v while most attempts wait", f.State())
	}
	if got, want := f.Reason()[:len("silent: 2 of 4 endpoints")], "silent: 2 of 4 endpoints"; got != want {
		t.Errorf("reason %q, want %q …", f.Reason(), want)
	}
	f.Probed(f.all[0], Outcome{Kind: Reached})
	if f.pass(sweepInterval); f.Answered() {
		t.Error("a connection counts as an answer after silence")
	}
}

// Of few calls the latest may all have gone to the one endpoint that is silent.
func TestOneSilentEndpointIsNotTheTarget(t *testing.T) {
	f := newFleet(Settings{}, 4)
	for i := range f.all {
		f.attempt(i, 1, OK)
	}
	f.pass(sweepInterval)
	for range 3 {
		f.all[0].Begin(0)
	}
	f.pass(3 * time.Second)
	f.wantOut(t, "after three attempts without an answer", 0)
	if f.State() != Healthy {
		t.Errorf("%v: %s", f.State(), f.Reason())
	}
	f.all[1].Begin(0)
	if f.pass(1200 * time.Millisecond); f.State() != Down {
		t.Errorf("%v when another doesn't answer either", f.State())
	}
}

// What waited at an endpoint that was removed neither makes silence nor hides
// it.
func TestRemovedEndpointsAndSilence(t *testing.T) {
	f := newFleet(Settings{}, 3)
	for range 100 {
		f.all[2].Begin(0)
	}
	f.attempt(0, 1, OK)
	f.attempt(1, 1, OK)
	f.pass(sweepInterval)
	f.all = f.all[:2]
	f.SetEndpoints(f.now, f.all)
	f.pass(5 * time.Second)
	if f.State() != Healthy {
		t.Errorf("%v: %s", f.State(), f.Reason())
	}
	if f.Begun() != 102 {
		t.Errorf("%d begun, want 102: the total keeps what removed endpoints did", f.Begun())
	}
	f.all[0].Begin(0)
	f.all[0].Begin(0)
	f.all[1].Begin(0)
	if f.pass(1200 * time.Millisecond); f.State() != Down {
		t.Errorf("%v after more than a second of silence", f.State())
	}
}

func TestEjectedEndpointsStayEjectedWhenTheListChanges(t *testing.T) {
	f := newFleet(Settings{}, 4)
	f.attempt(1, 5, Refused)
	f.pass(sweepInterval)
	f.all = []*Endpoint{f.all[1], f.all[2], new(Endpoint), new(Endpoint)}
	f.SetEndpoints(f.now, f.all)
	f.wantOut(t, "after the change", 0)
	f.all = f.all[1:]
	f.SetEndpoints(f.now, f.all)
	f.wantOut(t, "without the ejected one")
}

// What is known of a tier stays with its name when tiers change places, come
// and go.
func TestTiersKeepWhatIsKnownOfThem(t *testing.T) {
	critical, batch := Objective{Tier: "critical"}, Objective{Tier: "batch"}
	promised := Objective{Tier: "critical", Latency: 20 * time.Millisecond}
	const quick, late = 10 * time.Millisecond, time.Second
	for _, test := range []struct {
		name  string
		tiers []Objective
		p99   []time.Duration // 0: unknown
		slow  []time.Duration // beyond which an answer is slow
	}{
		{"as they were", []Objective{critical, batch}, []time.Duration{quick, late}, []time.Duration{4 * quick, 4 * late}},
		{"swapped", []Objective{batch, critical}, []time.Duration{late, quick}, []time.Duration{4 * late, 4 * quick}},
		{"swapped and promised", []Objective{batch, promised}, []time.Duration{late, quick}, []time.Duration{4 * late, 2 * quick}},
		{"renamed", []Objective{{Tier: "gold"}, batch}, []time.Duration{0, late}, []time.Duration{0, 4 * late}},
		{"the first removed", []Objective{batch}, []time.Duration{late}, []time.Duration{4 * late}},
		{"one added before them", []Objective{{Tier: "gold"}, critical, batch}, []time.Duration{0, quick, late}, []time.Duration{0, 4 * quick, 4 * late}},
		{"none left", nil, []time.Duration{0}, nil},
	} {
		f := newFleet(Settings{}, 1)
		f.Configure(Settings{}, []Objective{critical, batch})
		for range 50 {
			for tier, took := range []time.Duration{quick, late} {
				f.all[0].Begin(0)
				f.Record(f.all[0], tier, f.now, f.now+took, Outcome{Kind: OK})
				f.all[0].End()
			}
		}
		f.pass(time.Second)
		f.Configure(Settings{}, test.tiers)
		for i, want := range test.p99 {
			near(t, test.name+": p99", f.P99(i).Seconds(), want.Seconds(), 0.02*want.Seconds())
		}
		for i, want := range test.slow {
			limit := time.Duration(f.tier(i).slowAfter.Load())
			near(t, test.name+": slow", limit.Seconds(), want.Seconds(), 0.02*want.Seconds())
		}
	}
}

func TestTargetWithoutEndpoints(t *testing.T) {
	f := newFleet(Settings{}, 0)
	if changes, pickable := f.pass(time.Minute); len(changes) != 0 || pickable {
		t.Errorf("changes %+v", changes)
	}
	if f.Healthy() != 0 || f.Quality() != 1 || f.State() != Unknown || f.Reason() != "nothing heard yet" {
		t.Errorf("%v, %q, healthy %v, quality %v", f.State(), f.Reason(), f.Healthy(), f.Quality())
	}
}

func TestSweepsThatFollowTooSoonSeeNothing(t *testing.T) {
	f := newFleet(Settings{}, 1)
	f.pass(sweepInterval)
	f.attempt(0, 1, OK)
	if changes, _ := f.Sweep(f.now+shortestSweep-1, 1); changes != nil || f.Begun() != 0 {
		t.Error("a sweep right after another saw something")
	}
	if changes, _ := f.Sweep(f.now+shortestSweep, 1); len(changes) != 1 || f.Begun() != 1 {
		t.Errorf("changes %+v, %d begun", changes, f.Begun())
	}
}
