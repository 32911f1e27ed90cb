package health

import (
	"fmt"
	"time"
)

const (
	// waitingAttempts is how many attempts have to wait for an answer before
	// their wait means silence: one or two may be slow by chance.
	waitingAttempts = 3
	// A wait means nothing before minSilence, and before unknownSilence as long
	// as it isn't known how long answers take.
	minSilence     = 100 * time.Millisecond
	unknownSilence = time.Second
)

// silenceLimit is how long attempts may wait if nine of ten answers come within
// p90, 0 if that is unknown.
func silenceLimit(p90 time.Duration) time.Duration {
	if p90 == 0 {
		return unknownSilence
	}
	return max(minSilence, 4*p90)
}

// silence finds out whether an endpoint, or a target as a whole, has stopped
// answering: at least three attempts, begun since its last answer, have waited
// for longer than the limit. (The age of the oldest attempt alone would fire all
// the time where one answer in a hundred is slow.)
//
// It is fed from cumulative counters once per sweep and needs no bookkeeping by
// attempts. In return it sees the last answer up to a sweep late, and then
// leaves out the attempts that began between that answer and the sweep: it may
// be late by two sweeps and never early.
type silence struct {
	silent  bool
	answers uint64 // when last looked at
	base    uint64 // attempts that had begun when the last answer was noticed

	// The attempts whose wait is being timed.
	timed     uint64        // how many, 0 if too few have begun yet
	since     time.Duration // all of them had begun by then
	withdrawn uint64        // the counter at that time
}

// traffic is what silence is fed with: cumulative numbers of attempts that
// began, of attempts among them that ended without an answer before that meant
// anything, and of answers.
type traffic struct{ begun, withdrawn, answers uint64 }

func (a traffic) plus(b traffic) traffic {
	return traffic{a.begun + b.begun, a.withdrawn + b.withdrawn, a.answers + b.answers}
}

func (a traffic) minus(b traffic) traffic {
	return traffic{a.begun - b.begun, a.withdrawn - b.withdrawn, a.answers - b.answers}
}

// restart forgets the attempts that have begun so far.
func (s *silence) restart(t traffic) {
	*s = silence{answers: t.answers, base: t.begun - t.withdrawn}
}

// step reports whether there is silence at now. Only an answer ends it. spread
// says whether the attempts that wait went to as many endpoints as they should:
// of few calls to many endpoints several in a row may go to the one that is
// silent.
func (s *silence) step(now time.Duration, t traffic, limit time.Duration, spread bool) bool {
	if t.answers != s.answers {
		s.restart(t)
		return false
	}
	if s.silent {
		return true
	}
	// Which attempts were withdrawn isn't known. That it was the timed ones is
	// the assumption that never sees silence where there is none.
	if gone := t.withdrawn - s.withdrawn; s.timed < gone+waitingAttempts {
		s.timed = 0
		if waiting := s.waiting(t); waiting >= waitingAttempts && spread {
			s.timed, s.since, s.withdrawn = uint64(waiting), now, t.withdrawn
		}
		return false
	}
	s.silent = now-s.since >= limit
	return s.silent
}

// waiting is how many attempts wait that began after the last answer. It is too
// few, or less than zero, if attempts from before were withdrawn since.
func (s *silence) waiting(t traffic) int64 { return int64(t.begun - t.withdrawn - s.base) }

func (s *silence) String(now time.Duration) string {
	return fmt.Sprintf("silent: %d attempts without an answer for %v", s.timed, rounded(now-s.since))
}
