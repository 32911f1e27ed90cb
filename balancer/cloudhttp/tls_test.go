package cloudhttp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

// certify makes a certificate for a name, signed by itself, that is valid for
// so long.
func certify(t *testing.T, name string, valid time.Duration) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(valid),
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

// show makes the server have another certificate from now on.
func (s *secure) show(cert tls.Certificate) {
	s.other.Store(&tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2"}, SessionTicketsDisabled: true})
	s.CloseClientConnections()
}

// secure is a TLS server that knows its visitors.
type secure struct {
	url  string // by name
	cert tls.Certificate
	*httptest.Server
	other atomic.Pointer[tls.Config] // that new connections get to see; nil: cert

	mu      sync.Mutex
	names   map[string]int // asked for in handshakes
	hosts   map[string]int // asked for in requests
	remotes map[string]int
}

func newSecure(t *testing.T, name string) *secure {
	s := newSecureAt(t, name, nil)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	s.url = "https://" + name + ":" + u.Port()
	return s
}

// newSecureAt is newSecure for a listener of the caller's, who knows the URL.
func newSecureAt(t *testing.T, name string, at net.Listener) *secure {
	s := &secure{cert: certify(t, name, time.Hour), names: map[string]int{}, hosts: map[string]int{}, remotes: map[string]int{}}
	server := httptest.NewUnstartedServer(calls(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.hosts[r.Host]++
		s.remotes[r.RemoteAddr]++
		w.Header().Set("Proto", r.Proto)
	}))
	s.Server = server
	server.EnableHTTP2 = true
	server.Config.ErrorLog = quiet
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{s.cert},
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.names[hello.ServerName]++
			return s.other.Load(), nil
		},
	}
	if at != nil {
		server.Listener.Close()
		server.Listener = at
		// A pipe holds nothing: a server that sends a ticket and a client that
		// sends a request would wait for each other.
		server.TLS.SessionTicketsDisabled = true
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return s
}

// onLoopback resolves every name.
var onLoopback = balancer.WithResolver(func(context.Context, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
})

// trusting makes each cloud trust the certificates that its servers have, and
// no others.
func trusting(by map[string][]*secure) Option {
	return WithTLS(func(cloud string) *tls.Config {
		pool := x509.NewCertPool()
		for _, s := range by[cloud] {
			pool.AddCert(s.cert.Leaf)
		}
		return &tls.Config{RootCAs: pool}
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
	only := func(cloud string) balancer.Service {
		return balancer.Service{Clouds: map[string]balancer.ServiceCloud{cloud: {HTTP: []string{s.url}}}}
	}
	cfg.Services = map[string]balancer.Service{"routing-api": only("first"), "other": only("second")}
	e := newEnvWith(t, cfg, []balancer.Option{onLoopback}, trusting(map[string][]*secure{"first": {s}, "second": {other}}))
	if err := e.router.Ready(t.Context()); err != nil { // both names were looked up
		t.Fatal(err)
	}
	get := func(service string) error {
		resp, err := e.client.Get("http://" + service + "/")
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	if err := get("routing-api"); err != nil {
		t.Fatal(err)
	}
	e.expect(t, seen{"first", health.OK, "http 200"})
	if err := get("other"); err == nil {
		t.Error("a server was trusted that only another cloud trusts")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.outcomes) == 0 {
		t.Error("no attempt was made")
	}
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

// TestBadCertificate has a first cloud that gets another certificate while it
// is in use: one that has expired, or has a wrong name. The cloud is out, for
// that reason, and no call fails.
func TestBadCertificate(t *testing.T) {
	const name = "routing.example.com"
	for _, test := range []struct {
		fault string
		name  string
		valid time.Duration
		want  string // part of the error where there is no other cloud
	}{
		{"expired", name, -time.Hour, "expired"},
		{"wrong name", "other.example.com", time.Hour, "not " + name},
	} {
		t.Run(test.fault, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testBadCertificate(t, name, certify(t, test.name, test.valid), test.want) })
		})
	}
}

func testBadCertificate(t *testing.T, name string, cert tls.Certificate, want string) {
	lan := pipes{"127.0.0.1:1443": newPipe(), "127.0.0.1:2443": newPipe()}
	bad, good := newSecureAt(t, name, lan["127.0.0.1:1443"]), newSecureAt(t, name, lan["127.0.0.1:2443"])
	trust := WithTLS(func(string) *tls.Config {
		pool := x509.NewCertPool()
		for _, cert := range []*x509.Certificate{bad.cert.Leaf, good.cert.Leaf, cert.Leaf} {
			pool.AddCert(cert)
		}
		return &tls.Config{RootCAs: pool}
	})
	url := "https://" + name + ":1443"
	endpoints := []string{url + "/a", url + "/b", url + "/c", url + "/d"}
	cfg := config(endpoints, []string{"https://" + name + ":2443"})
	cfg.Clouds["first"], cfg.Clouds["second"] = balancer.Cloud{}, balancer.Cloud{}
	e := newEnvWith(t, cfg, []balancer.Option{onLoopback}, trust, WithBase(lan.base))
	if err := e.router.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := func() balancer.CloudStatus { return e.router.Status().Services[0].Clouds[0] }
	const badFrom, most = 500, 3000
	for i := 0; i <= badFrom || first().State != health.Down; i++ {
		if i == badFrom {
			bad.show(cert)
		}
		if i == most {
			t.Fatalf("%d calls later the first cloud is: %s", most-badFrom, first())
		}
		time.Sleep(2 * time.Millisecond)
		resp, err := e.client.Get("https://routing-api/")
		if err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
		resp.Body.Close()
	}
	if reason := first().Reason; !strings.Contains(reason, "certificate") {
		t.Errorf("the cloud is out because of: %s", reason)
	}

	e = newEnvWith(t, config(endpoints[:1], nil), []balancer.Option{onLoopback}, trust, WithBase(lan.base))
	_, err := e.client.Get("https://routing-api/")
	var verification *tls.CertificateVerificationError
	if !errors.As(err, &verification) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v", err)
	}
}

// TestTLSConfigIsItsOwn gives all clouds one config, which has a session cache
// and would speak an old version.
func TestTLSConfigIsItsOwn(t *testing.T) {
	shared := &tls.Config{MinVersion: tls.VersionTLS10, ServerName: "other", ClientSessionCache: tls.NewLRUClientSessionCache(0)}
	b := bases{tls: func(string) *tls.Config { return shared }}
	first := b.transport(baseKey{cloud: "first", name: "a.example.com"}).TLSClientConfig
	second := b.transport(baseKey{cloud: "second", name: "a.example.com"}).TLSClientConfig
	if first.ServerName != "a.example.com" || first.MinVersion != tls.VersionTLS12 || shared.ServerName != "other" {
		t.Errorf("the first cloud's name is %q, its version %x; the config's name became %q", first.ServerName, first.MinVersion, shared.ServerName)
	}
	if first.ClientSessionCache == second.ClientSessionCache || first.ClientSessionCache == shared.ClientSessionCache {
		t.Error("sessions are shared")
	}
	b.tls = func(string) *tls.Config { return nil }
	if c := b.transport(baseKey{}).TLSClientConfig; c.MinVersion != tls.VersionTLS12 || c.InsecureSkipVerify {
		t.Errorf("by default: %+v", c)
	}
}
