package health

import (
	"testing"
	"time"
)

// An attempt that may take as long as it likes is never silence, and how long it
// took is no latency.
func TestOpenAttempts(t *testing.T) {
	e := &Endpoint{}
	target := NewTarget(Settings{}, []Objective{{Tier: "any", Latency: time.Second}}, 0)
	target.SetEndpoints(0, []*Endpoint{e})
	for range 100 {
		e.Enter()
	}
	now := time.Duration(0)
	for now < time.Hour {
		now += 50 * time.Millisecond
		target.Sweep(now, 1)
	}
	if e.InFlight() != 100 || !e.Eligible() || target.State() == Down {
		t.Fatalf("%d in flight, eligible %v, %v", e.InFlight(), e.Eligible(), target.State())
	}
	for i, kind := range []Kind{OK, Overloaded, Failed, Broken, TimedOut, Neutral} {
		target.RecordOpen(e, 0, 0, now, Outcome{Kind: kind})
		e.End()
		if want := 100 - i - 1; e.InFlight() != want {
			t.Errorf("%d in flight, want %d", e.InFlight(), want)
		}
	}
	target.Sweep(now+50*time.Millisecond, 1)
	if got, want := target.Counts(), (Counts{OK: 1, Overloaded: 1, Bad: 3, Begun: 6}); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
	if got := target.Quantile(0, 1); got != 0 {
		t.Errorf("took %v to teach a latency", got)
	}
	if d := e.traffic(); d.begun != d.answers+d.withdrawn {
		t.Errorf("%+v: some seem to wait for an answer", d)
	}
}
