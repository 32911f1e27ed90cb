package cloudhttp

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

// trip is one call: what its attempts share. With the first of them it is
// allocated as one, which is all that most calls need.
type trip struct {
	*Transport
	req    *http.Request // the caller's
	away   bool          // a redirect took it here from another host
	unsafe bool          // what is sent may not be sent twice
	first  exchange

	// mu is held while an attempt is prepared. A hedge may be about to read the
	// caller's request when another attempt has been answered, and then the request
	// is the caller's again.
	mu      sync.Mutex
	over    bool
	payload payload
}

// try makes an attempt.
func (r *trip) try(ctx context.Context, at balancer.Attempt) (*http.Response, health.Outcome, error) {
	x := &r.first
	if at.Number() > 1 {
		x = new(exchange)
	}
	x.trip, x.attempt = r, at
	if r.unsafe {
		x.progress = new(progress)
	}
	return x.send(ctx)
}

// end gives the request back to the caller.
func (r *trip) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	r.payload.release()
}

// exchange is one attempt: a request to an endpoint, and the answer until its
// body ends.
type exchange struct {
	*trip
	attempt balancer.Attempt
	base    *base
	lent    *loan // the body; nil if there is none
	// progress matters where a request that was sent may not be repeated. Nil
	// where it may: then the error says enough.
	progress *progress

	request http.Request
	owned   bool // its header isn't the caller's
	url     url.URL
	told    *told // nil if its server was told nothing
	body    body
}

// send sends the request to the attempt's endpoint.
func (x *exchange) send(ctx context.Context) (*http.Response, health.Outcome, error) {
	x.base = x.bases.of(x.attempt.Cloud(), x.attempt.Endpoint())
	inner := ctx
	if x.progress != nil {
		inner = x.progress.trace(ctx, func(got httptrace.GotConnInfo) { x.claim(ctx, got) })
	}
	if err := x.prepare(inner); err != nil {
		return x.unsent(health.Outcome{Reason: reasonRequest}, err)
	}
	if err := x.tell(ctx); err != nil {
		return x.unsent(health.Outcome{Reason: reasonGivenUp}, err)
	}
	if x.sign != nil {
		if err := x.sign(x.attempt, &x.request); err != nil {
			return x.unsent(unsigned(ctx), err)
		}
	}
	if x.progress != nil && !x.claimEarly() {
		return x.unsent(health.Outcome{Reason: reasonGivenUp}, context.Cause(ctx))
	}
	resp, err := x.base.RoundTrip(&x.request)
	if resp == nil && err == nil {
		err = errors.New("cloudhttp: the base transport returned neither a response nor an error")
	}
	if x.progress != nil {
		x.claimLate(err == nil)
	}
	if x.payload.spent() {
		x.attempt.Final()
	}
	state := stateUnknown
	if err != nil {
		if state = x.state(err); state != stateUnknown {
			x.attempt.Unsent()
		}
	}
	switch {
	case err != nil && x.lent.failed():
		return nil, health.Outcome{Reason: reasonRequest}, err
	case err != nil && isClosed(cancelOf(x.req)):
		return nil, health.Outcome{Reason: reasonGivenUp}, err
	case err != nil:
		return nil, ofError(ctx, err, state), err
	}
	if load, ok := loadOf(resp.Header); ok {
		x.attempt.Report(load)
	}
	if !x.attempt.Trusted() {
		resp.Header.Del("Set-Cookie") // the next request would take it to another cloud
	}
	switch resp.Body {
	case nil:
		resp.Body = http.NoBody
	case http.NoBody:
	default:
		x.attempt.Keep()
		resp.Body = x.takeBody(resp)
	}
	return resp, x.inTime(ofResponse(resp)), nil
}

// state says what is known about whether the request was sent.
func (x *exchange) state(err error) sendState {
	switch {
	case x.progress != nil:
		return x.progress.state(x.base)
	case x.base.plain && atFault(&x.request, err):
		return stateRefused
	}
	return stateUnknown
}

// unsent is the end of an attempt that didn't come to its base.
func (x *exchange) unsent(o health.Outcome, err error) (*http.Response, health.Outcome, error) {
	if x.request.Body != nil {
		x.request.Body.Close()
	}
	x.attempt.Unsent()
	return nil, o, err
}

// unsigned is the outcome of an attempt that the hook of WithSign prevented.
// Nothing was sent, so another cloud may be tried.
func unsigned(ctx context.Context) health.Outcome {
	if ctx.Err() != nil {
		return health.Outcome{Reason: reasonGivenUp}
	}
	return health.Outcome{Kind: health.Refused, Reason: reasonUnsigned}
}
