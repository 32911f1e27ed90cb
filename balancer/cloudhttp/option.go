package cloudhttp

import (
	"crypto/tls"
	"net/http"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
)

// Option changes the behaviour of a [Transport].
type Option func(*Transport)

// WithBase says what carries the requests to a cloud. base is called for each
// cloud before the first request goes there, and again for each name that the
// TLS certificates of its endpoints must have and for h2c. With "" for the cloud
// it is asked for what carries requests to hosts that are no service. It gets
// the transport that would be used and returns the one to use, so it can
//   - change t and return it: limits, timeouts, a proxy
//     (t.Proxy = http.ProxyFromEnvironment), a dialer of its own;
//   - wrap it, to log or measure each attempt;
//   - return another, such as clouds in memory for tests (package
//     balancertest).
//
// It must not change t.TLSClientConfig.ServerName. What it returns gets
// requests whose URL has the endpoint's address, one for each attempt, which it
// leaves as they are, as any RoundTripper does: to change them is for [WithSign].
// It is used by many goroutines.
//
// It should honour [net/http/httptrace], as whatever wraps t does: an error
// without a trace is taken for one after the request may have been sent, unless
// it is a [*net.OpError] of a dial. If it calls GotConn, it must do so before it
// writes anything, and go on only when the hook returns. A base that did so for
// its last answer, probes included, is taken to do so always: then a POST that
// waits for a connection can go to another cloud.
func WithBase(base func(cloud string, t *http.Transport) http.RoundTripper) Option {
	return func(t *Transport) { t.bases.base = base }
}

// WithTLS says how each cloud is spoken to over TLS: whose certificates are
// trusted, and which one to show. config is called as that of [WithBase] is; nil
// stands for the defaults. Its result is copied. ServerName is set to the
// endpoint's name, no session is shared between clouds, and versions below 1.2
// are not spoken, whatever it says.
func WithTLS(config func(cloud string) *tls.Config) Option {
	return func(t *Transport) { t.bases.tls = config }
}

// WithSign calls sign with each outgoing attempt, when cloud and endpoint have
// been chosen, so that it can attach what is meant for this cloud alone:
// credentials, a signature. The request is the attempt's own: its header and its
// URL may be changed, and what is put there never travels to another cloud. Its
// Body must be left alone; GetBody, unless nil, returns a copy to hash.
//
// If sign fails, nothing was sent, and another cloud is tried. sign should
// respect req.Context(). It is called by many goroutines. Probes are not signed.
func WithSign(sign func(at balancer.Attempt, req *http.Request) error) Option {
	return func(t *Transport) { t.sign = sign }
}

// WithStallTimeout gives an answer up when nothing more of its body has come
// for that long while somebody was reading it, and the caller's body wasn't
// being sent either. Without it only the time of the call ends such an answer:
// its context's or its tier's. Connections that switched protocols may be silent
// for as long as they like.
func WithStallTimeout(d time.Duration) Option {
	return func(t *Transport) { t.stallTimeout = d }
}

// Strict refuses requests to hosts that are no service, with a
// [*balancer.UnknownServiceError].
func Strict() Option {
	return func(t *Transport) { t.strict = true }
}

// DenyLoopback refuses to connect to this machine's own addresses. It is meant
// for clients whose config comes over the network: whoever can write it could
// otherwise have requests sent to services that listen on loopback because
// nobody else should reach them.
func DenyLoopback() Option {
	return func(t *Transport) { t.bases.denyLoopback = true }
}
