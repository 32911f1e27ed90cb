package balancer

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/failover"
)

// A lost cloud leaves a trace: the change of state, the failover, and shares
// that go to 0 and come back.
func TestHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.router(t, testConfig())
		w.load(r, "standard", 500, 5*time.Millisecond)
		w.set("a", refuses)
		w.load(r, "standard", 500, 5*time.Millisecond)
		w.set("a", fine)
		w.load(r, "standard", 4000, 5*time.Millisecond)
		if err := r.Drain("b"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if err := r.Update(&Config{}); err == nil {
			t.Fatal("an empty config was accepted")
		}
		h := r.History()
		var kinds []string
		for i, e := range h.Events {
			if e.ID != uint64(i+1) || e.At.After(h.At) || i > 0 && e.At.Before(h.Events[i-1].At) {
				t.Errorf("event %d: %+v", i, e)
			}
			kinds = append(kinds, fmt.Sprintf("%s %s %s", e.Kind, e.Cloud, e.To))
		}
		for _, want := range []string{
			"config  in force", "state a healthy", "state b healthy", "state a down", "failover a down",
			"state a recovering", "plan a recovering", "state a healthy", "plan a weights",
			"change b running", "plan b drained", "config  refused",
		} {
			if !slices.Contains(kinds, want) {
				t.Errorf("no event %q in %q", want, kinds)
			}
		}
		i := slices.Index(kinds, "failover a down")
		if text := h.Events[max(i, 0)].Text; text != "share of critical 70 % → 0 %, standard 70 % → 0 %" {
			t.Errorf("the failover says %q", text)
		}
		s := h.Services[0]
		var course []string
		for i, x := range s.Samples {
			if !slices.Equal(x.Tiers, []string{"critical", "standard"}) || !slices.Equal(x.Clouds, []string{"a", "b"}) || len(x.Shares) != 4 {
				t.Fatalf("sample %+v", x)
			}
			if i > 0 && x.At.Sub(s.Samples[i-1].At) < historyEvery {
				t.Errorf("samples at %v and %v", s.Samples[i-1].At, x.At)
			}
			course = append(course, fmt.Sprintf("%.0f", 100*x.Shares[2])) // standard, a
		}
		if all := strings.Join(course, " "); !strings.HasPrefix(all, "70 0 ") || !strings.HasSuffix(all, " 100") {
			t.Errorf("the share of a went %s", all)
		}
	})
}

// What is kept is bounded, and still says what was in force 15 minutes ago.
func TestHistoryIsBounded(t *testing.T) {
	var h samples
	now := time.Duration(0)
	plan := func(share float64) failover.Plan {
		return failover.Plan{Tiers: []failover.TierPlan{{Tier: "t", Shares: []failover.Share{{Cloud: "a", Fraction: share}}}}}
	}
	for i := range 3000 {
		now += time.Second
		h.add(plan(float64(i)/3000), now)
	}
	if n := len(h.list); n != 901 || h.list[0].at != now-historyLasts || cap(h.list) > 2048 {
		t.Errorf("%d samples in %d places, the first of %v ago", n, cap(h.list), now-h.list[0].at)
	}
	for range 3000 { // nothing changes
		now += time.Second
		h.add(plan(1), now)
	}
	if n := len(h.list); n != 1 {
		t.Errorf("%d samples of a plan that doesn't change", n)
	}
	var e events
	for i := range 1000 {
		e.add(Event{Text: fmt.Sprint(i)})
	}
	list := e.list()
	if len(list) != mostEvents || list[0].Text != "744" || list[255].Text != "999" || list[255].ID != 1000 {
		t.Errorf("%d events, from %+v to %+v", len(list), list[0], list[len(list)-1])
	}
	if long := cut(strings.Repeat("é", 1000)); len(long) > longestText+len("…") {
		t.Errorf("a text of %d bytes", len(long))
	}
}
