package cloudhttp

import "net/http"

// Option changes the behaviour of a [Transport].
type Option func(*Transport)

// WithBase says what carries the requests to a cloud. base is called for each
// cloud before the first request goes there, and again for each name that the
// TLS certificates of its endpoints must have. It gets the transport that
// would be used and returns the one to use, so it can
//   - change t and return it: certificates of a private authority, limits, a
//     proxy;
//   - wrap it, to sign, log or measure each attempt;
//   - return another, such as clouds in memory for tests (package
//     balancertest).
//
// It must not change t.TLSClientConfig.ServerName. What it returns gets
// requests whose URL has the endpoint's address, one for each attempt, and
// should honour [net/http/httptrace]: an error without a trace is taken for
// one after the request may have been sent, unless it is a [*net.OpError] of a
// dial. It is used by many goroutines.
func WithBase(base func(cloud string, t *http.Transport) http.RoundTripper) Option {
	return func(t *Transport) { t.bases.base = base }
}
