package health

import (
	"math"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func near(t testing.TB, what string, got, want, tolerance float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > tolerance {
		t.Errorf("%s = %v, want %v ± %v", what, got, want, tolerance)
	}
}

func TestPeakRisesAtOnceAndFallsSlowly(t *testing.T) {
	var p peak
	p.observe(0, 10*time.Millisecond, peakTau)
	p.observe(time.Second, 50*time.Millisecond, peakTau)
	near(t, "after a larger sample", p.value(), 50e6, 100)
	// Half of the way after tau: t/(t+tau).
	p.observe(time.Second+peakTau, 10*time.Millisecond, peakTau)
	near(t, "after tau", p.value(), 30e6, 1e3)
	p.observe(time.Second+peakTau, 10*time.Millisecond, peakTau)
	near(t, "in the same tick", p.value(), 30e6, 1e3)
	p.observe(time.Second, 10*time.Millisecond, peakTau)
	near(t, "by one that was overtaken", p.value(), 30e6, 1e3)
}

// The clock of a peak has 32 bits. After 12 hours without an answer, at the same
// average as the others or below it, the next sample counts all the same.
func TestPeakOfAnIdleEndpointStaysCurrent(t *testing.T) {
	for _, idle := range []time.Duration{time.Hour, 3 * time.Hour, 12 * time.Hour, 30 * time.Hour} {
		f := newFleet(Settings{}, 2)
		for i, e := range f.all {
			e.latency.observe(f.now, time.Duration(10+10*i)*time.Millisecond, peakTau)
		}
		for range idle / (20 * time.Second) {
			f.now += 20 * time.Second
			f.Sweep(f.now, 1)
		}
		near(t, "average of the idle", f.all[0].latency.value(), 10e6, 10)
		f.all[0].latency.observe(f.now, time.Millisecond, peakTau)
		near(t, "after "+idle.String()+" and a sample", f.all[0].latency.value(), 1e6, 1e4)
	}
}

func TestPeakForgetsAGuessAtTheFirstSample(t *testing.T) {
	var p peak
	if p.value() != 0 || p.measured() {
		t.Errorf("a new peak is %v, measured %v", p.value(), p.measured())
	}
	p.guess(0, 10e6)
	p.guess(0, 20e6)
	near(t, "guess", p.value(), 20e6, 10)
	if p.measured() {
		t.Error("a guess counts as measured")
	}
	p.observe(0, time.Millisecond, peakTau)
	near(t, "first sample", p.value(), 1e6, 1)
	p.guess(0, 20e6)
	near(t, "after a late guess", p.value(), 1e6, 1)
}

func TestPeakStaysBetweenItsSamples(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p peak
		now := time.Duration(0)
		low, high := time.Duration(math.MaxInt64), time.Duration(0)
		for range rapid.IntRange(1, 50).Draw(t, "samples") {
			now += time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "passed"))
			sample := time.Duration(rapid.Int64Range(1, int64(time.Minute)).Draw(t, "sample"))
			low, high = min(low, sample), max(high, sample)
			p.observe(now, sample, peakTau)
			if v := p.value(); v < float64(low)*(1-1e-6) || v > float64(high)*(1+1e-6) || v < float64(sample)*(1-1e-6) {
				t.Fatalf("%v after %v, with samples from %v to %v", time.Duration(v), sample, low, high)
			}
		}
	})
}

func TestFailingFastNeverLooksGood(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p peak
		now := time.Duration(0)
		p.observe(now, time.Duration(rapid.Int64Range(1, int64(time.Second)).Draw(t, "usual")), peakTau)
		limit := time.Duration(rapid.Int64Range(1, int64(time.Second)).Draw(t, "limit"))
		for range 30 {
			now += time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "passed"))
			before := p.value()
			took := time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(t, "took"))
			p.blame(now, took, limit)
			if p.value() < before || p.value() > max(before, float64(took), float64(limit))*(1+1e-6) {
				t.Fatalf("a failure after %v took the average from %v to %v, limit %v", took, before, p.value(), limit)
			}
		}
	})
	var p peak
	p.observe(0, 10*time.Millisecond, peakTau)
	p.blame(0, time.Millisecond, time.Second)
	near(t, "after a quick failure", p.value(), 20e6, 100)
}

func TestPeakUnderRace(t *testing.T) {
	var p peak
	var wait sync.WaitGroup
	for g := range 4 {
		wait.Go(func() {
			for i := range 1000 {
				p.observe(time.Duration(i)*time.Millisecond, time.Duration(g+1)*time.Millisecond, peakTau)
				p.blame(time.Duration(i)*time.Millisecond, 0, 5*time.Millisecond)
			}
		})
	}
	wait.Wait()
	if v := p.value(); v < 1e6 || v > 5.001e6 {
		t.Errorf("value %v of samples from 1 to 5 ms", time.Duration(v))
	}
}
