package cloudhttp

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

const (
	// What is left of an answer that nobody wants is read so that its
	// connection can be used again, if that is quick.
	drainBytes = 4 << 10
	drainTime  = 5 * time.Millisecond

	leastPatience = 100 * time.Millisecond // with the rest of an answer
)

// body is the body of a response. The attempt it belongs to ends with it.
type body struct {
	io.ReadCloser
	ctx      context.Context
	attempt  balancer.Attempt
	patience time.Duration // longer waits for more of it speak against the target
	closing  atomic.Bool
	ended    atomic.Bool
}

// newBody takes the body of resp over. headers is how long its header took.
func newBody(ctx context.Context, at balancer.Attempt, resp *http.Response, headers time.Duration) io.ReadCloser {
	b := &body{ReadCloser: resp.Body, ctx: ctx, attempt: at, patience: max(4*headers, leastPatience)}
	if w, ok := resp.Body.(io.Writer); ok && resp.StatusCode == http.StatusSwitchingProtocols {
		return &upgradedBody{b, w}
	}
	return b
}

// upgradedBody is the body of an answer that switched protocols: the
// connection itself, to be written to as well.
type upgradedBody struct {
	*body
	io.Writer
}

func (b *body) Read(p []byte) (int, error) {
	began := time.Now()
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.end(b.outcome(err, time.Since(began)))
	}
	return n, err
}

func (b *body) Close() error {
	b.closing.Store(true)
	err := b.ReadCloser.Close()
	b.end(health.Outcome{})
	return err
}

// outcome says what a failed read, which took a while, means for the target.
func (b *body) outcome(err error, took time.Duration) health.Outcome {
	switch {
	case err == io.EOF:
		return health.Outcome{} // the end
	case b.closing.Load():
		return health.Outcome{} // another goroutine closed it under the reader
	case errors.Is(b.ctx.Err(), context.DeadlineExceeded) && took >= b.patience:
		return health.Outcome{Kind: health.TimedOut, Reason: reasonStalled}
	case b.ctx.Err() != nil:
		return health.Outcome{} // the caller left, or had too little time to tell
	case isTimeout(err):
		return health.Outcome{Kind: health.TimedOut, Reason: reasonTimeout}
	}
	return health.Outcome{Kind: health.Broken, Reason: brokenReason(err)}
}

// end releases the attempt, once.
func (b *body) end(rest health.Outcome) {
	if b.ended.CompareAndSwap(false, true) {
		b.attempt.Release(rest)
	}
}

// discard releases a response that is not the call's result.
func discard(resp *http.Response) {
	b, ok := resp.Body.(*body)
	if !ok {
		resp.Body.Close() // it holds nothing, or is a connection
		return
	}
	timer := time.AfterFunc(drainTime, func() { b.Close() })
	defer timer.Stop()
	// Not through b: what becomes of the rest says nothing new of the target.
	io.CopyN(io.Discard, b.ReadCloser, drainBytes)
	b.Close()
}
