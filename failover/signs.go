package failover

import "time"

// ServiceSigns are what was seen of one service while a change is in force.
type ServiceSigns struct {
	// Service is its name. One that speaks two protocols has signs of each, which
	// Protocol tells apart; else that is empty.
	Service, Protocol string
	// Input is what its plan depends on now, with the changes in force.
	Input Input
	// Weights are those of the clouds without any change, by name. Default: those of
	// Input when a change begins; then what a shift moves to is found out only once.
	Weights map[string]uint32
	// Least is what Input.Demand is at least, as far as chance allows to say: few
	// calls per second are now and then many. Default: Input.Demand.
	Least []float64
	// Plan is the one in force.
	Plan Plan
	// Calls are what callers got, in the order of Input.Tiers and whatever the
	// protocol: they are counted once.
	Calls []CallCounts
	// Clouds are what attempts found, in the order of Input.Clouds.
	Clouds []CloudCounts
}

// name is the service as a person should read it.
func (s *ServiceSigns) name() string { return overProtocol(s.Service, s.Protocol) }

// sure is the input with the demand that there is at least.
func (s *ServiceSigns) sure() Input {
	in := s.Input
	if s.Least != nil {
		in.Demand = s.Least
	}
	return in
}

func overProtocol(service, protocol string) string {
	if protocol == "" {
		return service
	}
	return service + " over " + protocol
}

// CallCounts count the calls of one tier, as their callers saw them, ever.
type CallCounts struct {
	Good uint64
	Bad  uint64 // failed, or later than the tier's latency; without those shed
	Shed uint64
}

// CloudCounts are about one cloud.
type CloudCounts struct {
	Good, Bad uint64        // attempts, ever
	P99       time.Duration // of good answers, the slowest tier's; 0 if unknown
}

// meter follows counts of good and bad events from a moment on.
type meter struct {
	good, bad uint64 // as last read
	sum       counted
	marks     []mark // one a minute, of the last hour
	recent    []mark // of the last second
}

type counted struct{ good, bad uint64 }

type mark struct {
	at  time.Duration
	sum counted
}

const (
	longestMemory = time.Hour // the SRE workbook's long window for a burn of 14.4
	markEvery     = time.Minute
	recentTime    = time.Second
)

func newMeter(now time.Duration, good, bad uint64) *meter {
	start := mark{at: now}
	return &meter{good: good, bad: bad, marks: []mark{start}, recent: []mark{start}}
}

// read takes in the counts as they are now. Counts that have fallen are those of
// a service that began anew.
func (m *meter) read(now time.Duration, good, bad uint64) {
	if good >= m.good && bad >= m.bad {
		m.sum.good += good - m.good
		m.sum.bad += bad - m.bad
	}
	m.good, m.bad = good, bad
	if now-m.marks[len(m.marks)-1].at >= markEvery {
		m.marks = append(m.marks, mark{now, m.sum})
	}
	for len(m.marks) > 1 && now-m.marks[1].at >= longestMemory {
		m.marks = m.marks[1:]
	}
	m.recent = append(m.recent, mark{now, m.sum})
	for len(m.recent) > 1 && now-m.recent[1].at >= recentTime {
		m.recent = m.recent[1:]
	}
}

// since returns what was counted since a mark.
func (m *meter) since(k mark) (bad, all uint64) {
	bad = m.sum.bad - k.sum.bad
	return bad, bad + m.sum.good - k.sum.good
}

// burn returns the burn rate for a target, and what it follows from.
func (m *meter) burn(now time.Duration, target float64) (rate float64, bad, all uint64, over time.Duration) {
	bad, all = m.since(m.marks[0])
	if all == 0 || target >= 1 {
		return 0, bad, all, 0
	}
	return float64(bad) / float64(all) / (1 - target), bad, all, now - m.marks[0].at
}

// well reports whether the last second was at target.
func (m *meter) well(target float64) bool {
	bad, all := m.since(m.recent[0])
	return float64(bad) <= (1-target)*float64(all)
}
