package health

// Load says how much a target has to do, and whether that is too much: as of the
// last sweep.
type Load struct {
	// InFlight is the number of attempts between Begin and End.
	InFlight int
	// Ended counts the attempts that ended in a good or a bad outcome or were
	// pushed back, ever.
	Ended uint64
	// PushedBack and TimedOut count those of them that the target refused because
	// it has too much to do, and those it didn't answer in the time that their callers
	// had. One that was given up early isn't among them: that answers take longer than
	// usual doesn't mean that there is too much to do, as when what the target itself
	// calls is slow.
	PushedBack, TimedOut uint64
	// Slow counts the good answers that took longer than promised, or than usual.
	Slow uint64
}

// plus is the load after further outcomes.
func (l Load) plus(more Counts, inFlight int, timedOut uint64) Load {
	return Load{
		InFlight:   inFlight,
		Ended:      l.Ended + more.OK + more.Bad + more.Excused + more.Overloaded,
		PushedBack: l.PushedBack + more.Overloaded,
		TimedOut:   timedOut,
		Slow:       l.Slow + more.Slow,
	}
}

// Load is the target's, as of the last sweep.
func (t *Target) Load() Load { return t.load }
