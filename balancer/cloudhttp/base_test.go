package cloudhttp

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"testing"

	"github.com/fairlead-go/fairlead/balancer"
)

// TestSharedConnections tells connections that carry many requests from those
// that carry one at a time.
func TestSharedConnections(t *testing.T) {
	plain := httptest.NewServer(say(""))
	defer plain.Close()
	one, many := httptest.NewUnstartedServer(say("")), httptest.NewUnstartedServer(say(""))
	one.StartTLS()
	defer one.Close()
	many.EnableHTTP2 = true
	many.StartTLS()
	defer many.Close()
	roots := x509.NewCertPool()
	roots.AddCert(one.Certificate())
	bases := bases{tls: func(string) *tls.Config { return &tls.Config{RootCAs: roots} }}
	defer bases.closeIdle()
	for _, test := range []struct {
		server string
		want   bool
	}{
		{plain.URL, false},
		{serveH2C(t, say("")), true},
		{one.URL, false},
		{many.URL, true},
	} {
		u := mustParse(t, test.server)
		e := &balancer.Endpoint{Scheme: u.Scheme, Address: u.Host, Name: "example.com"}
		base := bases.of("first", e)
		shared := false
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			GotConn: func(got httptrace.GotConnInfo) { shared = base.shares(got.Conn) },
		})
		req, err := http.NewRequestWithContext(ctx, "GET", schemeOf(e)+"://"+u.Host, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := base.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if shared != test.want || shared != (resp.ProtoMajor == 2) {
			t.Errorf("%s speaks %s: shared is %v", test.server, resp.Proto, shared)
		}
	}
}
