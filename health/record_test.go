package health

import (
	"sync"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"
)

// The windows equal a recount of what was recorded, of each endpoint and of
// all together.
func TestCountsEqualARecount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFleet(Settings{}, 3)
		type entry struct {
			second time.Duration
			counts Counts
		}
		log := make([][]entry, len(f.all))
		for range 60 {
			i := rapid.IntRange(0, 2).Draw(t, "endpoint")
			k := Kind(rapid.IntRange(int(Neutral), int(Overloaded)).Draw(t, "kind"))
			n := rapid.IntRange(1, 5).Draw(t, "attempts")
			// All outcomes of attempts that begin after a fall count.
			f.attempt(i, n, k)
			f.pass(sweepInterval)
			c := Counts{Begun: uint64(n)}
			switch {
			case k == OK:
				c.OK = uint64(n)
			case k == Overloaded:
				c.Overloaded = uint64(n)
			case k.Bad():
				c.Bad = uint64(n)
			}
			log[i] = append(log[i], entry{f.now / time.Second, c})
			f.pass(time.Duration(rapid.IntRange(0, 40).Draw(t, "sweeps")) * sweepInterval)
			var all Counts
			for i, e := range f.all {
				var want Counts
				for _, x := range log[i] {
					if x.second > f.now/time.Second-10 {
						want = want.plus(x.counts)
					}
				}
				all = all.plus(want)
				if got := e.Counts(); got != want {
					t.Fatalf("endpoint %d: %+v, recounted %+v", i, got, want)
				}
			}
			if got := f.Counts(); got != all {
				t.Fatalf("target: %+v, recounted %+v", got, all)
			}
		}
	})
}

func TestSlowAnswersCountAsSuch(t *testing.T) {
	tiers := []Objective{{Tier: "critical", Latency: 50 * time.Millisecond}, {Tier: "standard"}}
	f := &fleet{Target: NewTarget(Settings{}, tiers, 0), all: []*Endpoint{new(Endpoint)}}
	f.SetEndpoints(0, f.all)
	record := func(tier int, took time.Duration) {
		f.all[0].Begin(0)
		f.Record(f.all[0], tier, f.now, f.now+took, Outcome{Kind: OK})
		f.all[0].End()
	}
	record(0, 50*time.Millisecond)
	record(0, 51*time.Millisecond)
	record(1, time.Hour)
	record(7, time.Hour) // a tier the configuration no longer has
	f.pass(time.Second)
	if c := f.Counts(); c.OK != 4 || c.Slow != 1 {
		t.Errorf("counts %+v, want 4 good and 1 of them slow", c)
	}
	// Without an objective the usual is the measure.
	for range 100 {
		record(1, 10*time.Millisecond)
	}
	f.pass(time.Second)
	record(1, 36*time.Millisecond)
	record(1, 41*time.Millisecond)
	f.pass(time.Second)
	if c := f.Counts(); c.Slow != 2 {
		t.Errorf("%d slow, want 2: an answer of 41 ms is beyond four times 10", c.Slow)
	}
	f.Configure(Settings{}, []Objective{{Tier: "critical"}, {Tier: "standard", Latency: 20 * time.Millisecond}})
	record(1, 21*time.Millisecond)
	f.pass(sweepInterval)
	if c := f.Counts(); c.Slow != 3 {
		t.Errorf("%d slow, want 3: the new objective is 20 ms", c.Slow)
	}
}

// The answers that a frozen process gives after its thaw say how long it was
// frozen, not how long answers take.
func TestAnswersFromBeforeAFreshStartTeachNothing(t *testing.T) {
	f := newFleet(Settings{}, 1)
	for range 100 {
		f.attempt(0, 1, OK)
		f.pass(sweepInterval)
	}
	cost, p99 := f.all[0].Cost(), f.P99(0)
	f.now += 10 * time.Second
	f.Excuse(f.now)
	for range 5 {
		f.all[0].Begin(0)
		f.Record(f.all[0], 0, f.now-10*time.Second, f.now, Outcome{Kind: OK})
		f.all[0].End()
	}
	f.pass(sweepInterval)
	f.attempt(0, 50, OK)
	f.pass(time.Second)
	if f.all[0].Cost() > cost || f.P99(0) != p99 || f.Counts().Slow != 0 {
		t.Errorf("cost %v → %v, p99 %v → %v, %d slow", cost, f.all[0].Cost(), p99, f.P99(0), f.Counts().Slow)
	}
}

func TestQuantiles(t *testing.T) {
	f := newFleet(Settings{}, 1)
	if f.P99(0) != 0 || f.P90() != 0 || f.P99(5) != 0 || f.Quantile(5, 0.5) != 0 {
		t.Error("quantiles of nothing")
	}
	for i := range 1000 {
		f.all[0].Begin(0)
		f.Record(f.all[0], 0, 0, time.Duration(i+1)*100*time.Microsecond, Outcome{Kind: OK})
		f.all[0].End()
	}
	f.pass(time.Second)
	near(t, "p99", f.P99(0).Seconds(), 0.099, 0.002)
	near(t, "p90", f.P90().Seconds(), 0.090, 0.002)
	near(t, "median", f.Quantile(0, 0.5).Seconds(), 0.050, 0.001)
	f.pass(20 * time.Second)
	if f.P99(0) != 0 {
		t.Errorf("p99 %v long after the last answer, want 0", f.P99(0))
	}
}

func TestCost(t *testing.T) {
	f := newFleet(Settings{}, 2)
	a, b := f.all[0], f.all[1]
	if a.Cost() != b.Cost() || a.Cost() <= 0 {
		t.Errorf("two new endpoints cost %v and %v", a.Cost(), b.Cost())
	}
	f.Record(a, 0, 0, 10*time.Millisecond, Outcome{Kind: OK})
	f.Record(b, 0, 0, 30*time.Millisecond, Outcome{Kind: OK})
	near(t, "ratio", float64(b.Cost()/a.Cost()), 3, 1e-6)
	for range 2 {
		a.Begin(0)
	}
	near(t, "ratio with two in flight", float64(b.Cost()/a.Cost()), 1, 1e-6)
	if a.InFlight() != 2 {
		t.Errorf("%d in flight, want 2", a.InFlight())
	}
	a.End()
	a.End()
	// An endpoint that isn't used drifts back to the usual.
	for range 60 * 20 {
		f.attempt(0, 1, OK)
		f.pass(sweepInterval)
	}
	if ratio := b.Cost() / a.Cost(); ratio < 1 || ratio > 15 {
		t.Errorf("the unused one costs %v times as much after a minute", ratio)
	}
}

// Good is what Record and End are, whether the answer is slow, comes after a failure
// or belongs to an attempt of before a fresh start.
func TestGoodIsRecordAndEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one, other := newFleet(Settings{}, 1), newFleet(Settings{}, 1)
		for range rapid.IntRange(1, 30).Draw(t, "attempts") {
			fails, slow := rapid.Bool().Draw(t, "fails"), rapid.Bool().Draw(t, "slow")
			excused := rapid.IntRange(0, 9).Draw(t, "excused") == 0
			for i, f := range []*fleet{one, other} {
				f.tier(0).slowAfter.Store(int64(time.Second))
				if fails {
					f.attempt(0, 1, Failed)
				}
				e, began, now := f.all[0], f.now, f.now+time.Millisecond
				if slow {
					now += 2 * time.Second
				}
				e.Begin(0)
				if excused {
					f.Excuse(began + 1)
				}
				if i == 0 {
					f.Good(e, 0, began, now)
				} else {
					f.Record(e, 0, began, now, Outcome{Kind: OK})
					e.End()
				}
				f.pass(sweepInterval)
			}
			a, b := one.all[0], other.all[0]
			if a.InFlight() != 0 || b.InFlight() != 0 || a.Counts() != b.Counts() || a.Cost() != b.Cost() || a.streak.Load() != b.streak.Load() {
				t.Fatalf("in flight %d and %d, counts %+v and %+v, cost %v and %v", a.InFlight(), b.InFlight(), a.Counts(), b.Counts(), a.Cost(), b.Cost())
			}
		}
	})
}

// An attempt that is ended once too often costs one in flight, and no count.
func TestEndTooOften(t *testing.T) {
	f := newFleet(Settings{}, 1)
	e := f.all[0]
	e.End()
	f.pass(sweepInterval)
	if e.InFlight() != -1 || e.Counts() != (Counts{}) {
		t.Errorf("%d in flight, counts %+v", e.InFlight(), e.Counts())
	}
	f.attempt(0, 3, OK)
	f.pass(sweepInterval)
	if c := e.Counts(); e.InFlight() != -1 || c.OK != 3 || c.Begun != 3 {
		t.Errorf("%d in flight, counts %+v", e.InFlight(), c)
	}
}

// Where there are plenty of answers the quantiles rest on a part of them, and say
// the same. Counts are exact nevertheless.
func TestPlentyOfAnswers(t *testing.T) {
	f := newFleet(Settings{}, 2)
	const each = 1000 // in a sweep
	answers := uint64(0)
	for range 600 { // 30 s
		for i := range each {
			began := f.now + time.Duration(i)*7919
			e := f.all[i%2]
			e.Begin(0)
			f.Good(e, 0, began, began+time.Duration(i)*time.Millisecond/10)
			answers++
		}
		f.pass(sweepInterval)
	}
	if !f.tier(0).plenty.Load() {
		t.Fatal("20,000 answers per second aren't plenty")
	}
	_, n := QuantileOf([]*Target{f.Target}, 0, 0.5)
	near(t, "answers of the last 5 to 10 s", float64(n), 150_000, 55_000)
	for _, q := range []float64{0.5, 0.9, 0.99} {
		near(t, "quantile in s", f.Quantile(0, q).Seconds(), q/10, 0.003)
	}
	if all := f.Totals(); all.OK != answers || all.Begun["critical"] != answers {
		t.Errorf("%d answers, counted %+v", answers, all)
	}
}

// What good attempts write lies on a line of its own.
func TestEndpointLayout(t *testing.T) {
	for _, e := range newFleet(Settings{}, 10).all { // from the heap
		first, last, next := uintptr(unsafe.Pointer(&e.begun)), uintptr(unsafe.Pointer(&e.out)), uintptr(unsafe.Pointer(&e.slow))
		if first%64 != 0 {
			t.Errorf("the first field is %d bytes into a line", first%64)
		}
		if next-first < cacheLine || first-uintptr(unsafe.Pointer(e)) < cacheLine-8 {
			t.Errorf("what others write is %d bytes away", next-first)
		}
		if last/64 != first/64 {
			t.Errorf("what a pick reads reaches %d bytes, beyond one line of 64 bytes", last-first)
		}
	}
}

func TestAttemptAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	f := newFleet(Settings{}, 2)
	e := f.all[0]
	for _, o := range []Outcome{{Kind: OK}, {Kind: Failed, Reason: "http 500"}, {Kind: Neutral}, {Kind: Overloaded}} {
		f.Record(e, 0, 0, 0, o)
		if n := testing.AllocsPerRun(1000, func() {
			e.Begin(0)
			_ = e.Cost()
			f.Record(e, 0, 0, time.Millisecond, o)
			e.End()
		}); n != 0 {
			t.Errorf("%v: %v allocations per attempt, want 0", o.Kind, n)
		}
	}
	if n := testing.AllocsPerRun(1000, func() { f.pass(sweepInterval) }); n != 0 {
		t.Errorf("%v allocations per sweep without news, want 0", n)
	}
}

// Callers, probes and the controller at the same time; nothing is lost.
func TestConcurrentAttemptsAreAllCounted(t *testing.T) {
	const callers, attempts = 4, 2000
	tiers := []Objective{{Tier: "critical"}, {Tier: "standard", Latency: time.Second}}
	target := NewTarget(Settings{}, tiers, 0)
	all := []*Endpoint{new(Endpoint), new(Endpoint), new(Endpoint)}
	target.SetEndpoints(0, all)
	kinds := []Kind{OK, OK, OK, OK, OK, OK, Failed, Neutral, Overloaded, Refused}
	var wait sync.WaitGroup
	stop := make(chan struct{})
	swept := make(chan time.Duration)
	go func() {
		now := time.Duration(0)
		var s Schedule
		for {
			select {
			case <-stop:
				swept <- now
				return
			default:
			}
			// All within one second, so that the windows still hold it.
			now += time.Microsecond
			target.Sweep(now+sweepInterval, 1)
			s.Due(now, target, func() float64 { return 0.5 })
			target.Configure(Settings{}, tiers)
		}
	}()
	for c := range callers {
		wait.Go(func() {
			for i := range attempts {
				e := all[(c+i)%len(all)]
				e.Begin(0)
				_, _ = e.Cost(), e.Eligible()
				target.Record(e, i%2, 0, time.Millisecond, Outcome{Kind: kinds[i%len(kinds)]})
				e.End()
				if i%100 == 0 {
					target.Probed(e, Outcome{Kind: OK})
					_, _, _, _ = target.State(), target.Reason(), target.P99(0), target.Quantile(1, 0.5)
				}
			}
		})
	}
	wait.Wait()
	close(stop)
	now := <-swept
	target.Sweep(now+10*sweepInterval, 1)
	c := target.Counts()
	if c.Begun != callers*attempts || c.OK+c.Bad+c.Excused+c.Overloaded != callers*attempts*9/10 {
		t.Errorf("counts %+v of %d attempts, of which a tenth were neutral", c, callers*attempts)
	}
	for _, e := range all {
		if e.InFlight() != 0 {
			t.Errorf("%d in flight", e.InFlight())
		}
	}
}

func TestSettingsDefaults(t *testing.T) {
	got := Settings{}.WithDefaults()
	want := Settings{
		Probe:     Probe{Path: "/healthz", Interval: time.Second, Timeout: time.Second, Rise: 1, Fall: 3},
		Ejection:  Ejection{Consecutive: 5, Base: 5 * time.Second, Max: 300 * time.Second, Fraction: 0.5},
		SlowStart: 10 * time.Second,
	}
	if got != want {
		t.Errorf("defaults %+v, want %+v", got, want)
	}
	set := Settings{Probe{"/ok", 1, 2, 3, 4}, Ejection{5, 6, 7, 0.8}, -1}
	if got := set.WithDefaults(); got != set {
		t.Errorf("%+v became %+v", set, got)
	}
}
