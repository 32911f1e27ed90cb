package failover

import (
	"math"
	"time"
)

// Minute measures how many calls per second are made, over the last minute: what a
// [Rate] says within a few calls it says with less of chance. Of few calls per second
// there are half as many more in some second of each minute.
//
// One goroutine at a time may use a Minute. The zero value is ready.
type Minute struct {
	marks  [minuteMarks]countMark // a ring
	newest int
	filled int
	now    countMark
}

type countMark struct {
	at   time.Duration
	made uint64
}

const (
	minuteEvery = time.Second
	minuteMarks = int(time.Minute / minuteEvery)
)

// Observe says how many calls were made ever, as of now. It is meant to be called at
// least every second.
func (m *Minute) Observe(now time.Duration, made uint64) {
	m.now = countMark{now, made}
	if m.filled > 0 && now-m.marks[m.newest].at < minuteEvery {
		return
	}
	m.newest = (m.newest + 1) % minuteMarks
	m.marks[m.newest] = m.now
	m.filled = min(m.filled+1, minuteMarks)
}

// Mean returns the calls per second and the standard deviation of that estimate, if
// calls come independently of each other. Both are 0 before the second Observe.
func (m *Minute) Mean() (mean, deviation float64) {
	if m.filled == 0 {
		return 0, 0
	}
	oldest := m.marks[(m.newest-m.filled+1+minuteMarks)%minuteMarks]
	span := (m.now.at - oldest.at).Seconds()
	if span <= 0 {
		return 0, 0
	}
	calls := float64(m.now.made - oldest.made)
	return calls / span, math.Sqrt(calls) / span
}
