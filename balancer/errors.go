package balancer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/health"
)

// Decisions that end a call. They are found with errors.Is, mostly inside a
// [*CallError].
var (
	// ErrClosed means that the router was closed.
	ErrClosed = errors.New("the router is closed")
	// ErrNoCloud means that no cloud may serve the call: each one that the
	// tier allows is down, drained or without an address.
	ErrNoCloud = errors.New("no cloud may serve this call")
	// ErrBudget means that the service's retry budget is spent.
	ErrBudget = errors.New("the retry budget is spent")
	// ErrAmbiguous means that the call may have been carried out, and isn't
	// idempotent: it was not tried again.
	ErrAmbiguous = errors.New("the call may have been carried out")

	// errAttemptTime is the error of an attempt that was cut short so that
	// there is time for another.
	errAttemptTime = errors.New("the attempt's time is over")
	// errHedgeLost is the error of an attempt that was cut short because another
	// attempt at the same call had its answer.
	errHedgeLost = errors.New("another attempt was answered first")
	errGoexit    = errors.New("the function that makes attempts ended its goroutine")
)

// UnknownServiceError means that the config has no service of that name that
// speaks the protocol.
type UnknownServiceError struct {
	Service  string
	Protocol Protocol
	Known    []string // those there are, sorted
}

func (e *UnknownServiceError) Error() string {
	if len(e.Known) == 0 {
		return fmt.Sprintf("no service %q with %v endpoints in the config, which has no %[2]v endpoints", e.Service, e.Protocol)
	}
	return fmt.Sprintf("no service %q with %v endpoints in the config, which has %s", e.Service, e.Protocol, strings.Join(e.Known, ", "))
}

// tierTimeoutError is the cause of a context that ended with a tier's timeout.
type tierTimeoutError struct {
	tier    string
	timeout time.Duration
}

func (e *tierTimeoutError) Error() string {
	return fmt.Sprintf("the %v of tier %s are over", e.timeout, e.tier)
}
func (e *tierTimeoutError) Is(target error) bool { return target == context.DeadlineExceeded }
func (e *tierTimeoutError) Timeout() bool        { return true }

// CallError says why a call failed: what was tried and how each cloud stood.
//
// It unwraps to its Cause and, if that is the cause of a context, to the
// context's error and that of the last attempt; and to [ErrAmbiguous] if the call
// may have been carried out. So errors.Is and errors.As find whichever there is.
type CallError struct {
	Service string
	Tier    string
	// Clouds are the service's clouds, sorted by name, as the call found them.
	Clouds []CloudStatus
	// Attempts are the attempts, in their order.
	Attempts []AttemptReport
	// Stop says why there was no further attempt; empty if there was none.
	Stop string
	// Ambiguous says that the call may have been carried out although it
	// failed, and that it was not repeated because it isn't idempotent.
	Ambiguous bool
	// Cause is the error of the last attempt, of the call's context, or a
	// decision such as ErrNoCloud.
	Cause error

	also []error
}

// AttemptReport says what became of one attempt.
type AttemptReport struct {
	Cloud    string
	Endpoint string // as a URL
	Outcome  health.Outcome
	Took     time.Duration // until the outcome was known
	Err      error         // what the adapter said, nil if there was an answer
}

// Error names the service, the cause, every attempt, and every cloud with its
// state and since when.
func (e *CallError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (tier %s): %v", e.Service, e.Tier, e.Cause)
	if e.Ambiguous {
		fmt.Fprintf(&b, "; %v", ErrAmbiguous)
	}
	for i, a := range e.Attempts {
		fmt.Fprintf(&b, "; attempt %d at %s %s: %s (%s) after %v", i+1, a.Cloud, a.Endpoint, a.Outcome.Kind, a.Outcome.Reason, a.Took.Round(time.Millisecond))
	}
	if e.Stop != "" && e.Stop != stopEnded {
		fmt.Fprintf(&b, "; no further attempt: %s", e.Stop)
	}
	for _, c := range e.Clouds {
		fmt.Fprintf(&b, "; %s", c)
	}
	return b.String()
}

// Unwrap returns the cause and what goes with it.
func (e *CallError) Unwrap() []error {
	all := append([]error{e.Cause}, e.also...)
	if e.Ambiguous {
		all = append(all, ErrAmbiguous)
	}
	return all
}

// Timeout reports whether the call failed for lack of time, as net.Error has
// it.
func (e *CallError) Timeout() bool {
	var timeout net.Error
	return slices.ContainsFunc(e.Unwrap(), func(err error) bool {
		return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
	})
}

// Temporary is there for net.Error, which still has it. It reports Timeout.
func (e *CallError) Temporary() bool { return e.Timeout() }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
