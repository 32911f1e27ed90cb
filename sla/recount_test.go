package sla

import (
	"context"
	"math"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// event is a call as a recount sees it.
type event struct {
	at  time.Time
	bad bool
}

// recount counts the calls from a time on.
func recount(events []event, from time.Time) Counts {
	var c Counts
	for i := len(events) - 1; i >= 0 && !events[i].at.Before(from); i-- {
		if events[i].bad {
			c.Bad++
		} else {
			c.Good++
		}
	}
	return c
}

// recountBurn is the burn rate of the window that ends now, from the calls
// themselves, those in its first slot weighted with the part that is in it.
func recountBurn(events []event, now time.Time, window, slot time.Duration, target float64) float64 {
	from := now.Add(-window)
	begin := from.Truncate(slot)
	part := 1 - float64(from.Sub(begin))/float64(slot)
	good, bad := 0.0, 0.0
	for i := len(events) - 1; i >= 0 && !events[i].at.Before(begin); i-- {
		weight := 1.0
		if events[i].at.Before(begin.Add(slot)) {
			weight = part
		}
		if events[i].bad {
			bad += weight
		} else {
			good += weight
		}
	}
	if bad == 0 {
		return 0
	}
	return bad / (good + bad) / (1 - target)
}

// world is a history that several processes count, some of which restart.
type world struct {
	t         interface{ Fatalf(string, ...any) }
	rng       *rand.Rand
	store     File
	now       time.Time
	events    []event
	processes []*Account
	one       *Account // counts everything
}

func newWorld(t interface{ Fatalf(string, ...any) }, rng *rand.Rand, dir string, processes int) *world {
	w := &world{t: t, rng: rng, store: File(filepath.Join(dir, "counts")), now: time.Date(2026, 3, 1, 13, 59, 7, 0, time.UTC)}
	for range processes {
		w.processes = append(w.processes, NewAccount(w.now))
	}
	w.one = NewAccount(w.now)
	return w
}

// call makes a call after a pause.
func (w *world) call(pause time.Duration, bad bool) {
	w.now = w.now.Add(pause)
	w.sweep()
	v := Good
	if bad {
		v = Bad + Verdict(w.rng.IntN(2)) // or Shed
	}
	random := w.rng.Uint64()
	w.processes[w.rng.IntN(len(w.processes))].Count(v, random)
	w.one.Count(v, random)
	w.events = append(w.events, event{w.now, bad})
}

// sweep sweeps what is not of this very second.
func (w *world) sweep() {
	second := w.now.Truncate(time.Second)
	for _, a := range append(w.processes, w.one) {
		if a.swept.Before(second) {
			a.Sweep(second)
		}
	}
}

// restart saves one of the processes and loads it into a new one.
func (w *world) restart() {
	i := w.rng.IntN(len(w.processes))
	w.processes[i].Sweep(w.now)
	if err := w.store.Save(context.Background(), w.snapshot(w.processes[i])); err != nil {
		w.t.Fatalf("%v", err)
	}
	s, err := w.store.Load(context.Background())
	if err != nil {
		w.t.Fatalf("%v", err)
	}
	a := NewAccount(w.now)
	a.Restore(s.Contracts[0].Record, w.now)
	w.processes[i] = a
}

func (w *world) snapshot(a *Account) Snapshot {
	return Snapshot{At: w.now, Contracts: []ContractRecord{{"acme", Objective{Target: 0.99, Window: hoursSpan}, a.Record(w.now)}}}
}

// check holds all processes together against a recount.
func (w *world) check() {
	var all []Snapshot
	for _, a := range w.processes {
		a.Sweep(w.now)
		all = append(all, w.snapshot(a))
	}
	w.one.Sweep(w.now)
	merged := Merge(all...)
	if want := w.snapshot(w.one); !reflect.DeepEqual(merged, want) {
		w.t.Fatalf("merged:\n%+v\none that counted all:\n%+v", merged, want)
	}
	together := NewAccount(w.now)
	together.Restore(merged.Contracts[0].Record, w.now)

	for _, window := range []time.Duration{time.Hour, 6 * time.Hour, 7 * time.Hour, 72 * time.Hour, 168 * time.Hour, hoursSpan} {
		slot := time.Hour
		if window <= minutesSpan {
			slot = time.Minute
		}
		want := recount(w.events, w.now.Add(-window).Truncate(slot))
		for _, target := range []float64{0.9, 0.99, 0.9995} {
			got := together.Standing(w.now, Objective{Target: target, Window: window})
			if got.Counts != want {
				w.t.Fatalf("%v until %v: %+v, recounted %+v", window, w.now, got.Counts, want)
			}
			left := 1.0
			if want.Bad > 0 {
				left = 1 - float64(want.Bad)/((1-target)*float64(want.Good+want.Bad))
			}
			if math.Abs(got.Left-left) > 1e-9 {
				w.t.Fatalf("%v until %v: %v left, recounted %v", window, w.now, got.Left, left)
			}
		}
	}
	for _, b := range together.Burns(w.now, 0.999) {
		for window, rate := range map[time.Duration]float64{b.Long: b.LongRate, b.Short: b.ShortRate} {
			slot := map[bool]time.Duration{true: time.Minute, false: time.Hour}[window <= minutesSpan]
			if window <= secondsSpan {
				slot = time.Second
			}
			if want := recountBurn(w.events, w.now, window, slot, 0.999); math.Abs(rate-want) > 1e-6*(1+want) {
				w.t.Fatalf("burn of %v until %v: %v, recounted %v", window, w.now, rate, want)
			}
		}
	}
}

// A history of a million calls over 40 days, by three processes that restart
// again and again, comes to what a recount of the calls comes to.
func TestMillionCallsRecounted(t *testing.T) {
	w := newWorld(t, rand.New(rand.NewPCG(1, 2)), t.TempDir(), 3)
	pace, badly := 0.0, 0.0
	calls, usual := 1_000_000, 3.5
	if raceEnabled { // which takes ten times as long
		calls, usual = 50_000, 70
	}
	for i := range calls {
		if i%(calls/100) == 0 { // now a rush, now a quiet day; now an outage, now none
			pace, badly = usual*math.Exp(w.rng.NormFloat64()/2), []float64{0, 0.0001, 0.01, 1}[w.rng.IntN(4)]
		}
		w.call(time.Duration(pace*w.rng.ExpFloat64()*float64(time.Second)), w.rng.Float64() < badly)
		if i%(calls/127) == 0 {
			w.restart()
		}
		if i%(calls/33) == 0 || i == calls-1 {
			w.check()
		}
	}
	if days := w.now.Sub(w.events[0].at).Hours() / 24; days < 32 {
		t.Errorf("only %.0f days, the longest window never rolled", days)
	}
}

func TestRecount(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)), dir, rapid.IntRange(1, 4).Draw(t, "processes"))
		longest := rapid.SampledFrom([]time.Duration{time.Millisecond, time.Second, time.Minute, time.Hour, 20 * 24 * time.Hour}).Draw(t, "pause")
		for range rapid.IntRange(1, 300).Draw(t, "calls") {
			w.call(time.Duration(w.rng.Int64N(int64(longest))), w.rng.IntN(3) == 0)
			switch w.rng.IntN(50) {
			case 0:
				w.restart()
			case 1:
				w.check()
			}
		}
		w.check()
	})
}
