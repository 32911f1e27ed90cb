package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

// journal counts what happens, by phase, and tells what changes. Times are since
// its start.
type journal struct {
	start time.Time
	out   io.Writer

	mu     sync.Mutex
	phases []*record
	why    error // the first of a call or stream that failed
}

// record is what happened in one phase. Calls and streams belong to that in which
// they ended, attempts to that in which they began.
type record struct {
	phase
	began, ended time.Duration
	calls        map[string]*tally // by tier
	streams      tally             // those that failed never began
	broken       int               // streams that broke off after their first position
	moved        int               // streams that went on with one that broke off in another cloud
	wrong        int               // positions that were missing or came twice
	attempts     int
	down         *time.Duration // from the fault until the lost cloud was known to be down; nil if it never was
	last         time.Duration  // from the fault to the last attempt at the lost cloud
}

// tally counts calls, or streams.
type tally struct {
	number, failed int
	longest        time.Duration  // call, or silence in a stream
	clouds         map[string]int // where the good ones were
}

func newJournal(out io.Writer) *journal { return &journal{start: time.Now(), out: out} }

func (j *journal) now() time.Duration { return time.Since(j.start) }

// begin begins a phase and returns when that was.
func (j *journal) begin(p phase) time.Duration {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := &record{phase: p, began: j.now(), calls: make(map[string]*tally), streams: tally{clouds: make(map[string]int)}}
	for _, tier := range tierNames {
		r.calls[tier] = &tally{clouds: make(map[string]int)}
	}
	j.endPhase(r.began)
	j.phases = append(j.phases, r)
	j.say(r.began, "%s: %s", p.name, p.says)
	return r.began
}

// end ends the last phase.
func (j *journal) end() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.endPhase(j.now())
}

func (j *journal) endPhase(at time.Duration) {
	if n := len(j.phases); n > 0 {
		j.phases[n-1].ended = at
	}
}

func (j *journal) say(at time.Duration, format string, args ...any) {
	fmt.Fprintf(j.out, "%6.1f s  %s\n", at.Seconds(), fmt.Sprintf(format, args...))
}

// note lets f write into the record of the phase that goes on.
func (j *journal) note(f func(*record)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if n := len(j.phases); n > 0 {
		f(j.phases[n-1])
	}
}

// called notes a call.
func (j *journal) called(tier, cloud string, took time.Duration, err error) {
	j.note(func(r *record) { j.count(r.calls[tier], cloud, took, err) })
}

// streamed notes a stream.
func (j *journal) streamed(s stream) {
	j.note(func(r *record) {
		r.wrong += s.wrong
		failed := s.err
		if s.cloud != "" {
			failed = nil // it began
			if s.err != nil {
				r.broken++
			}
		}
		if s.continues != "" && s.continues != s.cloud {
			r.moved++
		}
		j.count(&r.streams, s.cloud, s.silence, failed)
	})
}

// count counts a call or stream. The caller holds mu.
func (j *journal) count(t *tally, cloud string, took time.Duration, err error) {
	t.number++
	t.longest = max(t.longest, took)
	if err == nil {
		t.clouds[cloud]++
		return
	}
	t.failed++
	if j.why == nil {
		j.why = err
	}
}

// trace returns the hooks through which the router tells the journal what it
// does.
func (j *journal) trace() balancer.Trace {
	return balancer.Trace{
		Picked: func(a balancer.Attempt) {
			j.note(func(r *record) {
				r.attempts++
				if a.Cloud() == r.lost {
					r.last = j.now() - r.began
				}
			})
		},
		StateChanged: func(c balancer.StateChange) {
			at := c.At.Sub(j.start)
			j.note(func(r *record) {
				j.say(at, "%s is %s (%s)", c.Cloud, c.To, c.Reason)
				if c.Cloud == r.lost && c.To == health.Down && r.down == nil {
					r.down = new(at - r.began)
				}
			})
		},
	}
}
