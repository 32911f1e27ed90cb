package failover

import (
	"testing"
	"time"
)

func TestCap(t *testing.T) {
	var c Cap
	now := time.Duration(0)
	s := CapSigns{Endpoints: 6}
	step := func(inFlight int, ended, pushedBack, timedOut uint64) int {
		now += capFor
		s.InFlight = inFlight
		s.Ended += ended
		s.PushedBack += pushedBack
		s.TimedOut += timedOut
		return c.Step(now, s)
	}
	want := func(what string, got, want int) {
		t.Helper()
		if got != want {
			t.Errorf("%s: cap %d, want %d", what, got, want)
		}
	}
	want("well", step(100, 100, 0, 0), 0)
	want("a tenth is no trouble", step(100, 100, 5, 5), 0)
	want("nor is one of few", step(3, 1, 1, 0), 0)
	want("pushback", step(100, 100, 6, 6), 70)
	want("timeouts", step(65, 10, 0, 10), 45)
	want("used up", step(45, 100, 0, 0), 46)
	want("not used up", step(20, 100, 0, 0), 46)
	want("soon again", step(46, 0, 0, 2), 32)
	for range 20 {
		step(1, 10, 0, 9)
	}
	want("never less", step(1, 10, 0, 9), 2*6)
	want("not while attempts take long", step(12, 20, 0, 0), 2*6)
	want("by one at least", step(12, 200, 0, 0), 2*6+1)
	for now := time.Duration(0); now < 4*time.Second; now += capFor {
		n := 7 * c.Step(0, CapSigns{}) / 8
		step(n, uint64(20*n), 0, 0)
	}
	if got := step(1000, 100_000, 0, 0); got < 1000 {
		t.Errorf("after 4 s without trouble the cap is %d", got)
	}
	for range 100 {
		step(5, 100, 0, 0)
	}
	want("forgotten", step(5, 100, 0, 0), 0)
}

// Between two looks nothing changes.
func TestCapLooksEach100ms(t *testing.T) {
	var c Cap
	c.Step(capFor, CapSigns{})
	if got := c.Step(capFor+capFor/2, CapSigns{InFlight: 100, Ended: 100, TimedOut: 100}); got != 0 {
		t.Errorf("after 50 ms: cap %d", got)
	}
	if got := c.Step(2*capFor, CapSigns{InFlight: 100, Ended: 100, TimedOut: 100}); got != 70 {
		t.Errorf("after 100 ms: cap %d, want 70", got)
	}
}
