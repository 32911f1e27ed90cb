package balancer

import "context"

// Streaming says how the messages of a call flow.
type Streaming uint8

const (
	// NoStream is one question and one answer.
	NoStream Streaming = iota
	// ServerStream is one question and any number of answers.
	ServerStream
	// ClientStream is any number of questions, and of answers.
	ClientStream
)

// open reports whether the target may be silent as long as it likes before it
// answers. A subscription that has nothing to tell answers nothing, and nobody
// answers who waits for the rest of the question. So such an attempt has no time
// of its own, and silence doesn't speak against its target: probes find the one
// that is frozen. Only a stream of answers whose caller has set a deadline is
// expected to begin in time. A tier's timeout ends no stream.
func (c *Call) open(ctx context.Context) bool {
	switch c.Stream {
	case NoStream:
		return false
	case ServerStream:
		_, bounded := ctx.Deadline()
		return !bounded
	}
	return true
}
