package balancer

import (
	"net/netip"
	"testing"
)

func TestParseGRPC(t *testing.T) {
	ip := netip.MustParseAddr
	for raw, want := range map[string]endpointURL{
		"10.1.0.11:9090":                    {host: "10.1.0.11", addr: ip("10.1.0.11"), port: 9090},
		"10.1.0.11":                         {host: "10.1.0.11", addr: ip("10.1.0.11"), port: 443},
		"[2001:DB8::1]:9090":                {host: "2001:db8::1", addr: ip("2001:db8::1"), port: 9090},
		"2001:db8::1":                       {host: "2001:db8::1", addr: ip("2001:db8::1"), port: 443},
		"[2001:db8::1]":                     {host: "2001:db8::1", addr: ip("2001:db8::1"), port: 443},
		"Routing.example.com:9090":          {host: "routing.example.com", port: 9090},
		"routing":                           {host: "routing", port: 443},
		"dns:///routing.example.com:9090":   {host: "routing.example.com", port: 9090},
		"dns:///routing.example.com":        {host: "routing.example.com", port: 443},
		"dns:routing.example.com:9090":      {host: "routing.example.com", port: 9090},
		"dns:///10.1.0.11:9090":             {host: "10.1.0.11", addr: ip("10.1.0.11"), port: 9090},
		"dns://8.8.8.8/routing.example.com": {target: "dns://8.8.8.8/routing.example.com"},
		"unix:///run/a.sock":                {target: "unix:///run/a.sock"},
		"unix:a.sock":                       {target: "unix:a.sock"},
		"passthrough:///bufnet":             {target: "passthrough:///bufnet"},
		"xds:///routing":                    {target: "xds:///routing"},
	} {
		want.scheme = grpcScheme
		if got, err := parseGRPC(raw); err != nil || got != want {
			t.Errorf("%s: got %+v, %v; want %+v", raw, got, err, want)
		}
	}
}

func TestParseGRPCRefuses(t *testing.T) {
	for _, raw := range []string{
		"", " ", ":", ":9090", "a:", "a:0", "a:65536", "a:x", "a:1:2", "1.2.3:80", "a b:80", "-a:80", "[::1:80", "[fe80::1%25eth0]:80",
		"http://a", "https://a:443", "h2c://a", "dns://", "dns:///", "unix:", "unix:///", "xds://", "user@a:80", "dns:///u:p@a", "dns:///a/b",
		"passthrough:", "x\n://a/b",
	} {
		if got, err := parseGRPC(raw); err == nil {
			t.Errorf("%q was read as %+v", raw, got)
		}
	}
}
