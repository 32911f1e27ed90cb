package health

import (
	"fmt"
	"math"
	"time"
)

// shortestSweep is the time after a sweep in which another would see too
// little. A ticker that was late once may be early the next time.
const shortestSweep = sweepInterval / 2

// recentTau is what "recent" means for the traffic of a silent endpoint.
const recentTau = time.Second

// answers are cumulative numbers of good and bad outcomes of calls and of
// probes that asked the application.
type answers struct{ good, bad uint64 }

// sighting is what one sweep saw.
type sighting struct {
	good, bad uint64  // outcomes of calls to endpoints that aren't ejected
	evidence  float64 // of these
	answers   answers // of calls and probes
	reached   bool    // by a probe that asked nothing
	overdue   bool    // a probe waits for longer than silence would

	recent  float64 // attempts
	lost    float64 // those of them at silent endpoints
	silent  int     // endpoints
	waiting int     // endpoints at which an attempt waits that began after the last answer
	failing int     // endpoints whose probes fail
}

// Sweep takes in what was recorded since the last sweep, runs the detectors
// and ejects endpoints. It is meant to be called every 50 ms; intervals may
// vary, but within 25 ms of a sweep it does nothing. best is the highest
// Quality among the service's clouds, in [0, 1]; 0 if there is none.
//
// It returns the changes of state, at most one per sweep but for a target's
// first, and whether any endpoint's eligibility changed.
func (t *Target) Sweep(now time.Duration, best float64) (changes []Change, pickable bool) {
	elapsed := now - t.swept
	if elapsed < shortestSweep {
		return nil, false
	}
	seen := t.collect(now, elapsed)
	t.forgetIdle(now)
	t.measure(now)
	changes = t.judge(now, best, seen)
	t.eject(now)
	pickable = t.pickable
	t.swept, t.excused, t.pickable = now, false, false
	return changes, pickable
}

// collect differences the endpoints' counters.
func (t *Target) collect(now, elapsed time.Duration) (seen sighting) {
	limit := evidenceLimit(elapsed, len(t.endpoints)-t.ejected)
	fade := math.Exp(-float64(elapsed) / float64(recentTau))
	silentAfter := time.Duration(t.silentAfter.Load())
	usual := t.usualLatency()
	early, timedOut := t.early.Load(), t.timedOut.Load() // before what they are part of
	var all Counts
	inFlight := 0
	for _, e := range t.endpoints {
		s := &e.swept
		traffic, counts := e.traffic(), e.counts()
		delta := counts.minus(e.past.counts)
		said := answers{counts.OK + e.probe.good.Load(), counts.Bad + e.probe.bad.Load()}
		good, bad := said.good-s.answers.good, said.bad-s.answers.bad
		reached := e.probe.reached.Load()
		seen.reached = seen.reached || reached != s.reached
		if t.excused {
			delta.Excused, delta.Bad, delta.Slow, bad = delta.Excused+delta.Bad, 0, 0, 0
			s.silence.restart(traffic)
		}
		e.latency.renew(now)
		if traffic.answers != s.traffic.answers {
			s.heard = now
		} else {
			e.settle(now, usual)
		}
		if delta.OK > 0 {
			s.good, t.good = now, now
		}
		s.recent = s.recent*fade + float64(traffic.begun-s.traffic.begun)
		seen.recent += s.recent
		if s.silence.step(now, traffic, silentAfter, true) {
			seen.silent++
			seen.lost += s.recent
		}
		if s.silence.waiting(traffic) > 0 {
			seen.waiting++
		}
		seen.answers.good += good
		if e.ejection.cause == notEjected {
			seen.overdue = seen.overdue || e.probe.waits(now) >= silentAfter
			seen.answers.bad += bad
			t.hear(e, delta, limit, &seen)
		}
		if e.probe.streak.Load() <= -int64(t.settings.Probe.Fall) {
			seen.failing++
		}
		e.rampUp(now, t.settings.SlowStart)
		t.traffic = t.traffic.plus(traffic.minus(s.traffic))
		s.window.add(now, delta)
		all = all.plus(delta)
		inFlight += e.InFlight()
		e.past.counts, s.traffic, s.answers, s.reached = counts, traffic, said, reached
	}
	t.window.add(now, all)
	t.fresh.add(now, all)
	t.begun += all.Begun
	t.load = t.load.plus(all, inFlight, timedOut, early, t.excused)
	t.answers.good += seen.answers.good
	t.answers.bad += seen.answers.bad
	if t.excused {
		t.silence.restart(t.traffic)
	}
	return seen
}

// hear adds what an endpoint's outcomes say about the target. The endpoint's own
// part of the score begins when the score does.
func (t *Target) hear(e *Endpoint, delta Counts, limit float64, seen *sighting) {
	if t.cusum.score == 0 {
		e.swept.score = 0
	}
	x := evidence(delta.OK, delta.Bad, limit)
	e.swept.score += x
	seen.evidence += x
	seen.good += delta.OK
	seen.bad += delta.Bad
}

// usualLatency is the mean of the endpoints' averages in nanoseconds.
func (t *Target) usualLatency() float64 {
	sum, n := 0.0, 0.0
	for _, e := range t.endpoints {
		if e.latency.measured() && e.Eligible() {
			sum, n = sum+e.latency.value(), n+1
		}
	}
	if n == 0 {
		return float64(t.dear.Load()) / dearest
	}
	t.dear.Store(int64(dearest * sum / n))
	return sum / n
}

// settle lets an endpoint that nothing was heard from drift towards the usual,
// so that one that was slow once, and is avoided since, gets another chance.
func (e *Endpoint) settle(now time.Duration, usual float64) {
	if !e.latency.measured() {
		e.latency.guess(now, usual)
	} else if e.latency.value() > usual {
		e.latency.observe(now, time.Duration(usual), idleTau)
	}
}

// judge runs the detectors of the target as a whole.
func (t *Target) judge(now time.Duration, best float64, seen sighting) (changes []Change) {
	if t.State() == Down {
		t.listen(seen)
		return nil
	}
	if reason, silent := t.fault(now, seen); reason != "" {
		changes = append(changes, t.change(now, Down, reason))
		t.fall(now, silent)
		return changes
	}
	if t.State() == Unknown && (seen.answers.good > 0 || seen.reached) {
		changes = append(changes, t.change(now, Healthy, "answers"))
	}
	t.quality = t.fresh.recent(qualityEnough)
	switch bad := worse(t.quality, best, t.State() == Degraded); {
	case bad && t.State() == Healthy:
		changes = append(changes, t.change(now, Degraded, "degraded: "+qualityReason(t.quality)))
	case !bad && t.State() == Degraded:
		changes = append(changes, t.change(now, Healthy, "well again: "+qualityReason(t.quality)))
	}
	return changes
}

// fault is the reason for which the target should be down, "" if there is none,
// and whether that is silence.
func (t *Target) fault(now time.Duration, seen sighting) (reason string, silent bool) {
	t.cusum.step(t.swept, seen.evidence, seen.good, seen.bad)
	n := len(t.endpoints)
	// One endpoint is not the target, unless it is the only one.
	spread := seen.waiting >= min(2, n-t.ejected)
	switch {
	case t.silence.step(now, t.traffic, time.Duration(t.silentAfter.Load()), spread):
		return t.silence.String(now), true
	case seen.lost > seen.recent/2 && seen.silent >= min(2, n):
		return fmt.Sprintf("silent: %d of %d endpoints with %.0f %% of the attempts don't answer",
			seen.silent, n, 100*seen.lost/seen.recent), true
	case t.cusum.score >= alarm(t.rate(now)) && !t.blameOne(now):
		return t.cusum.String(now) + ", " + t.blamed(), false
	case 2*seen.failing > n && t.idle(t.good, now):
		return fmt.Sprintf("probes: %d of %d endpoints fail, %s", seen.failing, n, t.blamed()), false
	}
	return "", false
}

// blameOne ejects the endpoint that most of the evidence is against, if what is
// left is less than a quarter of what there would be if all endpoints failed
// alike. It reports whether it did. Without it a cloud of two or three endpoints,
// too few for a comparison of success rates, would fall with one of them.
func (t *Target) blameOne(now time.Duration) bool {
	var worst *Endpoint
	for _, e := range t.endpoints {
		if e.ejection.cause == notEjected && (worst == nil || e.swept.score > worst.swept.score) {
			worst = e
		}
	}
	if worst == nil {
		return false
	}
	others := 1 - 1/float64(len(t.endpoints)-t.ejected)
	if t.cusum.score-worst.swept.score >= t.cusum.score*others/4 {
		return false
	}
	return t.expel(worst, now, worst.failing(), "most of the bad attempts, "+t.blamed())
}

// rate is the number of outcomes per second of the last ten seconds.
func (t *Target) rate(now time.Duration) float64 {
	span := max(windowSlot, min(now-t.created, windowSlots*windowSlot))
	return float64(t.window.total().judged()) / span.Seconds()
}
