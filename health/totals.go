package health

import (
	"maps"
	"slices"
	"sync/atomic"
	"time"
)

// Totals are exact numbers of attempts at a target since it was made. They never
// fall, whatever becomes of its endpoints and tiers.
type Totals struct {
	Outcomes
	// Begun are the attempts that have begun, by the name of their tier. One
	// that nobody expects an answer from (see [Endpoint.Enter]) begins when its
	// outcome is recorded.
	Begun map[string]uint64
}

// Outcomes are attempts by what became of them.
type Outcomes struct {
	OK         uint64 // good answers, slow ones included
	Slow       uint64 // good answers that came later than they should
	Overloaded uint64
	Refused    uint64
	Failed     uint64
	Broken     uint64
	TimedOut   uint64
	Neutral    uint64
	Spoiled    uint64 // good answers that broke off later; they are in OK as well
}

// Plus returns the sum.
func (o Outcomes) Plus(p Outcomes) Outcomes {
	return Outcomes{o.OK + p.OK, o.Slow + p.Slow, o.Overloaded + p.Overloaded, o.Refused + p.Refused, o.Failed + p.Failed,
		o.Broken + p.Broken, o.TimedOut + p.TimedOut, o.Neutral + p.Neutral, o.Spoiled + p.Spoiled}
}

func (o Outcomes) minus(p Outcomes) Outcomes {
	return Outcomes{o.OK - p.OK, o.Slow - p.Slow, o.Overloaded - p.Overloaded, o.Refused - p.Refused, o.Failed - p.Failed,
		o.Broken - p.Broken, o.TimedOut - p.TimedOut, o.Neutral - p.Neutral, o.Spoiled - p.Spoiled}
}

const (
	// lingers is how long a removed endpoint is looked after at least: a pick
	// that chose it may be about to begin its attempt.
	lingers = time.Second
	// mostNames is of how many tiers that the configuration doesn't have any more
	// the numbers are kept, should they come back.
	mostNames = 256
)

// Totals returns the totals up to now, those of endpoints that were removed
// included. An attempt counts for the tier that has its index when it is looked
// at.
func (t *Target) Totals() Totals {
	t.count()
	return Totals{t.outcomes, maps.Clone(t.began)}
}

// Idle reports whether no attempt is under way.
func (t *Target) Idle() bool {
	busy := func(e *Endpoint) bool { return e.InFlight() != 0 }
	return !slices.ContainsFunc(t.endpoints, busy) && !slices.ContainsFunc(t.leaving, busy)
}

// count takes over what endpoints have counted.
func (t *Target) count() {
	for _, e := range t.endpoints {
		t.countEndpoint(e)
	}
	for _, e := range t.leaving {
		t.countEndpoint(e)
	}
}

func (t *Target) countEndpoint(e *Endpoint) {
	now := e.outcomes()
	t.outcomes = t.outcomes.Plus(now.minus(e.past.outcomes))
	e.past.outcomes = now
	far := e.far.Load()
	for i, l := range *t.tiers.Load() {
		switch {
		case i < nearTiers:
			t.countBegun(l.tier, e.begun[i].Load(), &e.swept.begun[i])
		case far != nil:
			t.countBegun(l.tier, far.begun[i-nearTiers].Load(), &far.counted[i-nearTiers])
		}
	}
}

func (t *Target) countBegun(tier string, now uint64, counted *uint64) {
	if now != *counted {
		t.began[tier] += now - *counted
		*counted = now
	}
}

// outcomes reads the cumulative counters.
func (e *Endpoint) outcomes() Outcomes {
	slow := e.slow.Load()
	return Outcomes{
		OK: e.use.fast() + slow, Slow: slow, Overloaded: e.overloaded.Load(), Refused: e.refused.Load(), Failed: e.failed.Load(),
		Broken: e.broken.Load(), TimedOut: e.timedOut.Load(), Neutral: e.neutral.Load(), Spoiled: e.spoiled.Load(),
	}
}

// farTiers count the attempts of the tiers for which an endpoint has no room.
type farTiers struct {
	begun   [MostTiers - nearTiers]atomic.Uint64
	counted [MostTiers - nearTiers]uint64 // the sweeping goroutine's
}

// makeRoom gives an endpoint a counter for each tier, before one is picked.
func (t *Target) makeRoom(e *Endpoint) {
	if len(*t.tiers.Load()) > nearTiers && e.far.Load() == nil {
		e.far.Store(new(farTiers))
	}
}

// nameTiers makes room for the tiers there are.
func (t *Target) nameTiers() {
	tiers := *t.tiers.Load()
	if len(t.began) > len(tiers)+mostNames {
		maps.DeleteFunc(t.began, func(name string, _ uint64) bool {
			return !slices.ContainsFunc(tiers, func(l *tierLatency) bool { return l.tier == name })
		})
	}
	for _, e := range t.endpoints {
		t.makeRoom(e)
	}
}

// retire looks after the endpoints that aren't among the next.
func (t *Target) retire(now time.Duration, next []*Endpoint) {
	for _, e := range t.endpoints {
		e.swept.member = false
	}
	for _, e := range next {
		e.swept.member = true
		e.gone.Store(false)
	}
	for _, e := range t.endpoints {
		if !e.swept.member {
			e.swept.left = now
			e.gone.Store(true)
			t.leaving = append(t.leaving, e)
		}
	}
	t.leaving = slices.DeleteFunc(t.leaving, func(e *Endpoint) bool { return e.swept.member })
}

// forgetIdle lets go of removed endpoints that nobody uses any more.
func (t *Target) forgetIdle(now time.Duration) {
	t.leaving = slices.DeleteFunc(t.leaving, func(e *Endpoint) bool {
		if now-e.swept.left < lingers || e.InFlight() != 0 {
			return false
		}
		t.countEndpoint(e)
		return true
	})
}
