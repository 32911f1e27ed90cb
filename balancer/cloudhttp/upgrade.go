package cloudhttp

import (
	"fmt"
	"io"
	"net/http"
)

// upgradedBody is the body of an answer that switched protocols: the
// connection itself, to be written to as well.
type upgradedBody struct {
	*body
	io.Writer
}

// CloseWrite says to the other side that nothing more comes, where the connection can
// be closed by half. A reverse proxy that doesn't find it closes the connection, and
// what is still to come is lost.
func (u *upgradedBody) CloseWrite() error {
	if half, ok := u.ReadCloser.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return fmt.Errorf("cloudhttp: CloseWrite: %w", http.ErrNotSupported)
}
