package failover

import (
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
