package sim

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/health"
)

// near returns a server that is as far away as a function call.
func near(l *loop, spec Server) *server {
	return newServer(l, rand.New(rand.NewPCG(1, 1)), spec.withDefaults())
}

// drain runs all events.
func drain(l *loop) {
	for l.step(math.MaxInt64) {
	}
}

// TestQueue compares the time in the system of a server with one worker and
// exponential service with theory: service ÷ (1 − load), for M/M/1.
func TestQueue(t *testing.T) {
	const service = 10 * time.Millisecond
	for _, load := range []float64{0.3, 0.5, 0.8} {
		var l loop
		s := near(&l, Server{Workers: 1, Service: Delay{Spread: service}, Queue: math.MaxInt})
		const n = 200_000
		total, at := time.Duration(0), time.Duration(0)
		for range n {
			at += time.Duration(s.rand.ExpFloat64() * float64(service) / load)
			l.at(at, func() {
				began := l.now
				s.arrive(&request{done: func(health.Outcome) { total += l.now - began }})
			})
		}
		drain(&l)
		got, want := float64(total/n), float64(service)/(1-load)
		if math.Abs(got-want) > 0.05*want {
			t.Errorf("load %.1f: %v in the system, want %v", load, time.Duration(got), time.Duration(want))
		}
	}
}

// TestServerAnswers sends three requests to a server with one worker and
// room for one in the queue, strikes it with a fault 5 ms later, ends that
// after 100 ms, and sends one more.
func TestServerAnswers(t *testing.T) {
	const ok, broken, full, refused = "http 200", "reset", "http 503", "connection refused"
	for _, test := range []struct {
		name    string
		fault   Fault
		answers []string // of four requests, "" for none
		last    time.Duration
	}{
		{"well", Fault{Kind: Slow, Factor: 1}, []string{ok, ok, full, ok}, 120 * time.Millisecond},
		{"crash", Fault{Kind: Crash}, []string{broken, broken, full, ok}, 120 * time.Millisecond},
		{"freeze", Fault{Kind: Freeze}, []string{ok, ok, full, ok}, 125 * time.Millisecond},
		{"cut", Fault{Kind: Cut}, []string{"", "", full, ok}, 120 * time.Millisecond},
		// The first is being served already, the second is served slowly.
		{"slow", Fault{Kind: Slow, Factor: 4}, []string{ok, ok, full, ok}, 120 * time.Millisecond},
		{"errors", Fault{Kind: Errors, Rate: 1}, []string{ok, ok, full, ok}, 120 * time.Millisecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			var l loop
			s := near(&l, Server{Workers: 1, Queue: 1, Service: Delay{Least: 10 * time.Millisecond}})
			got := make([]string, 4)
			last := time.Duration(0)
			ask := func(i int) {
				s.send(&request{done: func(o health.Outcome) { got[i], last = o.Reason, l.now }})
			}
			for i := range 3 {
				ask(i)
			}
			l.at(5*time.Millisecond, func() { test.fault.begin(s) })
			l.at(105*time.Millisecond, func() { test.fault.end(s) })
			l.at(110*time.Millisecond, func() { ask(3) })
			drain(&l)
			for i := range got {
				if got[i] != test.answers[i] {
					t.Errorf("request %d: %q, want %q", i, got[i], test.answers[i])
				}
			}
			if last != test.last {
				t.Errorf("the last answer came at %v, want %v", last, test.last)
			}
		})
	}
}

// TestFaultyServer asks a server during a fault, with a request and a probe.
func TestFaultyServer(t *testing.T) {
	for _, test := range []struct {
		fault         Fault
		answer, probe health.Kind // Neutral for none
	}{
		{Fault{Kind: Crash}, health.Refused, health.Refused},
		{Fault{Kind: Freeze}, health.Neutral, health.Neutral},
		{Fault{Kind: Cut}, health.Neutral, health.Neutral},
		{Fault{Kind: Errors, Rate: 1}, health.Failed, health.OK},
		{Fault{Kind: Slow, Factor: 10}, health.OK, health.OK},
	} {
		var l loop
		s := near(&l, Server{})
		test.fault.begin(s)
		var answer, probe health.Kind
		s.send(&request{done: func(o health.Outcome) { answer = o.Kind }})
		s.send(&request{probe: true, done: func(o health.Outcome) { probe = o.Kind }})
		drain(&l)
		if answer != test.answer || probe != test.probe {
			t.Errorf("%+v: request %v, probe %v, want %v and %v", test.fault, answer, probe, test.answer, test.probe)
		}
	}
}

// TestPatience lets a request wait for longer than it should.
func TestPatience(t *testing.T) {
	var l loop
	s := near(&l, Server{Workers: 1, Service: Delay{Least: 10 * time.Millisecond}, Patience: 15 * time.Millisecond})
	var got []health.Kind
	for range 3 {
		s.send(&request{done: func(o health.Outcome) { got = append(got, o.Kind) }})
	}
	drain(&l)
	if len(got) != 3 || got[0] != health.OK || got[1] != health.OK || got[2] != health.Failed {
		t.Errorf("got %v, want ok, ok and, after 20 ms in the queue, failed", got)
	}
}

func TestFlappingFaults(t *testing.T) {
	faults := Flapping(Fault{Kind: Crash, Cloud: "a", From: 10, Until: 21}, 2, 3)
	want := [][2]time.Duration{{10, 12}, {15, 17}, {20, 21}}
	if len(faults) != len(want) {
		t.Fatalf("%d faults, want %d", len(faults), len(want))
	}
	for i, f := range faults {
		if f.From != want[i][0] || f.Until != want[i][1] || f.Cloud != "a" {
			t.Errorf("fault %d is %+v, want %v", i, f, want[i])
		}
	}
}
