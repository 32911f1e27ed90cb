package cloudhttp

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
)

// atFault reports whether a request that http.Transport failed was refused
// before it looked for a connection, because there is something wrong with it.
// It is for attempts that aren't watched.
func atFault(req *http.Request, err error) bool { return !ofConnection(err) && refused(req) }

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
