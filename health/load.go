package health

// Load says how much a target has to do, and whether that is too much: as of the
// last sweep.
type Load struct {
	// InFlight is the number of attempts between Begin and End.
	InFlight int
	// Ended counts the attempts that ended in a good or a bad outcome or were
	// pushed back, ever. One that was given up early isn't among them: that answers
	// take longer than usual doesn't mean that there is too much to do, as when what
	// the target itself calls is slow.
	Ended uint64
	// PushedBack and TimedOut count those of them that the target refused because
	// it has too much to do, and those it didn't answer in the time that they had, but
	// for those that timed out because this process stood still.
	PushedBack, TimedOut uint64
	// Slow counts the good answers that took longer than promised, or than usual.
	Slow uint64

	timedOut, early uint64 // attempts that timed out and that were given up early, ever
}

// plus is the load after further outcomes. timedOut and early must not be newer than
// these; of endpoints that were just removed they may count some that these don't.
func (l Load) plus(more Counts, inFlight int, timedOut, early uint64, excused bool) Load {
	ended := more.OK + more.Bad + more.Excused + more.Overloaded
	late := timedOut - l.timedOut
	if excused {
		late = 0
	}
	return Load{
		InFlight:   inFlight,
		Ended:      l.Ended + ended - min(early-l.early, ended),
		PushedBack: l.PushedBack + more.Overloaded,
		TimedOut:   l.TimedOut + late,
		Slow:       l.Slow + more.Slow,
		timedOut:   timedOut,
		early:      early,
	}
}

// Load is the target's, as of the last sweep.
func (t *Target) Load() Load { return t.load }
