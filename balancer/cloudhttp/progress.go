package cloudhttp

import (
	"context"
	"net/http/httptrace"
	"sync/atomic"
)

// sendState is what is known about whether a failed request was sent.
type sendState int

const (
	stateUnknown sendState = iota // it may have been
	stateUnsent                   // there was no connection, or none to write to
	stateRefused                  // the transport found fault with the request
)

// progress watches how far a request gets. Goroutines of the transport report
// to it, also when the attempt is over.
type progress struct {
	hooks httptrace.ClientTrace
	asked atomic.Bool // for a connection
	got   atomic.Bool // one
	wrote atomic.Bool // the header; perhaps not yet to the network
}

// trace returns a context whose requests report here. Before anything is
// written to a connection, got is called with it, unless it is nil.
func (p *progress) trace(ctx context.Context, got func(httptrace.GotConnInfo)) context.Context {
	p.hooks.GetConn = func(string) { p.asked.Store(true) }
	p.hooks.GotConn = func(c httptrace.GotConnInfo) {
		p.got.Store(true)
		if got != nil {
			got(c)
		}
	}
	p.hooks.WroteHeaders = func() { p.wrote.Store(true) }
	return httptrace.WithClientTrace(ctx, &p.hooks)
}

// state returns how far a request got that the base failed.
func (p *progress) state(b *base) sendState {
	switch {
	case p.wrote.Load():
		return stateUnknown
	case p.asked.Load():
		return stateUnsent
	case b.plain && b.reports.Load():
		return stateRefused
	}
	return stateUnknown // another transport may have sent anything
}
