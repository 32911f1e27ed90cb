package cloudhttp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/health"
)

func TestOfResponse(t *testing.T) {
	ok := func(code int) health.Outcome {
		return health.Outcome{Kind: health.OK, Reason: fmt.Sprintf("http %d", code)}
	}
	failed := func(code int) health.Outcome {
		return health.Outcome{Kind: health.Failed, Reason: fmt.Sprintf("http %d", code)}
	}
	for _, test := range []struct {
		status int
		after  string
		want   health.Outcome
	}{
		{101, "", ok(101)},
		{200, "", ok(200)},
		{204, "", ok(204)},
		{304, "", ok(304)},
		{400, "", ok(400)},
		{404, "", ok(404)},
		{408, "", ok(408)},
		{429, "", ok(429)},
		{429, "5", ok(429)},
		{499, "", ok(499)},
		{500, "", failed(500)},
		{500, "5", failed(500)},
		{501, "", ok(501)},
		{502, "", failed(502)},
		{503, "", failed(503)},
		{503, "soon", failed(503)},
		{503, "5", health.Outcome{Kind: health.Overloaded, Reason: "http 503", RetryAfter: 5 * time.Second}},
		{503, "0", health.Outcome{Kind: health.Overloaded, Reason: "http 503"}},
		{504, "", failed(504)},
		{505, "", ok(505)},
		{507, "", failed(507)},
		{520, "", failed(520)},
		{599, "", failed(599)},
		{999, "", failed(999)},
	} {
		h := http.Header{}
		if test.after != "" {
			h.Set("Retry-After", test.after)
		}
		if got := ofResponse(&http.Response{StatusCode: test.status, Header: h}); got != test.want {
			t.Errorf("%d, Retry-After %q: got %+v, want %+v", test.status, test.after, got, test.want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	const date = "Sun, 06 Nov 1994 08:49:37 GMT"
	for _, test := range []struct {
		after, date string
		want        time.Duration
		ok          bool
	}{
		{"", date, 0, false},
		{"soon", date, 0, false},
		{"-1", date, 0, false},
		{"1.5", date, 0, false},
		{"0", "", 0, true},
		{"7", "", 7 * time.Second, true},
		{"300", "", 5 * time.Minute, true},
		{"301", "", 5 * time.Minute, true},
		{"18446744073709551615", "", 5 * time.Minute, true},
		{"18446744073709551616", "", 0, false},
		{"Sun, 06 Nov 1994 08:49:47 GMT", date, 10 * time.Second, true},
		{"Sunday, 06-Nov-94 08:49:47 GMT", date, 10 * time.Second, true},
		{"Sun, 06 Nov 1994 08:49:27 GMT", date, 0, true},
		{"Sun, 06 Nov 2094 08:49:37 GMT", date, 5 * time.Minute, true},
		{"Sun, 06 Nov 1994 08:49:47 GMT", "", 0, true},
		{"Sun, 06 Nov 1994 08:49:47 GMT", "today", 0, true},
	} {
		h := http.Header{"Retry-After": {test.after}, "Date": {test.date}}
		if got, ok := retryAfter(h); got != test.want || ok != test.ok {
			t.Errorf("Retry-After %q, Date %q: got %v, %v, want %v, %v", test.after, test.date, got, ok, test.want, test.ok)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("5", "")
	f.Add("Sun, 06 Nov 1994 08:49:47 GMT", "Sun, 06 Nov 1994 08:49:37 GMT")
	f.Fuzz(func(t *testing.T, after, date string) {
		got, ok := retryAfter(http.Header{"Retry-After": {after}, "Date": {date}})
		if got < 0 || got > mostRetryAfter || !ok && got != 0 {
			t.Errorf("Retry-After %q, Date %q: %v, %v", after, date, got, ok)
		}
	})
}

func TestOfError(t *testing.T) {
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	read := func(err error) error { return &net.OpError{Op: "read", Net: "tcp", Err: err} }
	system := func(errno syscall.Errno) error { return os.NewSyscallError("connect", errno) }
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		name  string
		ctx   context.Context
		err   error
		state sendState
		want  health.Outcome
	}{
		{"given up while dialing", canceled, dial(context.Canceled), stateUnsent, health.Outcome{Reason: "given up"}},
		{"given up later", canceled, context.Canceled, stateUnknown, health.Outcome{Reason: "given up"}},
		{"refused", nil, dial(system(syscall.ECONNREFUSED)), stateUnsent, health.Outcome{Kind: health.Refused, Reason: "connection refused"}},
		{"refused on a second try of net/http", nil, dial(system(syscall.ECONNREFUSED)), stateUnknown, health.Outcome{Kind: health.Refused, Reason: "connection refused"}},
		{"no host", nil, dial(system(syscall.EHOSTUNREACH)), stateUnsent, health.Outcome{Kind: health.Refused, Reason: "no route"}},
		{"no network", nil, dial(system(syscall.ENETUNREACH)), stateUnsent, health.Outcome{Kind: health.Refused, Reason: "no route"}},
		{"dial timeout", nil, dial(os.ErrDeadlineExceeded), stateUnsent, health.Outcome{Kind: health.Refused, Reason: "connect timeout"}},
		{"certificate", nil, &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, stateUnsent, health.Outcome{Kind: health.Refused, Reason: "certificate"}},
		{"no TLS", nil, tls.RecordHeaderError{Msg: "x"}, stateUnsent, health.Outcome{Kind: health.Refused, Reason: "tls"}},
		{"alert", nil, tls.AlertError(40), stateUnsent, health.Outcome{Kind: health.Refused, Reason: "tls"}},
		{"alert to what was sent", nil, tls.AlertError(40), stateUnknown, health.Outcome{Kind: health.Broken, Reason: "tls"}},
		{"garbled record", nil, tls.RecordHeaderError{Msg: "x"}, stateUnknown, health.Outcome{Kind: health.Broken, Reason: "tls"}},
		{"certificate, untraced", nil, &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, stateUnknown, health.Outcome{Kind: health.Refused, Reason: "certificate"}},
		{"no file descriptors", nil, dial(os.NewSyscallError("socket", syscall.EMFILE)), stateUnsent, health.Outcome{Reason: "no file descriptors"}},
		{"none on the whole machine", nil, dial(os.NewSyscallError("socket", syscall.ENFILE)), stateUnsent, health.Outcome{Reason: "no file descriptors"}},
		{"denied", nil, dial(fmt.Errorf("%w: x", ErrAddressDenied)), stateUnsent, health.Outcome{Kind: health.Refused, Reason: "address denied"}},
		{"unsent for another cause", nil, errors.New("x"), stateUnsent, health.Outcome{Kind: health.Refused, Reason: "no connection"}},
		{"reset before anything was written", nil, read(system(syscall.ECONNRESET)), stateUnsent, health.Outcome{Kind: health.Refused, Reason: "no connection"}},
		{"bad request", nil, errors.New("net/http: invalid header field"), stateRefused, health.Outcome{Reason: "request"}},
		{"reset", nil, read(system(syscall.ECONNRESET)), stateUnknown, health.Outcome{Kind: health.Broken, Reason: "reset"}},
		{"pipe", nil, read(system(syscall.EPIPE)), stateUnknown, health.Outcome{Kind: health.Broken, Reason: "reset"}},
		{"eof", nil, fmt.Errorf("x: %w", io.EOF), stateUnknown, health.Outcome{Kind: health.Broken, Reason: "eof"}},
		{"unexpected eof", nil, io.ErrUnexpectedEOF, stateUnknown, health.Outcome{Kind: health.Broken, Reason: "eof"}},
		{"header timeout", nil, read(os.ErrDeadlineExceeded), stateUnknown, health.Outcome{Kind: health.TimedOut, Reason: "timeout"}},
		{"anything else", nil, errors.New("malformed HTTP response"), stateUnknown, health.Outcome{Kind: health.Broken, Reason: "broken connection"}},
	} {
		ctx := test.ctx
		if ctx == nil {
			ctx = t.Context()
		}
		if got := ofError(ctx, test.err, test.state); got != test.want {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
}
