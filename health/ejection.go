package health

import (
	"fmt"
	"time"
)

// cause is why an endpoint was ejected. What ends an ejection depends on it.
type cause uint8

const (
	notEjected cause = iota
	byFailures       // bad attempts, consecutive or far more than at others
	byTimeouts       // the same, and attempts time out
	byOutlier        // success rate far below that of the others
	byProbes         // consecutive bad probes and no calls
	bySilence        // attempts wait and nothing comes back
)

// outlierInterval is the time between two comparisons of success rates, and the
// time without an ejection that makes the next one shorter (gRFC A50:
// interval).
const outlierInterval = windowSlots * windowSlot

// ejection is one endpoint's.
type ejection struct {
	cause      cause
	reason     string
	until      time.Duration
	multiplier int           // ejections not yet forgiven
	last       time.Duration // when the latest began
}

// eject takes endpoints out of picks and lets them back in.
func (t *Target) eject(now time.Duration) {
	var outliers map[*Endpoint]float64
	if now-t.compared >= outlierInterval {
		t.compared = now
		outliers = t.outliers()
		t.forgive(now)
	}
	for _, e := range t.endpoints {
		if e.ejection.cause == notEjected {
			if cause, reason := t.offence(e, now, outliers); cause != notEjected {
				t.expel(e, now, cause, reason)
			}
		} else if t.served(e, now) {
			t.readmit(e, now)
		}
	}
}

// readmit lets an endpoint back in, slowly.
func (t *Target) readmit(e *Endpoint, now time.Duration) {
	t.acquit(e)
	e.swept.ramp, e.swept.ramping = now, t.settings.SlowStart > 0
	e.rampUp(now, t.settings.SlowStart)
}

// keepSome lets endpoints back in until no more are out than may be, since others have
// left: first those that good probes speak for, then those that would be next.
func (t *Target) keepSome(now time.Duration) {
	for t.ejected > t.ejectable() {
		var first *Endpoint
		for _, e := range t.endpoints {
			if e.ejection.cause != notEjected && (first == nil || e.comesBefore(first)) {
				first = e
			}
		}
		t.readmit(first, now)
	}
}

// comesBefore reports whether e, which is ejected, should come back before other.
func (e *Endpoint) comesBefore(other *Endpoint) bool {
	good, better := other.probe.streak.Load() > 0, e.probe.streak.Load() > 0
	return better && !good || better == good && e.ejection.until < other.ejection.until
}

// expel ejects an endpoint, unless too many are. It reports whether it did.
func (t *Target) expel(e *Endpoint, now time.Duration, cause cause, reason string) bool {
	if t.ejected >= t.ejectable() {
		return false
	}
	x := &e.ejection
	x.cause, x.reason, x.last = cause, reason, now
	x.multiplier++
	x.until = now + ejectionTime(t.settings.Ejection, x.multiplier)
	if n := e.probe.streak.Load(); n > 0 {
		// Good probes of before don't count.
		e.probe.streak.CompareAndSwap(n, 0)
	}
	// What it did is no longer the target's fault.
	t.cusum.score = max(0, t.cusum.score-e.swept.score)
	e.swept.score = 0
	e.out.Store(true)
	t.ejected++
	t.pickable = true
	return true
}

// offence says for what the endpoint should be ejected.
func (t *Target) offence(e *Endpoint, now time.Duration, outliers map[*Endpoint]float64) (cause, string) {
	if e.swept.silence.silent {
		return bySilence, e.swept.silence.String(now)
	}
	if n := e.streak.Load(); int64(n) >= int64(t.settings.Ejection.Consecutive) && !t.overrun() {
		return e.failing(), fmt.Sprintf("%d bad attempts in a row, %s", n, t.blamed())
	}
	if rate, ok := outliers[e]; ok {
		return byOutlier, fmt.Sprintf("outlier: %.1f %% of attempts succeed", 100*rate)
	}
	if n := -e.probe.streak.Load(); n >= int64(t.settings.Probe.Fall) && t.idle(e.swept.good, now) {
		return byProbes, fmt.Sprintf("%d bad probes in a row, %s", n, t.blamed())
	}
	return notEjected, ""
}

// overrun reports whether many attempts time out all over the target. Then it has
// too much to do, and to leave endpoints out would give those that are left still
// more.
func (t *Target) overrun() bool {
	const many = 0.3
	if last := t.blame.Load(); last == nil || last.Kind != TimedOut {
		return false
	}
	c := t.window.recent(20)
	return float64(c.Bad) > many*float64(c.judged())
}

// failing is the cause of an ejection for bad attempts.
func (e *Endpoint) failing() cause {
	if e.timesOut.Load() {
		return byTimeouts
	}
	return byFailures
}

// idle reports whether calls have said nothing good of late, so that probes
// have to be believed. Otherwise they don't: what counts is what callers see.
func (t *Target) idle(good, now time.Duration) bool {
	return good == 0 || now-good > max(t.settings.Probe.Interval, time.Second)
}

// ejectable is how many endpoints may be ejected at a time.
func (t *Target) ejectable() int {
	n := len(t.endpoints)
	if n <= 1 {
		return 0
	}
	return max(1, int(float64(n)*t.settings.Ejection.Fraction))
}

// ejectionTime is base × multiplier, at most max unless base is longer
// (gRFC A50).
func ejectionTime(s Ejection, multiplier int) time.Duration {
	limit := max(s.Base, s.Max)
	if multiplier > int(limit/max(1, s.Base)) {
		return limit
	}
	return min(s.Base*time.Duration(multiplier), limit)
}

// served reports whether the endpoint's ejection is over. Good probes end one
// that bad probes caused, any answer ends one for silence. The others last their
// time, and longer if there were probes and they don't agree. Silence ends after
// its time too where no probe can tell: new attempts then have to find out.
//
// Attempts time out also where there is too much to do, and then those endpoints that
// are left have still more. So good probes end that earlier, but each time more of
// them are asked for.
func (t *Target) served(e *Endpoint, now time.Duration) bool {
	probes, rise := e.probe.streak.Load(), int64(t.settings.Probe.Rise)
	risen := probes >= rise
	over := now >= e.ejection.until && (risen || probes == 0)
	switch e.ejection.cause {
	case bySilence:
		return over || !e.swept.silence.silent
	case byProbes:
		return risen
	case byTimeouts:
		return over || probes >= rise*int64(e.ejection.multiplier)
	default:
		return over
	}
}

// acquit ends the endpoint's ejection and forgets what it was for.
func (t *Target) acquit(e *Endpoint) {
	e.ejection.cause, e.ejection.reason = notEjected, ""
	e.streak.Store(0)
	e.swept.silence.restart(e.swept.traffic)
	e.out.Store(false)
	t.ejected--
	t.pickable = true
}

// amnesty ends all ejections but those of endpoints whose probes still fail. What
// they did while the whole target was in trouble doesn't make the next one longer.
func (t *Target) amnesty() {
	for _, e := range t.endpoints {
		e.streak.Store(0)
		e.ejection.multiplier = 0
		switch {
		case e.ejection.cause == notEjected:
		case e.probe.streak.Load() < 0:
			e.ejection.cause = byProbes
		default:
			t.acquit(e)
		}
	}
}

// outliers are the endpoints whose success rate in the last ten seconds lies
// below the threshold of gRFC A50, with that rate.
func (t *Target) outliers() map[*Endpoint]float64 {
	var rates []float64
	var judged []*Endpoint
	for _, e := range t.endpoints {
		if e.ejection.cause != notEjected {
			continue
		}
		if c := e.swept.window.total(); c.judged() >= outlierAttempts {
			rates = append(rates, float64(c.OK)/float64(c.judged()))
			judged = append(judged, e)
		}
	}
	if len(rates) < outlierEndpoints {
		return nil
	}
	threshold := outlierThreshold(rates)
	found := make(map[*Endpoint]float64)
	for i, e := range judged {
		if rates[i] < threshold {
			found[e] = rates[i]
		}
	}
	return found
}

// forgive makes the next ejection shorter for endpoints that had none in the
// last interval.
func (t *Target) forgive(now time.Duration) {
	for _, e := range t.endpoints {
		x := &e.ejection
		if x.cause == notEjected && x.multiplier > 0 && now-x.last >= outlierInterval {
			x.multiplier--
		}
	}
}
