package cloudhttp

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"github.com/fairlead-go/fairlead/health"
)

// The reasons of outcomes that aren't an answer with a status. An answer's is
// "http" and its status.
const (
	reasonGivenUp        = "given up"           // the attempt's context ended; balancer.Do knows why
	reasonRequest        = "request"            // the request itself is at fault
	reasonRefused        = "connection refused" // nobody listens
	reasonNoRoute        = "no route"           // to the host or its network
	reasonConnectTimeout = "connect timeout"    // of TCP or TLS
	reasonCertificate    = "certificate"        // the endpoint has none that holds
	reasonTLS            = "tls"                // no agreement on TLS
	reasonNoConnection   = "no connection"      // for another cause; nothing was sent
	reasonReset          = "reset"              // by the peer, before the whole answer
	reasonEOF            = "eof"                // before the whole answer
	reasonTimeout        = "timeout"            // one of the base transport's own
	reasonBroken         = "broken connection"  // for another cause
	reasonStalled        = "body stalled"       // the rest of the answer didn't come
	reasonProbeTimeout   = "probe timeout"
	reasonUnsigned       = "not signed"          // the hook of WithSign failed
	reasonDenied         = "address denied"      // by the dial guard
	reasonNoDescriptors  = "no file descriptors" // left on this machine
)

// mostRetryAfter bounds what a server may ask for.
const mostRetryAfter = 5 * time.Minute

// ofResponse classifies an answer. What the caller did wrong is an answer as
// good as any: 408 says that the caller was slow, 429 is a customer's quota.
func ofResponse(resp *http.Response) health.Outcome {
	o := health.Outcome{Kind: health.OK, Reason: statusReason(resp.StatusCode)}
	switch code := resp.StatusCode; {
	case code < 500:
	case code == http.StatusNotImplemented, code == http.StatusHTTPVersionNotSupported:
		// A well server says what it will never do.
	case code == http.StatusServiceUnavailable:
		o.Kind = health.Failed
		if after, ok := retryAfter(resp.Header); ok {
			o.Kind, o.RetryAfter = health.Overloaded, after
		}
	default:
		o.Kind = health.Failed
	}
	return o
}

// statusReason returns the reason of an answer: one of at most 1,000.
func statusReason(code int) string {
	switch {
	case code < 100 || code > 999:
		return "http"
	case code < 600:
		return statusReasons[code-100]
	}
	return "http " + strconv.Itoa(code)
}

// statusReasons are those of the statuses that there are, from 100 on.
var statusReasons = func() (all [500]string) {
	for i := range all {
		all[i] = "http " + strconv.Itoa(100+i)
	}
	return all
}()

// retryAfter reads the header of that name (RFC 9110, section 10.2.3). A date
// is taken relative to the server's own clock.
func retryAfter(h http.Header) (after time.Duration, ok bool) {
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 64); err == nil {
		return min(time.Duration(min(seconds, 1<<30))*time.Second, mostRetryAfter), true
	}
	until, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0, true
	}
	return min(max(until.Sub(date), 0), mostRetryAfter), true
}

// ofError classifies the error of a transport.
func ofError(ctx context.Context, err error, p sendState) health.Outcome {
	var op *net.OpError
	var certificate *tls.CertificateVerificationError
	dial := errors.As(err, &op) && op.Op == "dial"
	switch {
	case ctx.Err() != nil:
		return health.Outcome{Reason: reasonGivenUp}
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return health.Outcome{Reason: reasonNoDescriptors} // no cloud can help that
	case dial, p == stateUnsent, errors.As(err, &certificate):
		// When a dial failed after an attempt on an old connection, net/http
		// itself made sure that the request could be repeated.
		return health.Outcome{Kind: health.Refused, Reason: unsentReason(err)}
	case p == stateRefused:
		return health.Outcome{Reason: reasonRequest}
	case isTimeout(err):
		return health.Outcome{Kind: health.TimedOut, Reason: reasonTimeout}
	}
	return health.Outcome{Kind: health.Broken, Reason: brokenReason(err)}
}

// unsentReason says why there was no connection to send anything on.
func unsentReason(err error) string {
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, ErrAddressDenied):
		return reasonDenied
	case errors.Is(err, syscall.ECONNREFUSED):
		return reasonRefused
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return reasonNoRoute
	case errors.As(err, &certificate):
		return reasonCertificate
	case isTLS(err):
		return reasonTLS
	case isTimeout(err):
		return reasonConnectTimeout
	}
	return reasonNoConnection
}

// isTLS reports whether one side didn't understand the other. That can also
// happen after the handshake.
func isTLS(err error) bool {
	var record tls.RecordHeaderError
	var alert tls.AlertError
	return errors.As(err, &record) || errors.As(err, &alert)
}

// brokenReason says how a connection ended.
func brokenReason(err error) string {
	switch {
	case isTLS(err):
		return reasonTLS
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return reasonReset
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return reasonEOF
	}
	return reasonBroken
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
