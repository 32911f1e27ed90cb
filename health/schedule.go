package health

import (
	"time"

	"github.com/cenkalti/backoff/v4"
)

const (
	// probeJitter spreads probes: an interval varies by this fraction.
	probeJitter = 0.2
	// probeBackoff is how many intervals apart the probes of an endpoint that
	// fails may become.
	probeBackoff = 10
	// probesRunning and probesPerSecond bound what one process spends on one
	// target. Of thousands of idle endpoints each is probed less often then.
	probesRunning   = 32
	probesPerSecond = 100
	// While a target is looked for, one of its endpoints is probed every
	// seekInterval, but none twice within seekSpacing unless its interval is
	// shorter: a cloud's return is seen within a second, and many processes
	// don't hammer the few endpoints that are left.
	seekInterval = 500 * time.Millisecond
	seekSpacing  = time.Second
)

// dueRecord is what a schedule remembers of an endpoint.
type dueRecord struct {
	at      time.Duration // when to probe next
	began   time.Duration // the last probe
	pending bool          // its outcome hasn't been looked at
	known   bool          // there was one
	backoff *backoff.ExponentialBackOff
}

// Schedule decides when to probe which endpoints of one target. The zero value
// is ready; it belongs to the goroutine that sweeps the target.
type Schedule struct {
	cursor   int // the endpoint whose turn it is
	allowed  float64
	asked    time.Duration // when Due was last called
	began    time.Duration // when the last probe did
	started  bool
	answered bool
}

// Due returns the endpoints to probe now. Each has to be probed and the outcome
// reported by Probed; until then it isn't returned again. rnd returns numbers in
// [0, 1).
//
// New endpoints are probed at once, others one interval ± 20 % after the last
// probe. While the target is healthy or degraded, endpoints that gave any
// answer within the interval aren't probed. One whose probes fail is probed
// less and less, down to once in ten intervals; but of a target that is unknown,
// down or recovering one endpoint in turn is probed every 500 ms, or every
// interval if that is shorter, though then none more often than once a second or
// an interval. The first answer of a target that was down makes all its
// endpoints due. At most 32 probes run at a time and 100 begin in a second.
func (s *Schedule) Due(now time.Duration, t *Target, rnd func() float64) []*Endpoint {
	if !s.started {
		s.started, s.asked, s.allowed = true, now, probesRunning
	}
	s.allowed = min(probesRunning, s.allowed+probesPerSecond*(now-s.asked).Seconds())
	s.asked = now
	running := s.settle(now, t, rnd)

	n := len(t.endpoints)
	var due []*Endpoint
	free := func() bool { return running+len(due) < probesRunning && s.allowed >= 1 }
	begin := func(e *Endpoint) {
		s.allowed--
		s.began = now
		e.due.began, e.due.known, e.due.pending = now, true, true
		e.probe.began.Store(int64(now))
		e.probe.running.Store(true)
		due = append(due, e)
	}
	from := s.cursor
	for i := range n {
		if !free() {
			break
		}
		e := t.endpoints[(from+i)%n]
		if !e.due.pending && now >= e.due.at {
			begin(e)
			s.cursor = (from + i + 1) % n
		}
	}
	interval := t.settings.Probe.Interval
	if s.seeking(t) && now-s.began >= min(interval, seekInterval) && free() {
		if e := longestUnasked(t.endpoints); e != nil && now-e.due.began >= min(interval, seekSpacing) {
			begin(e)
		}
	}
	return due
}

// seeking reports whether it matters most to learn whether the target is there.
func (s *Schedule) seeking(t *Target) bool {
	switch t.State() {
	case Unknown, Down, Recovering:
		return true
	}
	return false
}

// settle looks at the outcomes that came since the last call and sets the time
// of each endpoint's next probe. It returns how many are still running.
func (s *Schedule) settle(now time.Duration, t *Target, rnd func() float64) (running int) {
	interval := t.settings.Probe.Interval
	found := t.Answered() && !s.answered
	s.answered = t.Answered()
	for _, e := range t.endpoints {
		d := &e.due
		switch {
		case d.pending && e.probe.running.Load():
			running++
		case d.pending:
			d.pending = false
			wait := interval
			if e.probe.streak.Load() < 0 {
				wait = d.wait(interval)
			} else {
				d.backoff = nil
			}
			d.at = d.began + time.Duration(float64(wait)*(1+probeJitter*(2*rnd()-1)))
		case found && d.known:
			d.at = min(d.at, d.began+min(interval, seekSpacing))
		case !s.seeking(t) && e.Eligible() && e.swept.heard > 0 && now-e.swept.heard < interval:
			d.at = max(d.at, e.swept.heard+interval)
		}
	}
	return running
}

// wait is the time to the next probe after one that failed.
func (d *dueRecord) wait(interval time.Duration) time.Duration {
	if d.backoff == nil || d.backoff.InitialInterval != interval {
		d.backoff = backoff.NewExponentialBackOff(
			backoff.WithInitialInterval(interval),
			backoff.WithMaxInterval(probeBackoff*interval),
			backoff.WithMultiplier(2),
			backoff.WithRandomizationFactor(0), // the jitter is the schedule's
			backoff.WithMaxElapsedTime(0),      // never give up
		)
	}
	return d.backoff.NextBackOff()
}

// longestUnasked is the endpoint without a running probe whose last one began
// first, nil if all have one running.
func longestUnasked(endpoints []*Endpoint) (found *Endpoint) {
	for _, e := range endpoints {
		if !e.due.pending && (found == nil || e.due.began < found.due.began) {
			found = e
		}
	}
	return found
}
