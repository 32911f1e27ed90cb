package admission

import (
	"context"
	"math"
	"sync"
	"testing"
	"time"
)

func TestUtilization(t *testing.T) {
	own := func(u float64) func() float64 { return func() float64 { return u } }
	for _, test := range []struct {
		name string
		cfg  Config
		want float64
		ok   bool
	}{
		{"nothing to measure", Config{}, 0, false},
		{"in flight of the cap", Config{Cap: 4}, 0.75, true},
		{"in flight of the most critical tier's limit", Config{Cap: 6, Classifier: threeTiers()}, 0.5, true},
		{"own measure", Config{Utilization: own(0.2)}, 0.2, true},
		{"own measure before the cap", Config{Cap: 4, Utilization: own(0)}, 0, true},
		{"beyond full", Config{Utilization: own(1.5)}, 1.5, true},
		{"negative", Config{Cap: 4, Utilization: own(-0.1)}, 0, false},
		{"not a number", Config{Cap: 4, Utilization: own(math.NaN())}, 0, false},
		{"infinite", Config{Cap: 4, Utilization: own(math.Inf(1))}, 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := New(test.cfg)
			for range 3 {
				c.Enter(context.Background(), 0, start)
			}
			got, ok := c.Load(start)
			if got.Utilization != test.want || ok != test.ok {
				t.Errorf("%v, %v, want %v, %v", got.Utilization, ok, test.want, test.ok)
			}
			if want := test.cfg.Cap > 0 || test.cfg.Utilization != nil; c.Measures() != want {
				t.Errorf("it says that it measures: %v", !want)
			}
		})
	}
}

// TestRate: calls per second since the last mark, which is at least a second and
// at most three seconds old.
func TestRate(t *testing.T) {
	c := New(Config{Cap: 1})
	after := func(d time.Duration) float64 {
		t.Helper()
		load, ok := c.Load(start.Add(d))
		if !ok {
			t.Fatal("no load")
		}
		return load.Rate
	}
	call := func(n int) {
		for range n {
			if c.Enter(context.Background(), 0, start) != Admitted {
				t.Fatal("refused")
			}
			if c.Enter(context.Background(), 0, start) != Shed { // those don't count
				t.Fatal("admitted")
			}
			c.Leave()
		}
	}
	call(1000)
	for _, step := range []struct {
		at    time.Duration
		calls int // since the step before
		want  float64
	}{
		{0, 0, 0}, // what came before the first mark counts in none
		{500 * time.Millisecond, 30, 0},
		{time.Second, 20, 50},
		{1999 * time.Millisecond, 70, 50},
		{2 * time.Second, 0, 70},
		{5 * time.Second, 6, 2},
		{4 * time.Second, 5, 2}, // somebody read the clock and was held up
		{6 * time.Second, 0, 5},
		{7 * time.Second, 0, 0},
		{67 * time.Second, 30, 0}, // a burst after an idle minute: not known yet, and not 0.5
		{67900 * time.Millisecond, 100, 0},
		{68 * time.Second, 20, 120},
	} {
		call(step.calls)
		if got := after(step.at); got != step.want {
			t.Errorf("after %v: %v/s, want %v", step.at, got, step.want)
		}
	}
}

// TestRateFromManyGoroutines: whoever sets the mark, all are told the same.
func TestRateFromManyGoroutines(t *testing.T) {
	c := New(Config{Cap: 100})
	c.Load(start)
	for second := 1; second <= 200; second++ {
		for range 50 {
			c.Enter(context.Background(), 0, start)
			c.Leave()
		}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if load, _ := c.Load(start.Add(time.Duration(second) * time.Second)); load.Rate != 50 {
					t.Errorf("%v/s", load.Rate)
				}
			})
		}
		wg.Wait()
	}
}
