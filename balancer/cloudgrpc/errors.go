package cloudgrpc

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// callError is a balancer.CallError with the status that gRPC's callers look for.
type callError struct {
	*balancer.CallError
	code codes.Code
}

// Error is what the server said, if that ended the call, and otherwise what the
// router says.
func (e *callError) Error() string {
	if answer := e.answer(); answer != nil {
		return answer.Error()
	}
	return e.CallError.Error()
}

// answer is the status that the last attempt's server sent, nil if the call ended
// for another reason.
func (e *callError) answer() error {
	n := len(e.Attempts)
	if n == 0 {
		return nil
	}
	last := e.Attempts[n-1]
	var answer interface{ GRPCStatus() *status.Status }
	if !last.Outcome.Kind.Answered() && last.Outcome.Kind != health.TimedOut || !errors.As(last.Err, &answer) || !errors.Is(e.Cause, last.Err) {
		return nil
	}
	return last.Err
}

// Unwrap returns the error of the call.
func (e *callError) Unwrap() error { return e.CallError }

// GRPCStatus returns the status. It is the server's own if that ended the call.
// Otherwise its message is that of the error, its details are those of the last
// attempt.
func (e *callError) GRPCStatus() *status.Status {
	if answer := e.answer(); answer != nil {
		return status.Convert(answer)
	}
	var last interface{ GRPCStatus() *status.Status }
	if !errors.As(error(e.CallError), &last) {
		return status.New(e.code, e.Error())
	}
	proto := last.GRPCStatus().Proto()
	if proto == nil {
		return status.New(e.code, e.Error())
	}
	proto.Code, proto.Message = int32(e.code), e.Error()
	return status.FromProto(proto)
}

// statusError gives an error of the router the status code that it means.
func statusError(err error) error {
	if err == nil {
		return nil
	}
	var call *balancer.CallError
	var unknown *balancer.UnknownServiceError
	var shed *sla.ShedError
	switch {
	case errors.As(err, &call):
		return &callError{call, codeOf(call)}
	case errors.As(err, &shed):
		return &routerError{codes.ResourceExhausted, err}
	case errors.As(err, &unknown):
		return &routerError{codes.Internal, err}
	case errors.Is(err, balancer.ErrClosed):
		return &routerError{codes.Unavailable, err}
	}
	return err // the server's own status
}

// codeOf returns the code of a failed call: what ended it or, if that was the
// last attempt, what that ended with.
func codeOf(e *balancer.CallError) codes.Code {
	var last interface{ GRPCStatus() *status.Status }
	var shed *sla.ShedError
	switch {
	case errors.As(error(e), &shed):
		return codes.ResourceExhausted
	case errors.Is(e, context.DeadlineExceeded):
		return codes.DeadlineExceeded
	case errors.Is(e, context.Canceled):
		return codes.Canceled
	case errors.As(error(e), &last):
		return last.GRPCStatus().Code()
	}
	return codes.Unavailable
}

// routerError is a decision of the router with a code.
type routerError struct {
	code codes.Code
	err  error
}

func (e *routerError) Error() string              { return e.err.Error() }
func (e *routerError) Unwrap() error              { return e.err }
func (e *routerError) GRPCStatus() *status.Status { return status.New(e.code, e.Error()) }
