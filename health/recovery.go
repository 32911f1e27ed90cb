package health

import "time"

// fall prepares a target that just went down for the way back.
func (t *Target) fall(now time.Duration, silent bool) {
	t.restart(now)
	t.answered, t.reached = false, false
	// Attempts may time out before the silence test can be sure.
	last := t.blame.Load()
	t.fellSilent = silent || last != nil && last.Kind == TimedOut
}

// restart makes the detectors of the target as a whole begin from nothing.
func (t *Target) restart(now time.Duration) {
	t.judgedFrom.Store(int64(now))
	t.cusum = cusum{}
	t.fresh = window{}
	t.quality = Counts{}
	t.silence.restart(t.traffic)
}

// listen keeps Answered and Reached. A probe that has waited for longer than
// silence takes speaks against the target before it times out: one that is sent
// into a short freeze is answered at the thaw, and would otherwise make a cloud
// that freezes again and again look well.
func (t *Target) listen(seen sighting) {
	if seen.answers.bad > 0 || seen.overdue {
		t.answered, t.reached = false, false
		return
	}
	t.reached = t.reached || seen.reached || seen.answers.good > 0
	t.answered = t.answered || seen.answers.good > 0 || seen.reached && !t.fellSilent
}

// Reached reports whether a target that is down let itself be connected to, and
// no probe was bad since. Where probes can't ask for more, it is all there is
// to know of a target that went silent.
func (t *Target) Reached() bool { return t.reached }

// Answered reports whether a target that is down gave a good answer, to a probe
// or a late one to a call, and no bad one since, as of the last sweep. Bad
// answers of endpoints that are ejected don't count: a cloud may come back
// without its broken part. A connection that asked nothing counts unless the
// target went silent: the kernel accepts connections for a frozen process.
func (t *Target) Answered() bool { return t.answered }

// Answers are the numbers of good and bad outcomes ever, of calls and of probes
// that asked the application, as of the last sweep; without the bad ones of
// ejected endpoints.
func (t *Target) Answers() (good, bad uint64) { return t.answers.good, t.answers.bad }

// Recover lets a target that is down have canaries: Down → Recovering. The
// detectors begin from nothing, and ejections end except those of endpoints
// whose probes fail. It does nothing and returns the zero Change in any other
// state, as Relapse and Readmit do.
func (t *Target) Recover(now time.Duration, reason string) Change {
	if t.State() != Down {
		return Change{}
	}
	c := t.change(now, Recovering, reason)
	if c.To == Recovering {
		t.restart(now)
		for _, e := range t.endpoints {
			e.swept.silence.restart(e.swept.traffic)
		}
		t.amnesty()
	}
	return c
}

// Return puts a target that got no calls, because an operator had taken it out,
// on its way back like one that was down: Unknown, Healthy, Degraded → Recovering.
// What is known of it is from before. It does nothing and returns the zero Change
// for a target that is down or recovering anyway.
func (t *Target) Return(now time.Duration, reason string) Change {
	if t.State() == Down {
		return Change{}
	}
	c := t.change(now, Recovering, reason)
	if c.To == Recovering {
		t.restart(now)
	}
	return c
}

// Relapse ends a recovery whose canaries failed before a detector could tell:
// Recovering → Down.
func (t *Target) Relapse(now time.Duration, reason string) Change {
	if t.State() != Recovering {
		return Change{}
	}
	c := t.change(now, Down, reason)
	t.fall(now, false)
	return c
}

// Readmit ends a recovery that went well: Recovering → Healthy.
func (t *Target) Readmit(now time.Duration, reason string) Change {
	if t.State() != Recovering {
		return Change{}
	}
	return t.change(now, Healthy, reason)
}
