package cloudhttp

import (
	"context"
	"net/http/httptrace"
)

// A request that may not be carried out twice can be given up and sent
// elsewhere as long as nothing was written: while an endpoint doesn't answer a
// dial. When it has got its connection it claims the attempt, which from then on
// lasts as long as the call. A base that doesn't tell when that is could write
// at any time, so there the attempt is claimed at once.

// claim is called with the connection that the request has got. It may be
// called again: a transport whose connection turns out to be stale takes
// another.
func (x *exchange) claim(ctx context.Context, got httptrace.GotConnInfo) {
	if x.attempt.Sending() {
		return
	}
	// The attempt was cut at this very moment, and the call goes on elsewhere:
	// nothing may be written here any more. HTTP/2 looks at the context before it
	// writes. HTTP/1 does not, but nobody else uses its connection.
	if x.lent != nil {
		x.lent.recall()
	}
	<-ctx.Done() // at once
	if !x.base.shares(got.Conn) {
		got.Conn.Close()
	}
}

// claimEarly claims the attempt if the base won't say when it writes. It
// reports false if the attempt was cut before.
func (x *exchange) claimEarly() bool { return x.base.reports.Load() || x.attempt.Sending() }

// claimLate is called when the base has returned. If it said nothing although
// it usually does, as when it has another transport for some requests, then the
// request may have been sent, whether the attempt was cut or not.
func (x *exchange) claimLate(answered bool) {
	if !x.progress.asked.Load() && !x.attempt.Sending() {
		x.attempt.Final()
	}
	if answered {
		x.base.reports.Store(x.progress.got.Load()) // as do probes
	}
}
