package cloudhttp

import (
	"context"
	"net/http"
)

type idempotentKey struct{}

// WithIdempotent declares that the requests made with the context may be
// carried out twice, whatever their method: a search by POST, say. They are
// then tried again even when an attempt may have reached its target.
func WithIdempotent(ctx context.Context) context.Context {
	return context.WithValue(ctx, idempotentKey{}, true)
}

// idempotent reports whether the request may be carried out twice: its method
// says so (RFC 9110, section 9.2.2), or it has a key by which the server knows
// it again, or its context says so. net/http sees the same two headers that
// way.
func idempotent(req *http.Request) bool {
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	_, key := req.Header["Idempotency-Key"]
	_, xkey := req.Header["X-Idempotency-Key"]
	return key || xkey || req.Context().Value(idempotentKey{}) != nil
}
