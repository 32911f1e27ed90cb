package cloudhttp

import "net/http"

// cancelOf returns the channel by which a request is canceled beside its
// context. [http.Client] makes one for its Timeout, and may close it before the
// context's deadline.
func cancelOf(req *http.Request) <-chan struct{} {
	return req.Cancel //lint:ignore SA1019 as long as http.Client uses it
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
