package cloudhttp

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// upgradedBody is the body of an answer that switched protocols: the
// connection itself, to be written to as well. Nothing but its users and a drain of
// its cloud ends it: net/http doesn't look at the request's context any more.
type upgradedBody struct {
	*body
	to      io.Writer
	ctx     context.Context // ends when the cloud was drained
	forget  context.CancelFunc
	unwatch func() bool
}

// upgraded takes over that the body is a connection.
func (b *body) upgraded(to io.Writer) *upgradedBody {
	u := &upgradedBody{body: b, to: to}
	u.ctx, u.forget = b.of.attempt.Outlast()
	u.unwatch = context.AfterFunc(u.ctx, u.cut)
	return u
}

// cut closes the connection under its users. Over TLS that may take seconds.
func (u *upgradedBody) cut() {
	u.closing.Store(true) // what they see of it is no failure of the cloud
	u.ReadCloser.Close()
	u.forget()
}

func (u *upgradedBody) Read(p []byte) (int, error) {
	n, err := u.body.Read(p)
	return n, u.explain(u.ctx, err)
}

func (u *upgradedBody) Write(p []byte) (int, error) {
	n, err := u.to.Write(p)
	return n, u.explain(u.ctx, err)
}

// Close is what a drain waits for. When the other side has nothing more to say, which
// ends the attempt, there may still be something to say to it.
func (u *upgradedBody) Close() error {
	if u.unwatch() {
		u.forget()
	}
	return u.body.Close()
}

// CloseWrite says to the other side that nothing more comes, where the connection can
// be closed by half. A reverse proxy that doesn't find it closes the connection, and
// what is still to come is lost.
func (u *upgradedBody) CloseWrite() error {
	if half, ok := u.ReadCloser.(interface{ CloseWrite() error }); ok {
		return u.explain(u.ctx, half.CloseWrite())
	}
	return fmt.Errorf("cloudhttp: CloseWrite: %w", http.ErrNotSupported)
}
