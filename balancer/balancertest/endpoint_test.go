package balancertest

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestServe asks an endpoint for one call while things happen to it, and says
// when the call must end and how.
func TestServe(t *testing.T) {
	const ms = time.Millisecond
	at := func(after time.Duration, do func(*Endpoint)) func(*Endpoint) {
		return func(e *Endpoint) { time.AfterFunc(after, func() { do(e) }) }
	}
	latency := func(d time.Duration) func(*Endpoint) {
		return func(e *Endpoint) { e.SetLatency(d) }
	}
	for _, test := range []struct {
		name   string
		events []func(*Endpoint)
		want   result
		after  time.Duration
		counts Counts
	}{
		{"at once by default", nil, answered, 0, Counts{Calls: 1, OK: 1}},
		{"latency", []func(*Endpoint){latency(20 * ms)}, answered, 20 * ms, Counts{Calls: 1, OK: 1}},
		{"latency of those who wait stays", []func(*Endpoint){latency(20 * ms), at(5*ms, latency(0))}, answered, 20 * ms, Counts{Calls: 1, OK: 1}},
		{"error", []func(*Endpoint){func(e *Endpoint) { e.Fail(1) }}, failed, 0, Counts{Calls: 1, Failed: 1}},
		{"error after latency", []func(*Endpoint){latency(20 * ms), at(5*ms, func(e *Endpoint) { e.Fail(1) })}, failed, 20 * ms, Counts{Calls: 1, Failed: 1}},
		{"crashed", []func(*Endpoint){latency(20 * ms), (*Endpoint).Crash}, refused, 0, Counts{Calls: 1, Refused: 1}},
		{"crash while waiting", []func(*Endpoint){latency(20 * ms), at(5*ms, (*Endpoint).Crash)}, broken, 5 * ms, Counts{Calls: 1, Broken: 1}},
		{"silence", []func(*Endpoint){(*Endpoint).Silence}, givenUp, time.Second, Counts{Calls: 1, GivenUp: 1}},
		{"silence while waiting", []func(*Endpoint){latency(20 * ms), at(5*ms, (*Endpoint).Silence)}, givenUp, time.Second, Counts{Calls: 1, GivenUp: 1}},
		{"silence until restored", []func(*Endpoint){(*Endpoint).Silence, at(300*ms, (*Endpoint).Restore)}, answered, 300 * ms, Counts{Calls: 1, OK: 1}},
		{"silence shorter than latency", []func(*Endpoint){latency(20 * ms), (*Endpoint).Silence, at(5*ms, (*Endpoint).Restore)}, answered, 20 * ms, Counts{Calls: 1, OK: 1}},
		{"crash in silence", []func(*Endpoint){(*Endpoint).Silence, at(300*ms, (*Endpoint).Crash)}, broken, 300 * ms, Counts{Calls: 1, Broken: 1}},
		{"restored", []func(*Endpoint){(*Endpoint).Crash, func(e *Endpoint) { e.Fail(1) }, (*Endpoint).Restore}, answered, 0, Counts{Calls: 1, OK: 1}},
		{"restoring keeps the latency", []func(*Endpoint){latency(20 * ms), (*Endpoint).Crash, (*Endpoint).Restore}, answered, 20 * ms, Counts{Calls: 1, OK: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := New(1, "gcp").Cloud("gcp").Endpoint(0)
				for _, event := range test.events {
					event(e)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				began := time.Now()
				if got := e.serve(ctx, false); got != test.want {
					t.Errorf("got %v, want %v", got, test.want)
				}
				if took := time.Since(began); took != test.after {
					t.Errorf("took %v, want %v", took, test.after)
				}
				if got := e.Counts(); got != test.counts {
					t.Errorf("counted %+v, want %+v", got, test.counts)
				}
			})
		})
	}
}

func TestFailIsExact(t *testing.T) {
	for _, fraction := range []float64{0, 0.01, 0.1, 0.25, 0.3, 0.5, 0.9, 1} {
		e := New(1, "gcp").Cloud("gcp").Endpoint(0)
		e.Fail(fraction)
		for range 1000 {
			e.serve(t.Context(), false)
		}
		if got, want := e.Counts().Failed, uint64(fraction*1000+0.5); got != want {
			t.Errorf("of 1,000 answers with %v failing, %d fail, want %d", fraction, got, want)
		}
	}
}

func TestProbesHonourFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New(1, "gcp").Cloud("gcp").Endpoint(0)
		probe := func() result {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			return e.serve(ctx, true)
		}
		for _, test := range []struct {
			name string
			do   func()
			want result
		}{
			{"well", func() {}, answered},
			{"failing", func() { e.Fail(1) }, answered},
			{"silent", e.Silence, givenUp},
			{"crashed", e.Crash, refused},
			{"restored", e.Restore, answered},
		} {
			test.do()
			if got := probe(); got != test.want {
				t.Errorf("%s: got %v, want %v", test.name, got, test.want)
			}
		}
		if got, want := e.Counts(), (Counts{Probes: 5}); got != want {
			t.Errorf("counted %+v, want %+v", got, want)
		}
	})
}

func TestCloudIsItsEndpoints(t *testing.T) {
	c := New(3, "onprem", "gcp").Cloud("gcp")
	c.Endpoint(1).Crash()
	for i := range 3 {
		c.Endpoint(i).serve(t.Context(), false)
	}
	if got, want := c.Counts(), (Counts{Calls: 3, OK: 2, Refused: 1}); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
	c.Crash()
	for i := range 3 {
		if got := c.Endpoint(i).serve(t.Context(), false); got != refused {
			t.Errorf("endpoint %d of a crashed cloud: %v", i, got)
		}
	}
}

// TestConcurrent is for the race detector, and for the sum of the counts.
func TestConcurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(2, "gcp").Cloud("gcp")
		c.SetLatency(time.Millisecond)
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				c.Endpoint(i%2).serve(ctx, false)
			})
		}
		for _, do := range []func(){c.Silence, c.Crash, c.Restore, func() { c.Fail(0.5) }} {
			wg.Go(do)
		}
		wg.Wait()
		n := c.Counts()
		if sum := n.OK + n.Failed + n.Refused + n.Broken + n.GivenUp; n.Calls != 100 || sum != 100 {
			t.Errorf("100 calls: %+v", n)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	for name, do := range map[string]func(){
		"no endpoints":  func() { New(0, "gcp") },
		"too many":      func() { New(255, "gcp") },
		"twice":         func() { New(1, "gcp", "gcp") },
		"unknown cloud": func() { New(1, "gcp").Cloud("aws") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			do()
		}()
	}
}
