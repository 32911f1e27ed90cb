package sla

import "time"

// history is what became of the calls of one promise in the last 30 days: the
// last 5 minutes by seconds, 6 hours by minutes and 30 days by hours. It takes
// 22 KiB once there were calls.
type history struct {
	seconds, minutes, hours ring
}

const (
	secondsSpan = 5 * time.Minute
	minutesSpan = 6 * time.Hour
	hoursSpan   = 30 * 24 * time.Hour
)

func newHistory() history {
	return history{newRing(time.Second, secondsSpan), newRing(time.Minute, minutesSpan), newRing(time.Hour, hoursSpan)}
}

func (h *history) rings() [3]*ring { return [3]*ring{&h.seconds, &h.minutes, &h.hours} }

// add counts calls that ended at the given time.
func (h *history) add(at time.Time, c Counts) {
	for _, r := range h.rings() {
		r.add(r.slot(at), c)
	}
}

// finest returns the ring with the shortest slots that has all of a window.
func (h *history) finest(window time.Duration) *ring {
	switch {
	case window <= secondsSpan:
		return &h.seconds
	case window <= minutesSpan:
		return &h.minutes
	}
	return &h.hours
}

// counts returns the calls of the window that ends now, and of the rest of the
// slot that it begins in.
func (h *history) counts(now time.Time, window time.Duration) Counts {
	return h.finest(window).since(now.Add(-window))
}

// burn returns the burn rate of the window that ends now, and the bad calls in
// it.
func (h *history) burn(now time.Time, window time.Duration, target float64) (rate, bad float64) {
	good, bad := h.finest(window).after(now.Add(-window))
	return BurnRate(good, bad, target), bad
}

func (h *history) burns(now time.Time, target float64) [3]Burn {
	var burns [3]Burn
	for i, rule := range burnRules {
		b := Burn{BurnRule: rule}
		b.LongRate, b.Bad = h.burn(now, rule.Long, target)
		b.ShortRate, _ = h.burn(now, rule.Short, target)
		b.Firing = b.LongRate >= rule.Rate && b.ShortRate >= rule.Rate && b.Bad >= LeastBad
		burns[i] = b
	}
	return burns
}

func (h *history) standing(now time.Time, o Objective) Standing {
	s := Standing{Objective: o, Counts: h.counts(now, o.Window), Burns: h.burns(now, o.Target)}
	s.Left = BudgetLeft(s.Counts, o.Target)
	return s
}
