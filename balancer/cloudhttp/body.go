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
)

// body is the body of a response. The attempt it belongs to ends with it.
type body struct {
	io.ReadCloser
	of      *exchange
	bounded bool // the context has a deadline
	closing atomic.Bool
	ended   atomic.Bool
	watch   *stallWatch // nil: it may stop coming
}

// takeBody takes the body of resp over.
func (x *exchange) takeBody(resp *http.Response) io.ReadCloser {
	b := &x.body
	b.ReadCloser, b.of = resp.Body, x
	_, b.bounded = x.request.Context().Deadline()
	if w, ok := resp.Body.(io.Writer); ok && resp.StatusCode == http.StatusSwitchingProtocols {
		return b.upgraded(w)
	}
	if x.stallTimeout > 0 {
		b.watch = &stallWatch{after: x.stallTimeout, body: b, sending: x.lent.sent()}
	}
	return b
}

func (b *body) Read(p []byte) (int, error) {
	var began time.Time
	if b.bounded {
		began = time.Now()
	}
	if b.watch != nil {
		b.watch.begin()
	}
	n, err := b.ReadCloser.Read(p)
	if b.watch != nil && b.watch.end() && err != nil && err != io.EOF {
		err = &stallError{after: b.watch.after}
	}
	if err != nil {
		b.end(b.outcome(err, began))
		err = b.explain(b.of.request.Context(), err)
	}
	return n, err
}

func (b *body) Close() error {
	b.closing.Store(true)
	err := b.ReadCloser.Close()
	b.end(health.Outcome{})
	return err
}

// outcome says what a failed read means for the target.
func (b *body) outcome(err error, began time.Time) health.Outcome {
	if err == io.EOF {
		return health.Outcome{} // the end
	}
	var stalled *stallError
	ctx := b.of.request.Context()
	switch {
	case errors.As(err, &stalled):
		return health.Outcome{Kind: health.TimedOut, Reason: reasonStalled}
	case b.closing.Load():
		return health.Outcome{} // another goroutine closed it under the reader
	case errors.Is(ctx.Err(), context.DeadlineExceeded) && time.Since(began) >= b.of.attempt.Time(0):
		return health.Outcome{Kind: health.TimedOut, Reason: reasonStalled}
	case ctx.Err() != nil, isClosed(cancelOf(&b.of.request)):
		return health.Outcome{} // the caller left, or had too little time to tell
	case isTimeout(err):
		return health.Outcome{Kind: health.TimedOut, Reason: reasonTimeout}
	}
	return health.Outcome{Kind: health.Broken, Reason: brokenReason(err)}
}

// explain returns the error of a body that ended because its cloud was drained, which
// ended ctx, and any other as it is.
func (b *body) explain(ctx context.Context, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	var drained *balancer.DrainedError
	if errors.As(context.Cause(ctx), &drained) {
		return b.of.attempt.Broken(drained)
	}
	return err
}

// end releases the attempt, once.
func (b *body) end(rest health.Outcome) {
	if b.ended.CompareAndSwap(false, true) {
		b.of.attempt.Release(rest)
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
