package health

import (
	"fmt"
	"maps"
	"testing"
	"time"
)

func objectives(names ...string) (tiers []Objective) {
	for _, name := range names {
		tiers = append(tiers, Objective{Tier: name})
	}
	return tiers
}

// Each outcome is counted under its kind, excused or not.
func TestTotalsByOutcome(t *testing.T) {
	target, e := NewTarget(Settings{}, objectives("gold"), 0), new(Endpoint)
	target.SetEndpoints(0, []*Endpoint{e})
	attempt := func(k Kind) {
		e.Begin(0)
		target.Record(e, 0, time.Second, time.Second, Outcome{Kind: k})
		e.End()
	}
	for k := range Overloaded + 1 {
		if k != Reached {
			attempt(k)
		}
	}
	target.Excuse(2 * time.Second)
	attempt(Failed)
	target.RecordOpen(e, 0, 3*time.Second, 3*time.Second, Outcome{Kind: OK})
	target.Spoiled(e, 3*time.Second, 3*time.Second, Outcome{Kind: Broken})
	want := Outcomes{OK: 2, Overloaded: 1, Refused: 1, Failed: 2, Broken: 1, TimedOut: 1, Neutral: 1, Spoiled: 1}
	for range 2 {
		if got := target.Totals(); got.Outcomes != want || !maps.Equal(got.Begun, map[string]uint64{"gold": 9}) {
			t.Errorf("got %+v, want %+v of 9", got, want)
		}
	}
}

// What was counted stays with the name of its tier, through any order of tiers,
// and with the target, through any change of endpoints.
func TestTotalsNeverFall(t *testing.T) {
	var many []string
	for i := range MostTiers {
		many = append(many, fmt.Sprintf("t%d", i))
	}
	target, gone, stays := NewTarget(Settings{}, objectives("a", "b"), 0), new(Endpoint), new(Endpoint)
	target.SetEndpoints(0, []*Endpoint{gone, stays})
	gone.Begin(0)
	stays.Begin(1)
	target.Configure(Settings{}, objectives("b", "c"))
	stays.Begin(0)
	target.SetEndpoints(time.Second, []*Endpoint{stays})
	target.Sweep(10*time.Second, 1)
	if target.Idle() {
		t.Error("idle with attempts under way")
	}
	target.Record(gone, 0, 0, 11*time.Second, Outcome{Kind: OK}) // it is late
	gone.End()
	target.Sweep(12*time.Second, 1)
	if len(target.leaving) != 0 {
		t.Error("a removed endpoint that nobody uses is kept")
	}
	target.Configure(Settings{}, objectives(many...))
	for i := range many {
		stays.Begin(i)
	}
	target.Configure(Settings{}, objectives("a"))
	got := target.Totals()
	want := map[string]uint64{"a": 1, "b": 2}
	for _, name := range many {
		want[name] = 1
	}
	if !maps.Equal(got.Begun, want) || got.OK != 1 {
		t.Errorf("got %v, want %v", got, want)
	}
	stays.End()
}

// Tiers that come and go don't fill the memory.
func TestTotalsAreBounded(t *testing.T) {
	target, e := NewTarget(Settings{}, nil, 0), new(Endpoint)
	target.SetEndpoints(0, []*Endpoint{e})
	for i := range 3 * mostNames {
		target.Configure(Settings{}, objectives(fmt.Sprint(i)))
		e.Begin(0)
	}
	if n := len(target.Totals().Begun); n > mostNames+2 {
		t.Errorf("%d names are kept", n)
	}
}
