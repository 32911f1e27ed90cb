package health

import "time"

// Kind says what became of an attempt, as far as the target is concerned.
type Kind uint8

const (
	// Neutral says nothing about the target: the caller cancelled, a hedge
	// lost, or the fault lay on the caller's own side before anything was
	// sent. It is the zero value, so an outcome nobody filled in is never
	// taken for a success.
	Neutral Kind = iota
	// OK is an answer that the target may be proud of. "Not found" and other
	// faults of the caller are OK: the target did its work.
	OK
	// Reached is the result of a probe that got a connection and asked
	// nothing. It shows that a host is there, not that a process is: the
	// kernel accepts connections for a frozen one.
	Reached
	// Refused means that nothing was sent: no connection, no TLS, no name.
	// Any call may try again elsewhere.
	Refused
	// Failed is an answer that says the target is at fault, such as HTTP 500.
	Failed
	// Broken means that the connection ended without a whole answer after
	// something may have been sent.
	Broken
	// TimedOut means that no answer came within the attempt's time.
	TimedOut
	// Overloaded is pushback: the target is well and has too much to do. It
	// did not run the call, unless [Outcome.NoRetry] says so.
	Overloaded
)

// Outcome is what an adapter reports of one attempt or probe.
type Outcome struct {
	Kind Kind
	// Guess says of a TimedOut that the attempt was given up for another one though
	// it isn't known that answers take less. It counts for nothing, and as a time
	// that answers may take.
	Guess bool
	// Early says of a TimedOut that the attempt was given up because answers usually
	// take less, though its caller could have waited longer: see [Load].
	Early bool
	// NoRetry says that the target forbids another attempt, wherever, as with a
	// negative pushback of gRPC (gRFC A6). It may have run a part of the call.
	NoRetry bool
	// Reason says which branch of the adapter's classifier decided, in a few
	// words such as "http 503" or "connection refused". It must come from a
	// closed set: it is logged, shown and counted.
	Reason string
	// RetryAfter is how long the target asked to be left alone, 0 if it
	// didn't.
	RetryAfter time.Duration
}

// Answered reports whether the target's own process gave an answer.
func (k Kind) Answered() bool { return k == OK || k == Failed || k == Overloaded }

// Bad reports whether the outcome speaks against the target.
func (k Kind) Bad() bool { return k == Refused || k == Failed || k == Broken || k == TimedOut }

// Unsent reports whether the target certainly did not run the call, so that
// even one that isn't idempotent may be tried again.
func (o Outcome) Unsent() bool { return (o.Kind == Refused || o.Kind == Overloaded) && !o.NoRetry }

func (k Kind) String() string {
	switch k {
	case Neutral:
		return "neutral"
	case OK:
		return "ok"
	case Reached:
		return "reached"
	case Refused:
		return "refused"
	case Failed:
		return "failed"
	case Broken:
		return "broken"
	case TimedOut:
		return "timed out"
	case Overloaded:
		return "overloaded"
	}
	return "unknown"
}
