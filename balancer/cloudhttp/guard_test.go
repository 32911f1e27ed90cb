package cloudhttp

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"testing"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

func TestGuard(t *testing.T) {
	for _, test := range []struct {
		address             string
		allowed, onLoopback bool // without and with denyLoopback
	}{
		{"10.1.0.11:80", true, true},
		{"203.0.113.1:443", true, true},
		{"[2001:db8::1]:443", true, true},
		{"[fd00::1]:443", true, true},
		{"[fd00:ec2::1]:443", true, true},
		{"100.100.100.201:443", true, true},
		{"127.0.0.1:80", true, false},
		{"127.8.8.8:80", true, false},
		{"[::1]:80", true, false},
		{"[::ffff:127.0.0.1]:80", true, false},
		{"169.254.169.254:80", false, false},
		{"[::ffff:169.254.169.254]:80", false, false},
		{"[fe80::1%eth0]:80", false, false},
		{"[fd00:ec2::254]:80", false, false},
		{"[fd00:ec2::254%eth0]:80", false, false},
		{"[fd00:ec2::23]:80", false, false},
		{"[fd20:ce::254]:80", false, false},
		{"[fd00:c1::a9fe:a9fe]:80", false, false},
		{"100.100.100.200:80", false, false},
		{"[::ffff:100.100.100.200]:80", false, false},
		{"0.0.0.0:80", false, false},
		{"[::ffff:0.0.0.0]:80", false, false},
		{"[::]:80", false, false},
		{"224.0.0.1:80", false, false},
		{"[ff02::1]:80", false, false},
		{"255.255.255.255:80", false, false},
		{"example.com:80", false, false}, // isn't resolved
	} {
		for deny, want := range map[bool]bool{false: test.allowed, true: test.onLoopback} {
			err := guard{denyLoopback: deny}.control("tcp", test.address, nil)
			if (err == nil) != want || err != nil && !errors.Is(err, ErrAddressDenied) {
				t.Errorf("%s, denyLoopback %v: %v", test.address, deny, err)
			}
		}
	}
}

// TestResolvedAddressIsGuarded has a name that leads to where a cloud keeps the
// credentials of its machines, and one that leads to loopback.
func TestResolvedAddressIsGuarded(t *testing.T) {
	addresses := map[string]string{"metadata.example": "169.254.169.254", "local.example": "127.0.0.1"}
	resolver := balancer.WithResolver(func(_ context.Context, host string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr(addresses[host])}, nil
	})
	for host := range addresses {
		e := newEnvWith(t, config([]string{"http://" + host}, []string{"http://" + host}), []balancer.Option{resolver}, DenyLoopback())
		if _, err := e.client.Get("http://routing-api/"); !errors.Is(err, ErrAddressDenied) {
			t.Errorf("%s: got %v", host, err)
		}
		e.mu.Lock()
		for _, o := range e.outcomes {
			if o.kind != health.Refused || o.reason != "address denied" {
				t.Errorf("%s: outcome %v", host, o)
			}
		}
		if len(e.outcomes) < 2 {
			t.Errorf("%s: outcomes %v", host, e.outcomes)
		}
		e.mu.Unlock()
	}
}

// TestRedirectIsGuarded follows a redirect to such an address.
func TestRedirectIsGuarded(t *testing.T) {
	e := newEnv(t, config([]string{serve(t, calls(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusFound)
	}))}, nil))
	if _, err := e.client.Get("http://routing-api/"); !errors.Is(err, ErrAddressDenied) {
		t.Errorf("got %v", err)
	}
}

// TestProxyIsChosen takes no proxy from the environment, but one that WithBase
// sets.
func TestProxyIsChosen(t *testing.T) {
	proxy := serve(t, say("proxy"))
	t.Setenv("HTTP_PROXY", proxy)
	t.Setenv("http_proxy", proxy)
	t.Setenv("NO_PROXY", "")
	server := serve(t, say("server"))
	e := newEnv(t, config([]string{server}, nil))
	if transport, ok := e.transport.bases.other().RoundTripper.(*http.Transport); !ok || transport.Proxy != nil {
		t.Error("a proxy is asked for")
	}
	if _, body := e.get(t, "http://routing-api/"); body != "server" {
		t.Errorf("got %q", body)
	}
	e = newEnv(t, config([]string{server}, nil), WithBase(func(_ string, base *http.Transport) http.RoundTripper {
		base.Proxy = http.ProxyURL(mustParse(t, proxy))
		return base
	}))
	if _, body := e.get(t, "http://routing-api/"); body != "proxy" {
		t.Errorf("got %q", body)
	}
}
