package balancertest

// Counts are the calls that endpoints were asked to serve, and what became of
// them. A call is one attempt here; the router's retries count again.
type Counts struct {
	Calls   uint64 // all of them, also those that still wait
	OK      uint64 // answered well
	Failed  uint64 // answered with an error
	Refused uint64 // arrived after a crash
	Broken  uint64 // waited for an answer when there was a crash
	GivenUp uint64 // ended by the caller's side while they waited

	Probes uint64 // are not among the calls
}

// Counts returns the endpoint's counts.
func (e *Endpoint) Counts() Counts {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.counts
}

func (c *Counts) add(r result) {
	switch r {
	case answered:
		c.OK++
	case failed:
		c.Failed++
	case refused:
		c.Refused++
	case broken:
		c.Broken++
	case givenUp:
		c.GivenUp++
	}
}

func (c Counts) plus(d Counts) Counts {
	return Counts{
		Calls: c.Calls + d.Calls, OK: c.OK + d.OK, Failed: c.Failed + d.Failed, Refused: c.Refused + d.Refused,
		Broken: c.Broken + d.Broken, GivenUp: c.GivenUp + d.GivenUp, Probes: c.Probes + d.Probes,
	}
}
