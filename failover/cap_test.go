package failover

import (
	"math"
	"testing"
	"time"
)

// capped steps a Cap each 100 ms.
type capped struct {
	Cap
	now time.Duration
	s   CapSigns
}

// newCapped has looked once.
func newCapped(endpoints int) *capped {
	c := &capped{s: CapSigns{Endpoints: endpoints}}
	c.Step(0, c.s)
	return c
}

// step adds to what was counted and returns the cap.
func (c *capped) step(inFlight int, more CapSigns) int {
	c.now += capFor
	c.s.InFlight = inFlight
	c.s.Ended += more.Ended
	c.s.PushedBack += more.PushedBack
	c.s.TimedOut += more.TimedOut
	c.s.Slow += more.Slow
	return c.Step(c.now, c.s)
}

func TestCapIsCut(t *testing.T) {
	c := newCapped(6)
	for _, test := range []struct {
		name     string
		inFlight int
		more     CapSigns
		want     int
	}{
		{"well", 100, CapSigns{Ended: 100}, 0},
		{"a tenth is no trouble", 100, CapSigns{Ended: 100, PushedBack: 5, TimedOut: 5}, 0},
		{"nor is one of few", 3, CapSigns{Ended: 1, PushedBack: 1}, 0},
		{"pushback", 100, CapSigns{Ended: 100, PushedBack: 6, TimedOut: 6}, 70},
		{"timeouts", 65, CapSigns{Ended: 10, TimedOut: 10}, 45},
		{"more in flight than the cap", 90, CapSigns{Ended: 10, TimedOut: 10}, 31},
		{"not less than 2 for each endpoint", 1, CapSigns{Ended: 10, TimedOut: 9}, 12},
		{"again", 1, CapSigns{Ended: 10, TimedOut: 9}, 12},
	} {
		if got := c.step(test.inFlight, test.more); got != test.want {
			t.Errorf("%s: cap %d, want %d", test.name, got, test.want)
		}
	}
	c = newCapped(0)
	if got := c.step(1, CapSigns{Ended: 10, TimedOut: 9}); got != leastCap {
		t.Errorf("of few in flight: cap %d, want %d", got, leastCap)
	}
}

// After trouble the cap grows by 2 % each 100 ms at first, then faster, and is
// forgotten when it matters no more.
func TestCapGrows(t *testing.T) {
	c := newCapped(0)
	c.step(1000, CapSigns{Ended: 1000, TimedOut: 500})
	var caps []int
	for range 60 {
		caps = append(caps, c.step(700, CapSigns{Ended: 1000}))
	}
	if first, second := float64(caps[9])/float64(caps[8]), float64(caps[19])/float64(caps[18]); first < 1.01 || first > 1.05 || second < 1.06 {
		t.Errorf("it grows by a factor of %.2f a second after the trouble, %.2f two seconds after", first, second)
	}
	if caps[59] != 0 {
		t.Errorf("6 s later the cap is %d for 700 in flight", caps[59])
	}
}

// More in flight is of no use while answers are slow.
func TestCapCongested(t *testing.T) {
	c := newCapped(0)
	for range 10 {
		c.step(1000, CapSigns{Ended: 100, Slow: 11})
	}
	c.step(1000, CapSigns{Ended: 1000, TimedOut: 500})
	for i := range 50 {
		if got := c.step(700, CapSigns{Ended: 100, Slow: 11}); got != 700 {
			t.Fatalf("%d ms later the cap is %d", 100*(i+1), got)
		}
	}
	if !c.Congested() {
		t.Error("11 % slow is no congestion")
	}
	for range 10 {
		c.step(700, CapSigns{Ended: 100, Slow: 9})
	}
	if got := c.step(700, CapSigns{Ended: 100, Slow: 9}); c.Congested() || got == 700 {
		t.Errorf("9 %% slow is congestion, the cap %d", got)
	}
}

// Answers that stay slow without further trouble are slow for other reasons: the cap
// grows and is forgotten all the same, slowly.
func TestCapOfSlowAnswersWithoutTrouble(t *testing.T) {
	slow := CapSigns{Ended: 100, Slow: 50}
	c := newCapped(0)
	for range 10 {
		c.step(100, slow)
	}
	c.step(100, CapSigns{Ended: 100, TimedOut: 50})
	for range 299 {
		if got := c.step(70, slow); got != 70 {
			t.Fatalf("%v after trouble the cap is %d", c.now, got)
		}
	}
	from := c.now
	for range 100 {
		c.step(70, slow)
	}
	if got := float64(int(c.limit)); !near(got, 70*math.Exp(0.05*10), 0.05) {
		t.Errorf("from %v on it grows to %v in 10 s", from, got)
	}
	if got := c.step(100, CapSigns{Ended: 100, TimedOut: 50}); got != 70 {
		t.Errorf("after further trouble the cap is %d", got)
	}
	for range 900 {
		c.step(70, slow)
	}
	if got := c.step(70, slow); got != 0 || !c.Congested() {
		t.Errorf("90 s later the cap is %d", got)
	}
}

// What ended before the first look is no trouble.
func TestCapForgetsWhatWas(t *testing.T) {
	var c Cap
	was := CapSigns{InFlight: 100, Endpoints: 1, Ended: 1000, PushedBack: 500, TimedOut: 500}
	for now := time.Hour; now < time.Hour+time.Second; now += capFor {
		if got := c.Step(now, was); got != 0 || c.Congested() {
			t.Fatalf("cap %d, congested %v", got, c.Congested())
		}
	}
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
