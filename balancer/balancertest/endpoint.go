package balancertest

import (
	"context"
	"sync"
	"time"
)

// Endpoint is one endpoint of a cloud.
type Endpoint struct {
	cloud string
	host  string

	mu      sync.Mutex
	state   state
	latency time.Duration
	failing float64       // fraction of answers
	owed    float64       // part of a failure that is due, in [0, 1)
	changed chan struct{} // closed when state changes
	counts  Counts
}

func newEndpoint(cloud, host string) *Endpoint {
	return &Endpoint{cloud: cloud, host: host, changed: make(chan struct{})}
}

type state int

const (
	well state = iota
	silent
	crashed
)

// SetLatency sets how long answers take from now on. Calls that wait already
// are not concerned.
func (e *Endpoint) SetLatency(d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.latency = d
}

// Fail makes a fraction of the answers to calls errors: from 0, none, to 1,
// all. Over HTTP they are 500s. Probes are answered well all the same, which is
// how such a fault is in life.
func (e *Endpoint) Fail(fraction float64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.failing, e.owed = fraction, 0
}

// Silence makes the endpoint a black hole, as when its process is frozen:
// calls get no answer until they are given up or the endpoint is restored.
func (e *Endpoint) Silence() { e.enter(silent) }

// Crash ends the endpoint's process: calls that wait for an answer break, new
// ones are refused.
func (e *Endpoint) Crash() { e.enter(crashed) }

// Restore undoes Fail, Silence and Crash. The latency stays as it was set.
// Calls that waited in silence are answered.
func (e *Endpoint) Restore() {
	e.Fail(0)
	e.enter(well)
}

func (e *Endpoint) enter(s state) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.state != s {
		e.state = s
		close(e.changed)
		e.changed = make(chan struct{})
	}
}

// result is what became of a call or probe.
type result int

const (
	answered result = iota
	failed
	refused
	broken
	givenUp
)

// serve takes a call, or a probe, and returns when it is over.
func (e *Endpoint) serve(ctx context.Context, probe bool) result {
	e.mu.Lock()
	if probe {
		e.counts.Probes++
	} else {
		e.counts.Calls++
	}
	if e.state == crashed {
		defer e.mu.Unlock()
		return e.counted(refused, probe)
	}
	latency := e.latency
	e.mu.Unlock()

	var due <-chan time.Time
	if latency > 0 {
		timer := time.NewTimer(latency)
		defer timer.Stop()
		due = timer.C
	}
	r := e.await(ctx, due)

	e.mu.Lock()
	defer e.mu.Unlock()
	if r == answered && !probe && e.fails() {
		r = failed
	}
	return e.counted(r, probe)
}

// await returns when an answer is due and the endpoint gives one, or when
// there won't be one. A nil due is now.
func (e *Endpoint) await(ctx context.Context, due <-chan time.Time) result {
	for over := due == nil; ; {
		e.mu.Lock()
		state, changed := e.state, e.changed
		e.mu.Unlock()
		switch {
		case state == crashed:
			return broken
		case state == well && over:
			return answered
		}
		select {
		case <-due:
			over = true
		case <-changed:
		case <-ctx.Done():
			return givenUp
		}
	}
}

// fails reports whether the next answer is an error. The caller holds mu.
func (e *Endpoint) fails() bool {
	if e.owed += e.failing; e.owed < 1-1e-9 { // sums of fractions are not exact
		return false
	}
	e.owed--
	return true
}

// counted notes what became of a call. The caller holds mu.
func (e *Endpoint) counted(r result, probe bool) result {
	if !probe {
		e.counts.add(r)
	}
	return r
}
