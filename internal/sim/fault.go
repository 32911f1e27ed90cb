package sim

import "time"

// FaultKind is what goes wrong.
type FaultKind int

const (
	// Crash ends processes: connections are reset, new ones refused.
	Crash FaultKind = iota
	// Freeze stops processes, as SIGSTOP does: connections are accepted and
	// nothing is answered. What came meanwhile is answered after the thaw.
	Freeze
	// Cut loses everything that is sent, in both directions.
	Cut
	// Errors makes a part of the requests fail at once. Probes don't fail.
	Errors
	// Slow makes service take longer. Probes don't.
	Slow
	// Pushback makes a part of the requests be refused as too much. Probes aren't.
	Pushback
)

// Fault is something that goes wrong for a while. Faults may overlap.
type Fault struct {
	Kind  FaultKind
	Cloud string
	// Endpoints is how many of the cloud's endpoints are struck, 0 for all.
	Endpoints int
	// From and Until are times of the simulation. Until 0 is never.
	From, Until time.Duration
	// Rate is the fraction of requests that Errors fails, or Pushback refuses, above 0,
	// at most 1.
	Rate float64
	// Factor is how many times as long Slow makes service take.
	Factor float64
}

// begin strikes one server.
func (f *Fault) begin(s *server) {
	switch f.Kind {
	case Crash:
		s.crash()
	case Freeze:
		s.frozen++
	case Cut:
		s.cut++
	case Errors:
		s.errors += f.Rate
	case Slow:
		s.slow *= f.Factor
	case Pushback:
		s.pushing += f.Rate
	}
}

// end undoes what begin did.
func (f *Fault) end(s *server) {
	switch f.Kind {
	case Crash:
		s.crashed--
	case Freeze:
		s.thaw()
	case Cut:
		s.cut--
	case Errors:
		s.errors -= f.Rate
	case Slow:
		s.slow /= f.Factor
	case Pushback:
		s.pushing -= f.Rate
	}
}

// Flapping repeats a fault from f.From to f.Until: it lasts for bad, is gone
// for good, and so on.
func Flapping(f Fault, bad, good time.Duration) []Fault {
	var faults []Fault
	for from := f.From; from < f.Until; from += bad + good {
		one := f
		one.From, one.Until = from, min(from+bad, f.Until)
		faults = append(faults, one)
	}
	return faults
}
