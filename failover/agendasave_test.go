package failover

import (
	"math"
	"strings"
	"testing"
	"time"
)

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

// A record that can't be read doesn't take others with it, and a drain that was in
// force is so after a restart with a clock that is wrong.
func TestRestore(t *testing.T) {
	b := newBench(t)
	if err := b.add(Change{ID: "out", Kind: KindDrain, Cloud: "a"}); err != nil {
		t.Fatal(err)
	}
	b.run(time.Minute)
	if err := b.add(drill("later", "b", monday.Add(24*time.Hour), time.Hour)); err != nil {
		t.Fatal(err)
	}
	data, err := b.agenda.Save()
	if err != nil {
		t.Fatal(err)
	}
	data = []byte(strings.Replace(string(data), "[", `[{"Change":{"ID":"x"},"Applied":true},`, 1))
	next := newBench(t)
	next.wall = monday.Add(-10 * 365 * 24 * time.Hour)
	if err := next.agenda.Restore(data); err == nil || !strings.Contains(err.Error(), "change x") {
		t.Errorf("got %v", err)
	}
	next.run(time.Minute)
	next.want("50ms out running")
	if n := len(next.agenda.Status(next.wall)); n != 2 {
		t.Errorf("%d changes", n)
	}
}

// A change that repeats goes on after a restart within the same occurrence. If that is
// over, the next begins when its time comes, not at once.
func TestRestoreOfWhatRepeats(t *testing.T) {
	const week = 7 * 24 * time.Hour
	for _, test := range []struct {
		name   string
		back   time.Duration // since the first start, by the wall clock
		begins time.Duration // from then on; below 0: never
	}{
		{"within it", 40 * time.Minute, benchStep},
		{"with a clock that was set back before it", -10 * time.Minute, benchStep},
		{"after its end", 70 * time.Minute, -1},
		{"a minute before the next", week - time.Minute, time.Minute},
		{"within the next", week + 30*time.Minute, benchStep},
	} {
		for _, ramp := range []time.Duration{0, 10 * time.Minute} {
			b := newBench(t)
			out := Change{ID: "out", Kind: KindDrain, Cloud: "a", Start: monday, End: monday.Add(time.Hour), Repeat: week, Ramp: ramp}
			if err := b.add(out); err != nil {
				t.Fatal(err)
			}
			b.run(30 * time.Minute)
			data, err := b.agenda.Save()
			if err != nil {
				t.Fatal(err)
			}
			next := newBench(t)
			next.wall = monday.Add(test.back)
			if err := next.agenda.Restore(data); err != nil {
				t.Fatal(err)
			}
			begins := time.Duration(-1)
			for next.now < 2*time.Minute && begins < 0 {
				next.run(benchStep)
				if next.agenda.Status(next.wall)[0].State == ChangeRunning {
					begins = next.now
				}
			}
			if apart := begins - test.begins; apart < -time.Second || apart > time.Second || (begins < 0) != (test.begins < 0) {
				t.Errorf("%s, ramp %v: it begins after %v, want %v", test.name, ramp, begins, test.begins)
			}
			if got := next.drained("a"); math.IsNaN(got) || got < 0 || got > 1 {
				t.Errorf("%s, ramp %v: %v drained", test.name, ramp, got)
			}
		}
	}
}
