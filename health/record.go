package health

import "time"

// Record counts the outcome of an attempt at e for a call of the tier. began is
// when the attempt did; now is when its outcome was known, which for a stream
// is when the headers came. There is one Record for each Begin. It takes no
// lock and allocates only when the reason of a failure differs from that of
// the failure before.
func (t *Target) Record(e *Endpoint, tier int, began, now time.Duration, o Outcome) {
	if o.Kind == OK {
		t.recordGood(e, tier, began, now, 0)
	} else {
		t.recordOther(e, tier, began, now, o)
	}
}

// Good is Record of a good answer and [Endpoint.End], for less than both.
func (t *Target) Good(e *Endpoint, tier int, began, now time.Duration) {
	t.recordGood(e, tier, began, now, oneInFlight)
}

// recordGood counts a good answer and learns from the time that it took. Answers to
// attempts of before a fresh start teach nothing: the wait of those that a frozen
// process answers after its thaw says how long it was frozen. ended is 1 if the
// attempt doesn't occupy the endpoint any longer, and 0 if it does.
func (t *Target) recordGood(e *Endpoint, tier int, began, now time.Duration, ended uint64) {
	e.breakStreak()
	if l := t.tier(tier); l != nil && !t.excuses(began) {
		took := now - began
		l.learn(now, took)
		e.latency.observe(now, took, peakTau)
		if l.slow(took) {
			e.slow.Add(1)
			e.use.word.Add(-ended)
			return
		}
	}
	e.use.word.Add(oneFast - ended)
}

// breakStreak ends a row of bad outcomes. Nearly always there is none, and nothing to
// be written.
func (e *Endpoint) breakStreak() {
	if e.streak.Load() != 0 {
		e.streak.Store(0)
	}
}

// recordOther counts what isn't a good answer.
func (t *Target) recordOther(e *Endpoint, tier int, began, now time.Duration, o Outcome) {
	if o.Guess {
		t.Waited(tier, began, now)
		o = Outcome{Reason: o.Reason}
	}
	took := now - began
	excused := t.excuses(began)
	switch {
	case o.Kind == Overloaded:
		e.overloaded.Add(1)
		e.latency.blame(now, took, time.Duration(t.dear.Load()))
	case o.Kind.Bad() && excused:
		e.excused.Add(1)
	case o.Kind.Bad():
		t.charge(e, now, took, o)
	}
	e.note(o.Kind)
	// A caller that gives up soon, a host that refuses and a connection that
	// breaks are no silence: something else ended the wait before it was long.
	// An attempt that timed out is, however short its time.
	if !excused && !o.Kind.Answered() && o.Kind != TimedOut && took < time.Duration(t.silentAfter.Load()) {
		e.withdrawn.Add(1)
	}
}

// RecordOpen counts the outcome of an attempt that began with Enter: one of
// which nobody knows when it should have been answered. How long it took teaches
// nothing. There is one RecordOpen for each Enter; any goroutine may call it.
func (t *Target) RecordOpen(e *Endpoint, tier int, began, now time.Duration, o Outcome) {
	e.begins(tier).Add(1)
	if o.Guess {
		o = Outcome{Reason: o.Reason}
	}
	switch excused := t.excuses(began); {
	case o.Kind == OK:
		e.use.word.Add(oneFast)
		e.breakStreak()
	case o.Kind == Overloaded:
		e.overloaded.Add(1)
	case o.Kind.Bad() && excused:
		e.excused.Add(1)
	case o.Kind.Bad():
		t.charge(e, now, 0, o)
	}
	e.note(o.Kind)
	if !o.Kind.Answered() {
		e.withdrawn.Add(1)
	}
}

// Spoiled says that an answer that was recorded as good broke off afterwards,
// while its rest was read: o says how. It counts as one more bad attempt, or as
// an excused one by the rule of Record, and as nothing else: neither as an
// answer nor as a wait that ended, and how long the rest took says nothing about
// the endpoint's latency. An outcome that isn't bad adds nothing. began is that
// of the attempt. There is at most one Spoiled after a Record.
func (t *Target) Spoiled(e *Endpoint, began, now time.Duration, o Outcome) {
	if !o.Kind.Bad() {
		return
	}
	e.spoiled.Add(1)
	if t.excuses(began) {
		e.excused.Add(1)
	} else {
		t.charge(e, now, 0, o)
	}
}

// note counts outcomes by kind, as far as that isn't done elsewhere: for reports,
// which excuse nothing.
func (e *Endpoint) note(k Kind) {
	switch k {
	case OK, Overloaded:
	case Refused:
		e.refused.Add(1)
	case Failed:
		e.failed.Add(1)
		e.replied.Add(1)
	case Broken:
		e.broken.Add(1)
	case TimedOut:
		e.timedOut.Add(1)
	default:
		e.neutral.Add(1)
	}
}

// excuses reports whether an attempt began before a fresh start.
func (t *Target) excuses(began time.Duration) bool {
	return began < time.Duration(t.judgedFrom.Load())
}

// charge holds a bad outcome against the endpoint and the target.
func (t *Target) charge(e *Endpoint, now, took time.Duration, o Outcome) {
	e.bad.Add(1)
	if e.streak.Load() < longest {
		e.streak.Add(1)
	}
	if timesOut := o.Kind == TimedOut; e.timesOut.Load() != timesOut {
		e.timesOut.Store(timesOut)
	}
	switch {
	case o.Kind != TimedOut, e.gone.Load(): // what is bad there is in no load either
	case o.Early:
		t.early.Add(1) // it is in bad already
	default:
		t.timedOut.Add(1)
	}
	e.latency.blame(now, took, time.Duration(t.dear.Load()))
	t.accuse(o)
}

// accuse keeps an outcome for the reasons of changes.
func (t *Target) accuse(o Outcome) {
	if last := t.blame.Load(); last == nil || last.Kind != o.Kind || last.Reason != o.Reason {
		t.blame.Store(&Outcome{Kind: o.Kind, Reason: o.Reason})
	}
}

// blamed says what went wrong last.
func (t *Target) blamed() string {
	o := t.blame.Load()
	switch {
	case o == nil:
		return "reason unknown"
	case o.Reason == "":
		return o.Kind.String()
	}
	return o.Reason
}

// Probed counts the outcome of a probe of e. An endpoint has one probe running
// at a time. Probes speak for or against an endpoint only while it gets no
// calls; but any answer to one ends its silence.
func (t *Target) Probed(e *Endpoint, o Outcome) {
	p := &e.probe
	excused := p.running.Load() && p.began.Load() < t.judgedFrom.Load()
	streak := p.streak.Load()
	switch {
	case o.Kind == OK:
		p.good.Add(1)
		p.streak.Store(max(streak, 0) + 1)
	case o.Kind == Reached:
		p.reached.Add(1)
		p.streak.Store(max(streak, 0) + 1)
	case o.Kind.Bad() && !excused:
		p.bad.Add(1)
		p.streak.Store(min(streak, 0) - 1)
		t.accuse(o)
	}
	if o.Kind == Failed || o.Kind == Overloaded {
		e.replied.Add(1)
	}
	// Last: from here on the schedule may begin another.
	p.running.Store(false)
}

// Excuse says that this process itself stood still. What was seen since the
// last sweep, and what becomes of attempts and probes that have begun, is not
// held against the target, and waiting for answers starts anew.
func (t *Target) Excuse(now time.Duration) {
	t.judgedFrom.Store(int64(now))
	t.excused = true
	for _, e := range t.endpoints {
		e.streak.Store(0)
		if n := e.probe.streak.Load(); n < 0 {
			e.probe.streak.CompareAndSwap(n, 0)
		}
	}
}
