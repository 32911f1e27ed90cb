package cloudhttp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

// certify makes a certificate for a name, signed by itself.
func certify(t *testing.T, name string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// secure is a TLS server that knows its visitors.
type secure struct {
	url  string // by name
	cert tls.Certificate

	mu      sync.Mutex
	names   map[string]int // asked for in handshakes
	hosts   map[string]int // asked for in requests
	remotes map[string]int
}

func newSecure(t *testing.T, name string) *secure {
	s := &secure{cert: certify(t, name), names: map[string]int{}, hosts: map[string]int{}, remotes: map[string]int{}}
	server := httptest.NewUnstartedServer(calls(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.hosts[r.Host]++
		s.remotes[r.RemoteAddr]++
		w.Header().Set("Proto", r.Proto)
	}))
	server.EnableHTTP2 = true
	server.Config.ErrorLog = quiet
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{s.cert},
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.names[hello.ServerName]++
			return nil, nil
		},
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	s.url = "https://" + name + ":" + u.Port()
	return s
}

// onLoopback resolves every name.
var onLoopback = balancer.WithResolver(func(context.Context, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
})

// trusting makes the base of each cloud trust the certificates that its
// servers have, and no others.
func trusting(by map[string][]*secure) Option {
	return WithBase(func(cloud string, base *http.Transport) http.RoundTripper {
		base.TLSClientConfig.RootCAs = x509.NewCertPool()
		for _, s := range by[cloud] {
			base.TLSClientConfig.RootCAs.AddCert(s.cert.Leaf)
		}
		return base
	})
}

// TestTLSName connects by address and still asks for the configured name, in
// the handshake and in the Host header; HTTP/2 is spoken.
func TestTLSName(t *testing.T) {
	for _, dot := range []string{"", "."} {
		s := newSecure(t, "routing.example.com")
		u, err := url.Parse(s.url)
		if err != nil {
			t.Fatal(err)
		}
		endpoint := "https://routing.example.com" + dot + ":" + u.Port()
		e := newEnvWith(t, config([]string{endpoint}, nil), []balancer.Option{onLoopback}, trusting(map[string][]*secure{"first": {s}}))
		resp, err := e.client.Get("https://routing-api/")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.ProtoMajor != 2 {
			t.Errorf("spoke %s", resp.Proto)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.names["routing.example.com"] == 0 || len(s.names) != 1 {
			t.Errorf("handshakes were for %v", s.names)
		}
		if s.hosts["routing.example.com:"+u.Port()] != 1 {
			t.Errorf("requests were for %v", s.hosts)
		}
	}
}

// TestCloudsShareNothing has two clouds with the same address and name. Each
// trusts a certificate of its own; the one that doesn't trust this server's
// must not get in on the other's connection.
func TestCloudsShareNothing(t *testing.T) {
	s, other := newSecure(t, "routing.example.com"), newSecure(t, "routing.example.com")
	cfg := config([]string{s.url}, []string{s.url})
	cfg.Health.Probe.Interval = 20 * time.Millisecond
	e := newEnvWith(t, cfg, []balancer.Option{onLoopback}, trusting(map[string][]*secure{"first": {s}, "second": {other}}))
	if err := e.router.Ready(t.Context()); err != nil { // both names were looked up
		t.Fatal(err)
	}
	get := func() error {
		resp, err := e.client.Get("http://routing-api/")
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	if err := get(); err != nil {
		t.Fatal(err)
	}
	e.expect(t, seen{"first", health.OK, "http 200"})
	if err := e.router.Drain("first"); err != nil {
		t.Fatal(err)
	}
	if err := get(); err == nil {
		t.Error("a server was trusted that only another cloud trusts")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, o := range e.outcomes {
		if (o != seen{"second", health.Refused, "certificate"}) {
			t.Errorf("outcome %v", o)
		}
	}
}

// TestNamesShareNothing has two names of one cloud at the same address. The
// server has a certificate for one of them only.
func TestNamesShareNothing(t *testing.T) {
	s := newSecure(t, "a.example.com")
	u, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	cfg := config([]string{s.url}, nil)
	cfg.Services["other"] = balancer.Service{Clouds: map[string]balancer.ServiceCloud{
		"first": {HTTP: []string{"https://b.example.com:" + u.Port()}},
	}}
	e := newEnvWith(t, cfg, []balancer.Option{onLoopback}, trusting(map[string][]*secure{"first": {s}}))
	resp, err := e.client.Get("http://routing-api/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp, err := e.client.Get("http://other/"); err == nil {
		resp.Body.Close()
		t.Error("the certificate of one name did for another")
	}
}
