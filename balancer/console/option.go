package console

import "net/http"

// Option changes a handler.
type Option func(*handler)

// WithAuthorizer asks before anything is served, for each request once, streams
// included. If allow returns an error the request gets 403, or 401 if the error is
// or wraps an [*Unauthenticated]. The error itself is not shown. Any number of
// goroutines may call allow at a time. Default: everybody may look.
func WithAuthorizer(allow func(*http.Request) error) Option {
	return func(h *handler) { h.allow = allow }
}

// Unauthenticated is the error of an authorizer that wants to know first who asks.
type Unauthenticated struct {
	// Challenge is sent as WWW-Authenticate: Basic realm="fairlead". It may be
	// empty.
	Challenge string
}

func (e *Unauthenticated) Error() string { return "not authenticated" }
