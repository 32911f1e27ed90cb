package cloudgrpc

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"google.golang.org/grpc"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

// opened is an attempt at a stream. If it is kept, because headers came, it
// occupies its endpoint until gRPC says that the stream has ended, whatever the
// reason: the caller may leave without receiving the end.
type opened struct {
	grpc.ClientStream // nil until there is one
	of                *clientStream
	route             *route
	began             time.Time

	// The stream's mutex guards what follows.
	fault    error // what makes it impossible to send a message
	adopted  bool  // Do has returned it, or dropped it
	dropped  bool
	ended    bool // for gRPC, with err
	err      error
	released bool
	judged   bool
	outcome  health.Outcome // of the rest of the answer, once judged
}

func newOpened(s *clientStream, rt *route) *opened {
	return &opened{of: s, route: rt, began: time.Now()}
}

// finished is told by gRPC that the stream has ended.
func (o *opened) finished(err error) {
	if err == io.EOF {
		err = nil
	}
	o.of.mu.Lock()
	if !o.ended {
		o.ended, o.err = true, err
	}
	over := o.isOver()
	o.of.mu.Unlock()
	if over {
		o.release()
	}
}

// adopt makes a kept attempt the answer.
func (o *opened) adopt() { o.settle(false) }

// drop lets go of an attempt whose headers came just as it was cut: its context
// has ended, so its stream will. It is not called with one that wasn't kept, but
// with nil.
func (o *opened) drop() {
	if o != nil {
		o.settle(true)
	}
}

func (o *opened) settle(dropped bool) {
	o.of.mu.Lock()
	o.adopted, o.dropped = true, dropped
	over := o.isOver()
	o.of.mu.Unlock()
	if over {
		o.release()
	}
}

// isOver reports, once, that an attempt that was kept can be released. A message
// that can't be sent ends a stream before SendMsg has said that it is at fault,
// and not the server. The caller holds the stream's mutex.
func (o *opened) isOver() bool {
	if !o.adopted || !o.ended || o.released || o.of.sending == o {
		return false
	}
	o.released = true
	return true
}

// release gives the endpoint free, and says what became of the rest of the
// answer. Whatever it reads doesn't change any more.
func (o *opened) release() {
	rest := health.Outcome{}
	if !o.dropped && o.fault == nil {
		rest = o.judge(o.err)
	}
	o.route.attempt().Release(rest)
	if !o.dropped {
		o.of.finish(o.err)
	}
}

// judge returns the outcome of a stream that ended with err after its headers, once
// and for all: when it is released its context ends, which looks as if its caller had
// left.
func (o *opened) judge(err error) health.Outcome {
	outcome := o.rest(err)
	o.of.mu.Lock()
	defer o.of.mu.Unlock()
	if !o.judged {
		o.judged, o.outcome = true, outcome
	}
	return o.outcome
}

// rest is the outcome of a stream after its headers.
func (o *opened) rest(err error) health.Outcome {
	e := ending{err: err, sent: true, received: true}
	if err != nil {
		e.pushback = pushbackOf(o.Trailer())
	}
	outcome := e.outcome(o.route.Context)
	if outcome.Kind.Bad() && o.of.closing() {
		return health.Outcome{Reason: reasonClosed}
	}
	return outcome
}

// explain returns the error for the caller of a stream that ended with err after
// its headers. If the server or the connection is at fault it says which.
func (o *opened) explain(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	var drained *balancer.DrainedError
	if errors.As(context.Cause(o.route.Context), &drained) {
		return statusError(o.route.attempt().Broken(drained))
	}
	outcome := o.judge(err)
	if !outcome.Kind.Bad() {
		return err
	}
	call := o.route.attempt().Broken(err)
	call.Attempts = slices.Concat(o.of.failed, []balancer.AttemptReport{o.report(outcome, err)})
	call.Stop, call.Ambiguous = stopBegun, !o.of.call.Idempotent
	return statusError(call)
}

// stopBegun is why there is no other attempt after one that has answered.
const stopBegun = "the answer had begun"

// report is about an attempt that failed.
func (o *opened) report(outcome health.Outcome, err error) balancer.AttemptReport {
	at := o.route.attempt()
	return balancer.AttemptReport{
		Cloud: at.Cloud(), Endpoint: at.Endpoint().String(), Outcome: outcome, Took: time.Since(o.began), Err: err,
	}
}
