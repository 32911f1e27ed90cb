package failover

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// monday is a Monday.
var monday = time.Date(2026, 11, 30, 3, 0, 0, 0, time.UTC)

func drill(id, cloud string, start time.Time, length time.Duration) Change {
	return Change{ID: id, Kind: KindDrill, Cloud: cloud, Start: start, End: start.Add(length)}
}

func TestChangeFaultsNameTheField(t *testing.T) {
	hour := monday.Add(time.Hour)
	for _, test := range []struct {
		change Change
		want   string
	}{
		{Change{}, "id: must be a name, is empty\nkind: must be drain, shift or drill, is \"\""},
		{Change{ID: "x", Kind: KindDrain}, "cloud: must be a cloud: a drain takes one out of use"},
		{Change{ID: "x", Kind: KindDrill, Cloud: "a", Start: monday}, "end: must be given: a drill ends"},
		{Change{ID: "x", Kind: KindShift}, "weights: must have at least one cloud: a shift moves its weights"},
		{Change{ID: "x", Kind: KindDrain, Cloud: "a", Weights: map[string]uint32{"a": 1}}, "weights: must be left out: a drain has none"},
		{Change{ID: "x", Kind: KindDrain, Cloud: "a", Start: monday, End: hour, Repeat: time.Hour}, "repeat: must be more than the time from start to end (1h), is 1h"},
		{Change{ID: "x", Kind: KindDrain, Cloud: "a", End: hour, Repeat: 2 * time.Hour}, "start: must be given: what repeats counts from it"},
		{Change{ID: "x", Kind: KindDrain, Cloud: "a", Grace: time.Millisecond}, "grace: must be from 1s to 24h, is 1ms"},
		{drill("x", "a", monday, time.Hour), ""},
	} {
		got := ""
		if err := test.change.Validate(); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%+v:\ngot  %s\nwant %s", test.change, got, test.want)
		}
	}
}

func TestOccurrences(t *testing.T) {
	c := drill("weekly", "a", monday, 30*time.Minute)
	c.Repeat = 168 * time.Hour
	for _, test := range []struct{ at, want time.Duration }{
		{-time.Hour, 0},
		{0, 0},
		{30*time.Minute - 1, 0},
		{30 * time.Minute, 168 * time.Hour},
		{3*168*time.Hour + time.Minute, 3 * 168 * time.Hour},
	} {
		start, end := c.Occurrence(monday.Add(test.at))
		if got := start.Sub(monday); got != test.want || end.Sub(start) != 30*time.Minute {
			t.Errorf("at +%v the drill begins at +%v and lasts %v, want +%v", test.at, got, end.Sub(start), test.want)
		}
	}
}

// Whether two changes overlap is what comparing all their occurrences says.
func TestOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		any := func(id string) Change {
			c := drill(id, "a", monday.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, id+" start"))*time.Minute),
				time.Duration(rapid.IntRange(1, 10).Draw(t, id+" length"))*time.Minute)
			if rapid.Bool().Draw(t, id+" repeats") {
				c.Repeat = c.End.Sub(c.Start) + time.Duration(rapid.IntRange(1, 20).Draw(t, id+" pause"))*time.Minute
			}
			return c
		}
		a, b := any("a"), any("b")
		want := false
		for k := range 2000 { // minutes: more than any two periods and the starts
			at := monday.Add(time.Duration(k) * time.Minute)
			want = want || a.at(at) && b.at(at)
		}
		if got := a.overlap(&b); got != want {
			t.Fatalf("got %v, want %v: %+v %+v", got, want, a, b)
		}
		if a.overlap(&b) != b.overlap(&a) {
			t.Fatal("it depends on the order")
		}
	})
}

func (c *Change) at(wall time.Time) bool {
	start, end := c.Occurrence(wall)
	return !wall.Before(start) && wall.Before(end)
}

func TestContradictions(t *testing.T) {
	first := drill("first", "a", monday, time.Hour)
	shift := Change{ID: "shift", Kind: KindShift, Weights: map[string]uint32{"a": 1, "b": 2}, Start: monday, Ramp: 10 * time.Minute}
	for _, test := range []struct {
		name           string
		earlier, later Change
		want           string
	}{
		{"same cloud", first, drill("x", "a", monday.Add(30*time.Minute), time.Hour), "drill first moves the calls of a at the same time"},
		{"after it", first, drill("x", "a", monday.Add(time.Hour), time.Hour), ""},
		{"another cloud", first, drill("x", "b", monday, time.Hour), ""},
		{"a drill while weights move", shift, drill("x", "a", monday.Add(5*time.Minute), time.Hour), "shift moves the calls of a at the same time"},
		{"a drill when they have moved", shift, drill("x", "a", monday.Add(time.Hour), time.Hour), ""},
		{"a shift while a cloud is drained", first, shift, "drill first moves the calls of a at the same time"},
		{"two shifts", shift, Change{ID: "y", Kind: KindShift, Weights: map[string]uint32{"c": 1}, Start: monday.Add(time.Hour)}, "shift moves weights at the same time"},
	} {
		got := ""
		if err := test.later.Contradicts(&test.earlier); err != nil {
			got = err.Error()
			var refusal *Refusal
			if !errors.As(err, &refusal) || refusal.Rule != RuleContradiction {
				t.Errorf("%s: %#v", test.name, err)
			}
		}
		if got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
	others := drill("x", "a", monday, time.Hour)
	others.Services = []string{"maps"}
	limited := first
	limited.Services = []string{"routing"}
	if err := others.Contradicts(&limited); err != nil {
		t.Errorf("of other services: %v", err)
	}
}

func TestWindows(t *testing.T) {
	seoul := Window{Days: []string{"mon"}, From: "22:00", To: "06:00", Zone: "Asia/Seoul"} // 13:00–21:00 UTC
	for _, test := range []struct {
		name             string
		from             time.Duration // after Monday 03:00 UTC
		length           time.Duration
		allowed, blocked []Window
		want             string
	}{
		{"no window", 0, time.Hour, nil, nil, ""},
		{"within", 10 * time.Hour, time.Hour, []Window{seoul}, nil, ""},
		{"over midnight there", 17 * time.Hour, time.Hour, []Window{seoul}, nil, ""},
		{"too early", 10*time.Hour - time.Second, time.Hour, []Window{seoul}, nil, "it would not lie within the allowed times"},
		{"too long", 17 * time.Hour, time.Hour + time.Second, []Window{seoul}, nil, "it would not lie within the allowed times"},
		{"another day", 34 * time.Hour, time.Hour, []Window{seoul}, nil, "it would not lie within the allowed times"},
		{"from one into the next", 20 * time.Hour, 2 * time.Hour, []Window{{Days: []string{"mon"}}, {Days: []string{"tue"}}}, nil, ""},
		{"blocked", 10 * time.Hour, time.Hour, nil, []Window{seoul}, "it would touch a blocked time: mon 22:00–06:00 Asia/Seoul"},
		{"into a blocked one", 9 * time.Hour, time.Hour + time.Second, nil, []Window{seoul}, "it would touch a blocked time: mon 22:00–06:00 Asia/Seoul"},
		{"up to a blocked one", 9 * time.Hour, time.Hour, nil, []Window{seoul}, ""},
	} {
		c := drill("x", "a", monday.Add(test.from), test.length)
		c.Allowed, c.Blocked = test.allowed, test.blocked
		got := ""
		if refusal := c.windows(c.Start, c.End); refusal != nil {
			got = refusal.Reason
		}
		if got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

// A time of day that daylight saving skips or repeats stays one.
func TestWindowsInDaylightSaving(t *testing.T) {
	berlin := Window{From: "02:00", To: "04:00", Zone: "Europe/Berlin"}
	for _, test := range []struct {
		at   time.Time
		want bool
	}{
		{time.Date(2027, 3, 27, 1, 0, 0, 0, time.UTC), true},     // 02:00 in winter
		{time.Date(2027, 3, 28, 1, 30, 0, 0, time.UTC), true},    // 03:30: 02:00 to 03:00 don't exist
		{time.Date(2027, 3, 29, 0, 0, 0, 0, time.UTC), true},     // 02:00 in summer
		{time.Date(2027, 3, 28, 2, 0, 0, 0, time.UTC), false},    // 04:00
		{time.Date(2027, 10, 31, 2, 59, 0, 0, time.UTC), true},   // 03:59 after the hour that comes twice
		{time.Date(2027, 10, 31, 3, 0, 0, 0, time.UTC), false},   // 04:00
		{time.Date(2027, 10, 30, 23, 59, 0, 0, time.UTC), false}, // 01:59
	} {
		c := Change{ID: "x", Kind: KindDrain, Cloud: "a", Start: test.at, Allowed: []Window{berlin}}
		if got := c.windows(c.Start, c.End) == nil; got != test.want {
			t.Errorf("%v: got %v", test.at, got)
		}
	}
}

// The parts of a shift under way move in a straight line and sum to 1.
func TestShiftWeights(t *testing.T) {
	c := Change{ID: "x", Kind: KindShift, From: map[string]uint32{"a": 100, "b": 0}, Weights: map[string]uint32{"a": 30, "b": 70}}
	base := map[string]uint32{"a": 1, "b": 1}
	for _, test := range []struct{ progress, want float64 }{{0, 0}, {0.1, 0.07}, {0.5, 0.35}, {1, 0.7}} {
		got := parts(c.weights(base, test.progress))
		if diff := got["b"] - test.want; diff > 1e-6 || diff < -1e-6 {
			t.Errorf("at %v b has %v, want %v", test.progress, got["b"], test.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		clouds := []string{"a", "b", "c"}
		weights := func() map[string]uint32 {
			return map[string]uint32{"a": r.Uint32(), "b": r.Uint32N(100), "c": r.Uint32()}
		}
		base, c := weights(), Change{Kind: KindShift, Weights: weights(), From: weights()}
		from, to := parts(c.From), parts(c.Weights)
		p := r.Float64()
		mid := parts(c.weights(base, p))
		for _, cloud := range clouds {
			if diff := mid[cloud] - (from[cloud] + (to[cloud]-from[cloud])*p); diff > 1e-6 || diff < -1e-6 {
				t.Fatalf("%s has %v at %v between %v and %v", cloud, mid[cloud], p, from[cloud], to[cloud])
			}
		}
	})
}

func FuzzClockTime(f *testing.F) {
	for _, text := range []string{"00:00", "24:00", "23:59", "7:00", "24:01", "-1:00", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		minutes, err := clockTime(text)
		if err == nil && (minutes < 0 || minutes > 24*60 || len(text) != 5 || strings.Count(text, ":") != 1) {
			t.Errorf("%q is %d minutes", text, minutes)
		}
	})
}
