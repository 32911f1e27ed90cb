package balancer

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/internal/virtual"
	"github.com/fairlead-go/fairlead/sla"
)

// The retry budget counts by differences: what clouds that are gone had earned
// and spent stays so.
func TestBudgetAfterCloudsChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.Retry.Floor = 1e-3
		w := newWorld()
		r := w.router(t, cfg)
		w.load(r, "standard", 1000, 5*time.Millisecond)
		r.services[serviceKey{name: "api"}].retries.Add(500) // and their attempts
		for range 500 {
			a, err := r.Pick(t.Context(), Call{Service: "api"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			a.Done(health.Outcome{Kind: health.OK})
		}
		time.Sleep(time.Second)
		next := testConfig()
		next.Retry = cfg.Retry
		next.Services["api"] = Service{Clouds: map[string]ServiceCloud{"a": {HTTP: []string{"http://10.0.3.1"}}, "b": {HTTP: []string{"http://10.0.3.2"}}}}
		next.Clouds = map[string]Cloud{"c": {}, "d": {}}
		next.Services["api"] = Service{Clouds: map[string]ServiceCloud{"c": {HTTP: []string{"http://10.0.3.1"}}, "d": {HTTP: []string{"http://10.0.3.2"}}}}
		if err := r.Update(next); err != nil {
			t.Fatal(err)
		}
		for r.services[serviceKey{name: "api"}].budget.Withdraw(true) {
		}
		w.load(r, "standard", 400, 5*time.Millisecond)
		if got := r.services[serviceKey{name: "api"}].budget.Balance(); got < 35 || got > 41 {
			t.Errorf("400 calls earned %.1f tokens, want 40", got)
		}
	})
}

// What times out while this process stands still isn't held against a cloud.
func TestStallIsExcused(t *testing.T) {
	for _, stood := range []time.Duration{0, time.Second} {
		now := time.Duration(0)
		m := &virtual.Machine{
			Now: func() time.Duration { return now }, Rand: rand.New(rand.NewPCG(1, 2)).Uint64,
			Probe: func(_ virtual.Probe, done func(health.Outcome)) { done(health.Outcome{Kind: health.OK}) },
		}
		r, err := New(testConfig(), Simulated(m))
		if err != nil {
			t.Fatal(err)
		}
		exchange := func(kind health.Kind, n int) {
			for range n {
				a, err := r.Pick(context.Background(), Call{Service: "api"}, nil)
				if err != nil {
					t.Fatal(err)
				}
				a.Done(health.Outcome{Kind: kind})
			}
		}
		for range 100 {
			now += m.StepEvery
			exchange(health.OK, 20)
			m.Step()
		}
		for range 4 {
			exchange(health.TimedOut, 50)
			now += m.StepEvery + stood
			m.Step()
		}
		fell := state(r, "a").State == health.Down || state(r, "b").State == health.Down
		if fell != (stood == 0) {
			t.Errorf("stood still for %v: %v, %v", stood, state(r, "a"), state(r, "b"))
		}
		r.Close()
	}
}

// The day of the levels is today's.
func TestDayIsTodays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		time.Sleep(2 * stepEvery)
		if got, want := r.today(), sla.DayOf(time.Now()); got != want {
			t.Errorf("day is %d, want %d", got, want)
		}
	})
}
