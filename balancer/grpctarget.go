package balancer

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"github.com/fairlead-go/fairlead/internal/configfile"
)

// grpcScheme is the scheme of endpoints that speak gRPC.
const grpcScheme = "grpc"

// targetScheme matches what makes an endpoint a target with a scheme: one that
// gRPC knows without "//", or any with it.
var targetScheme = regexp.MustCompile(`^(dns:|unix:|unix-abstract:|passthrough:|[a-zA-Z][a-zA-Z0-9+.-]*://)`)

// parseGRPC reads a gRPC endpoint: host:port, or a target such as
// dns:///host:port. A name that DNS is to be asked for becomes a host, whichever
// way it is written, and any other target stays what it is. The error is a
// predicate as that of parseEndpointURL.
func parseGRPC(raw string) (endpointURL, error) {
	e := endpointURL{scheme: grpcScheme}
	if strings.Contains(raw, "@") {
		return e, errors.New("must not have a user name or password") // the value may hold a password
	}
	hostPort := raw
	if targetScheme.MatchString(raw) {
		u, err := url.Parse(raw)
		switch {
		case err != nil:
			return e, fmt.Errorf("must be host:port or a target such as dns:///routing.example.com:443: %s", parseProblem(err))
		case hasHTTPScheme(raw):
			return e, fmt.Errorf("must be host:port or a target such as dns:///routing.example.com:443, is %s", configfile.Quote(raw))
		case u.Path == "" && u.Opaque == "" || u.Path == "/":
			return e, fmt.Errorf("must name something after the scheme, is %s", configfile.Quote(raw))
		case u.Scheme != "dns" || u.Host != "" || u.RawQuery != "" || u.Fragment != "":
			e.target = raw
			return e, nil
		}
		hostPort = strings.TrimPrefix(u.Path+u.Opaque, "/")
	}
	host, port, err := splitHostPort(hostPort)
	if err != nil {
		return e, err
	}
	if e.host, e.addr, err = parseHost(host); err != nil {
		return e, err
	}
	e.port = 443
	if port != "" {
		e.port, err = parsePortNumber(port)
	}
	return e, err
}

// splitHostPort splits host:port, where the port may be missing.
func splitHostPort(s string) (host, port string, err error) {
	bare := s
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		bare = s[1 : len(s)-1]
	}
	if addr, err := netip.ParseAddr(bare); err == nil {
		return addr.String(), "", nil
	}
	if !strings.Contains(s, ":") {
		return s, "", nil
	}
	host, port, err = net.SplitHostPort(s)
	switch {
	case err != nil:
		return "", "", fmt.Errorf("must be host:port, is %s", configfile.Quote(s))
	case port == "":
		return "", "", fmt.Errorf("must have a port after the colon, is %s", configfile.Quote(s))
	}
	return host, port, nil
}
