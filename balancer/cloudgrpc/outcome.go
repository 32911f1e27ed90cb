package cloudgrpc

import (
	"context"
	"io"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/fairlead-go/fairlead/health"
)

// The reasons of outcomes that aren't a status of the server. A status's is its
// code.
const (
	reasonGivenUp      = "given up"          // the context ended; the router knows why
	reasonUnused       = "not made"          // gRPC found no use for the pick
	reasonNoConnection = "no connection"     // nothing was sent
	reasonRequest      = "request"           // the call itself is at fault
	reasonBroken       = "broken connection" // before there was an answer
	reasonNotServing   = "not serving"       // the server's health service says so
	reasonProbeTimeout = "probe timeout"
	reasonLate         = "deadline" // no answer came in time
)

// ending is what is known of one attempt when it ends.
type ending struct {
	err      error
	sent     bool     // a stream was opened on a connection
	received bool     // something came from the server
	local    bool     // no stream was opened, and the connection isn't to blame
	pushback pushback // what the server said of a retry
}

// errSending is the error of an attempt that failed while gRPC was sending a message.
// It ends it without an error then, and if it repeats the attempt it tells nobody
// what the server's status was.
var errSending = status.Error(codes.Unavailable, "the stream ended while a message was sent")

// unused reports whether the connection was lost before gRPC came to use it.
func (e *ending) unused() bool { return e.err == nil && !e.sent && !e.received }

// answered is the outcome of an attempt that ended as it should.
var answered = health.Outcome{Kind: health.OK, Reason: reasons[codes.OK]}

// outcome classifies the end of an attempt.
func (e *ending) outcome(ctx context.Context) health.Outcome {
	switch {
	case e.unused():
		return health.Outcome{Reason: reasonUnused}
	case e.err == nil, e.err == io.EOF:
		return answered
	}
	code := status.Code(e.err)
	o := health.Outcome{Kind: health.OK, Reason: reasonOf(code)}
	switch {
	case !e.received:
		return e.unanswered(ctx, code)
	case code == codes.Canceled && ctx.Err() != nil:
		return health.Outcome{Reason: reasonGivenUp}
	case e.pushback.given && (code == codes.Unavailable || code == codes.ResourceExhausted):
		o.Kind, o.RetryAfter = health.Overloaded, e.pushback.after
	case code == codes.DeadlineExceeded && ctx.Err() != nil:
		return health.Outcome{Reason: reasonGivenUp} // the rest of an answer took too long for the caller
	case code == codes.DeadlineExceeded:
		o.Kind = health.TimedOut // the server's own time was over
	case isServersFault(code):
		o.Kind = health.Failed
	}
	o.NoRetry = e.pushback.never && o.Kind != health.OK
	return o
}

// unanswered is the outcome of an attempt that ended before anything came from
// the server: the status is gRPC's own.
func (e *ending) unanswered(ctx context.Context, code codes.Code) health.Outcome {
	switch {
	case ctx.Err() != nil, code == codes.Canceled && (!e.sent || e.closing()):
		return health.Outcome{Reason: reasonGivenUp}
	case code == codes.DeadlineExceeded && !e.sent:
		return health.Outcome{Reason: reasonGivenUp}
	case code == codes.DeadlineExceeded:
		return health.Outcome{Kind: health.TimedOut, Reason: reasonLate} // of a service config
	case e.local:
		return health.Outcome{Reason: reasonRequest} // credentials that can't be had have any code
	case code == codes.Unavailable && !e.sent:
		return health.Outcome{Kind: health.Refused, Reason: reasonNoConnection}
	case code == codes.Unavailable:
		return health.Outcome{Kind: health.Broken, Reason: reasonBroken}
	case !e.sent, code == codes.ResourceExhausted, code == codes.Internal && isUnencodable(e.err):
		// A message that can't be encoded or is too large, credentials that
		// can't be had. ENHANCE_YOUR_CALM looks the same.
		return health.Outcome{Reason: reasonRequest}
	}
	// The connection's fault in another guise: RST_STREAM, also by a proxy that
	// cancels, and bad frames.
	return health.Outcome{Kind: health.Broken, Reason: reasonOf(code)}
}

// isUnencodable reports whether gRPC couldn't encode a message. There is no other
// sign than the text, which no server can send: nothing was received.
func isUnencodable(err error) bool {
	text := status.Convert(err).Message()
	return strings.HasPrefix(text, "grpc: error while marshaling") || strings.HasPrefix(text, "grpc: error while compressing")
}

// closing reports whether the ClientConn was closed.
func (e *ending) closing() bool {
	//lint:ignore SA1019 the code alone is also that of a stream that a proxy reset
	return e.err.Error() == grpc.ErrClientConnClosing.Error()
}

// isServersFault reports whether the server says that it failed. The other codes
// are answers: "not found" and the like are what the caller asked for, and
// RESOURCE_EXHAUSTED without pushback is a customer's quota.
func isServersFault(code codes.Code) bool {
	switch code {
	case codes.Unknown, codes.Internal, codes.Unavailable, codes.DataLoss, codes.Canceled:
		return true
	}
	return code > codes.Unauthenticated // no code that there is
}

// reasons are those of the codes that there are.
var reasons = func() (all [codes.Unauthenticated + 1]string) {
	for i := range all {
		all[i] = "grpc " + codes.Code(i).String()
	}
	return all
}()

func reasonOf(code codes.Code) string {
	if int(code) < len(reasons) {
		return reasons[code]
	}
	return "grpc code unknown"
}

// pushback is what a server says of retries (gRFC A6).
type pushback struct {
	given bool
	never bool // no attempt may follow, wherever
	after time.Duration
}

// mostPushback bounds what a server may ask for.
const mostPushback = 5 * time.Minute

// pushbackOf reads grpc-retry-pushback-ms. What isn't a number means "don't
// retry", as a negative one does.
func pushbackOf(trailer metadata.MD) pushback {
	values := trailer["grpc-retry-pushback-ms"]
	if len(values) == 0 {
		return pushback{}
	}
	ms, err := strconv.ParseInt(values[0], 10, 32)
	if err != nil || ms < 0 || len(values) > 1 {
		return pushback{given: true, never: true, after: mostPushback}
	}
	return pushback{given: true, after: min(time.Duration(ms)*time.Millisecond, mostPushback)}
}
