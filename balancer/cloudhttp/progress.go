package cloudhttp

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
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

// progress watches how far an attempt gets. Goroutines of the transport report
// to it, also when the attempt is over.
type progress struct {
	hooks httptrace.ClientTrace
	asked atomic.Bool // for a connection
	wrote atomic.Bool // the header; perhaps not yet to the network
}

// trace returns a context whose requests report here.
func (p *progress) trace(ctx context.Context) context.Context {
	p.hooks.GetConn = func(string) { p.asked.Store(true) }
	p.hooks.WroteHeaders = func() { p.wrote.Store(true) }
	return httptrace.WithClientTrace(ctx, &p.hooks)
}

// state returns how far an attempt got with a base that failed it. One that
// doesn't report, because it isn't net/http's, may have sent anything.
func (p *progress) state(reports bool) sendState {
	switch {
	case p.wrote.Load():
		return stateUnknown
	case p.asked.Load():
		return stateUnsent
	case reports:
		return stateRefused
	}
	return stateUnknown
}

// ofConnection reports whether the error is one that connections have.
func ofConnection(err error) bool {
	var network net.Error
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		isTLS(err) || errors.As(err, &certificate)
}

// refused reports whether http.Transport finds fault with a request before it
// looks for a connection: whether another one, that can't connect, does.
func refused(req *http.Request) bool {
	again := req.WithContext(context.Background())
	again.Body, again.GetBody = nil, nil
	_, err := nowhere.RoundTrip(again)
	return !errors.Is(err, errNowhere)
}

var (
	errNowhere = errors.New("cloudhttp: no connection is made here")
	nowhere    = &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, errNowhere
	}}
)
