package sla

import "time"

// Account keeps what a promise needs to know: how many of its calls were good and
// how many bad, in each second of the last 5 minutes, each minute of the last 6
// hours and each hour of the last 30 days. The counts are exact.
//
// Any goroutine may call the methods of its [Meter]. Those of Account belong to
// one goroutine at a time, which calls Sweep every second: what was counted since
// the sweep before is dated to the time of that one, so that it is right to the
// second.
//
// Seconds, minutes and hours are those of the time of day, so that the counts of
// several processes and of one before and after a restart add up. An Account
// reads no clock. Its owner gives it times that follow the monotonic clock, which
// don't jump when somebody sets the clock; what is restored from another time is
// told in [Account.Restore].
type Account struct {
	Meter
	swept   time.Time
	totals  Totals // at the last sweep
	history history
}

// NewAccount returns an account without calls.
func NewAccount(now time.Time) *Account { return &Account{swept: now, history: newHistory()} }

// Sweep takes over what was counted since the last sweep.
func (a *Account) Sweep(now time.Time) {
	t := a.Totals()
	a.history.add(a.swept, Counts{Good: t.Good - a.totals.Good, Bad: t.Bad - a.totals.Bad})
	a.swept, a.totals = now, t
}

// Counts returns the calls of the window that ends now, as they were swept. The
// window begins with the whole minute that it begins in, or the whole hour if it
// is longer than 6 h: no failure is forgiven early. From 1s to 720h.
func (a *Account) Counts(now time.Time, window time.Duration) Counts {
	return a.history.counts(now, window)
}

// Burns returns the burn rates of the [BurnRules], as of the last sweep. Of the
// slot in which a window begins, the part that lies within the window counts, as
// if its calls had come evenly: whole slots would make a window of an hour a
// minute too long, and alarms late.
func (a *Account) Burns(now time.Time, target float64) [3]Burn {
	return a.history.burns(now, target)
}

// Standing returns how the promise stands, as of the last sweep.
func (a *Account) Standing(now time.Time, o Objective) Standing {
	return a.history.standing(now, o)
}

// Record returns what there is to be saved, as of the last sweep.
func (a *Account) Record(now time.Time) Record { return a.history.record(now) }

// Restore adds what was saved to what there is.
//
// Counts dated later than now are taken for counts of now: then the clock was
// wrong, or is. None is lost and none counts twice, they only stay as long as if
// they had just come. Counts older than 30 days are gone, as in any window; if it
// is the clock that is wrong, by a month, nobody could tell.
//
// The record must be valid: see [Snapshot.Validate].
func (a *Account) Restore(r Record, now time.Time) { a.history.restore(r, now) }
