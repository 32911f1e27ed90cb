package balancer

import (
	"net/netip"
	"strings"
	"testing"
)

func TestParseEndpointURL(t *testing.T) {
	for _, test := range []struct {
		raw  string
		want endpointURL
	}{
		{"http://10.1.0.11:8080", endpointURL{scheme: "http", host: "10.1.0.11", addr: netip.MustParseAddr("10.1.0.11"), port: 8080, path: ""}},
		{"http://10.1.0.11", endpointURL{scheme: "http", host: "10.1.0.11", addr: netip.MustParseAddr("10.1.0.11"), port: 80, path: ""}},
		{"https://Routing.Example.com/", endpointURL{scheme: "https", host: "routing.example.com", addr: netip.Addr{}, port: 443, path: ""}},
		{"HTTPS://example.com./a/b/", endpointURL{scheme: "https", host: "example.com.", addr: netip.Addr{}, port: 443, path: "/a/b"}},
		{"http://[2001:DB8:0::1]:9", endpointURL{scheme: "http", host: "2001:db8::1", addr: netip.MustParseAddr("2001:db8::1"), port: 9, path: ""}},
		{"http://[::ffff:10.0.0.1]", endpointURL{scheme: "http", host: "10.0.0.1", addr: netip.MustParseAddr("10.0.0.1"), port: 80, path: ""}},
		{"http://my_service:80/a%2Fb", endpointURL{scheme: "http", host: "my_service", addr: netip.Addr{}, port: 80, path: "/a%2Fb"}},
		{"h2c://Routing.example.com/a", endpointURL{scheme: "h2c", host: "routing.example.com", addr: netip.Addr{}, port: 80, path: "/a"}},
		{"http://localhost:8080/@home", endpointURL{scheme: "http", host: "localhost", addr: netip.Addr{}, port: 8080, path: "/@home"}},
	} {
		got, err := parseEndpointURL(test.raw)
		if err != nil || got != test.want {
			t.Errorf("%s: got %+v, %v; want %+v", test.raw, got, err, test.want)
		}
	}
}

func TestParseEndpointURLRefuses(t *testing.T) {
	for _, raw := range []string{
		"", " ", "http", "http:", "http://", "http:///v1", "//10.1.0.11", "10.1.0.11:8080", "localhost:8080", "localhost",
		"ftp://a", "h2://a", "unix:///run/a.sock", "http:10.1.0.11", "http://user@a", "http://:pass@a", "user:pass@a", "http://a?", "http://a?b",
		"http://a#", "http://a#b", "http://a:0", "http://a:65536", "http://a:-1", "http://a:", "http://a:x", "http://:80", "http://[::1",
		"http://::1", "http://[fe80::1%25eth0]", "http://1.2.3", "http://1.2.3.256", "http://1234", "http://0x7f.1.2.3.4", "http://a..b",
		"http://.a", "http://-a", "http://a-", "http://a b", "http://a/b c", "http://a/b\n", "http://a/ü", "http://a//", "http://a//b", "http://a/./b",
		"http://a/..", "http://a/b/../c", "http://a/%2e%2e/c", "http://*.a", "http://a,b", "http://ü.example",
		"http://" + strings.Repeat("a", 64), "http://" + strings.Repeat("a.", 127) + "a",
	} {
		if got, err := parseEndpointURL(raw); err == nil {
			t.Errorf("%q is accepted as %+v", raw, got)
		} else if !strings.HasPrefix(err.Error(), "must ") {
			t.Errorf("%q: the problem %q is not a predicate", raw, err)
		}
	}
}

func TestEndpointURLString(t *testing.T) {
	for raw, want := range map[string]string{
		"http://[::1]":        "http://[::1]:80",
		"HTTPS://A.example/b": "https://a.example:443/b",
	} {
		if got := canonical(raw); got != want {
			t.Errorf("%s: got %s, want %s", raw, got, want)
		}
	}
}

// The Host header has no port where it is the scheme's own.
func TestEndpointHost(t *testing.T) {
	for raw, want := range map[string]string{
		"http://a.example":        "a.example",
		"http://a.example:443":    "a.example:443",
		"https://a.example:443":   "a.example",
		"https://a.example.:8443": "a.example:8443",
		"h2c://a.example:80":      "a.example",
		"h2c://a.example:8080":    "a.example:8080",
	} {
		u, err := parseEndpointURL(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := u.endpoint(netip.MustParseAddr("192.0.2.1")).Host; got != want {
			t.Errorf("%s: got %s, want %s", raw, got, want)
		}
	}
}
