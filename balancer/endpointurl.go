package balancer

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/fairlead-go/fairlead/internal/configfile"
)

// endpointURL is one configured endpoint, taken apart and brought into one
// form: two that mean the same are equal.
type endpointURL struct {
	scheme string     // "http", "https", "h2c" or "grpc"
	host   string     // an IP address without brackets or a DNS name in lower case; a final dot, which keeps resolvers from trying search domains, stays
	addr   netip.Addr // the host if it is an IP address, else invalid
	port   uint16     // never 0
	path   string     // put before the path of every request, escaped, without a final slash; "" if there is none

	target     string // what an adapter is to resolve, whole; then the rest but for the scheme is empty
	serverName string // what a certificate must name in place of the host, "" if that
}

// parseEndpoint reads an endpoint that speaks a protocol.
func parseEndpoint(raw string, p Protocol) (endpointURL, error) {
	if p == GRPC {
		return parseGRPC(raw)
	}
	return parseEndpointURL(raw)
}

// hostPort returns what to dial: host:port, with brackets where IPv6 needs
// them.
func (e endpointURL) hostPort() string {
	return net.JoinHostPort(e.host, strconv.Itoa(int(e.port)))
}

// String returns the endpoint in a form that can be read again.
func (e endpointURL) String() string {
	switch {
	case e.target != "":
		return e.target
	case e.scheme == grpcScheme:
		return e.hostPort()
	}
	return e.scheme + "://" + e.hostPort() + e.path
}

// parseEndpointURL reads an absolute URL of scheme http, https or h2c. Its error
// is a predicate whose subject is the endpoint: "must not have a query, …".
func parseEndpointURL(raw string) (endpointURL, error) {
	u, err := url.Parse(raw)
	switch {
	case strings.Contains(raw, "@") && (err != nil || u.User != nil || u.Host == ""):
		// The value is not repeated: it may hold a password.
		return endpointURL{}, errors.New("must not have a user name or password")
	case !hasHTTPScheme(raw) || err == nil && u.Host == "":
		return endpointURL{}, fmt.Errorf("must be an absolute URL such as http://10.1.0.11:8080, is %s", configfile.Quote(raw))
	case err != nil:
		return endpointURL{}, fmt.Errorf("must be an absolute URL such as http://10.1.0.11:8080: %s", parseProblem(err))
	case u.RawQuery != "" || u.ForceQuery:
		return endpointURL{}, fmt.Errorf("must not have a query, is %s", configfile.Quote(raw))
	case strings.Contains(raw, "#"):
		return endpointURL{}, fmt.Errorf("must not have a fragment, is %s", configfile.Quote(raw))
	}
	e := endpointURL{scheme: u.Scheme}
	if e.host, e.addr, err = parseHost(u.Hostname()); err != nil {
		return endpointURL{}, err
	}
	if e.port, err = parsePort(u); err != nil {
		return endpointURL{}, err
	}
	if e.path, err = parsePathPrefix(u, raw); err != nil {
		return endpointURL{}, err
	}
	return e, nil
}

func hasHTTPScheme(raw string) bool {
	scheme, _, ok := strings.Cut(raw, "://")
	return ok && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https") || strings.EqualFold(scheme, "h2c"))
}

// parseProblem returns what url.Parse found wrong without the URL, which the
// reader has before them, and without saying "parse" of a configuration file.
func parseProblem(err error) string {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return strings.TrimPrefix(err.Error(), "net/url: ")
}

// parseHost returns the host in its one form, and the address if it is one.
func parseHost(host string) (string, netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Zone() != "" {
			return "", netip.Addr{}, fmt.Errorf("must have a host without a zone, has %s", configfile.Quote(host))
		}
		addr = addr.Unmap()
		return addr.String(), addr, nil
	}
	host = strings.ToLower(host)
	if !isDNSName(host) {
		return "", netip.Addr{}, fmt.Errorf("must have an IP address or a DNS name as its host, has %s", configfile.Quote(host))
	}
	return host, netip.Addr{}, nil
}

// isDNSName reports whether host can be resolved (RFC 1035 lengths; '_' is
// allowed because clusters use it). A name whose last label is a number is
// none: it is an IP address gone wrong (WHATWG URL, "ends in a number").
func isDNSName(host string) bool {
	host = strings.TrimSuffix(host, ".")
	if host == "" || len(host) > 253 {
		return false
	}
	numeric := false
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		numeric = true
		for _, c := range []byte(label) {
			switch {
			case '0' <= c && c <= '9':
			case 'a' <= c && c <= 'z', c == '-', c == '_':
				numeric = false
			default:
				return false
			}
		}
	}
	return !numeric
}

func parsePort(u *url.URL) (uint16, error) {
	text := u.Port()
	if text == "" {
		if strings.HasSuffix(u.Host, ":") {
			return 0, fmt.Errorf("must have a port after the colon, is %s", configfile.Quote(u.String()))
		}
		if u.Scheme == "https" {
			return 443, nil
		}
		return 80, nil
	}
	return parsePortNumber(text)
}

func parsePortNumber(text string) (uint16, error) {
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return 0, fmt.Errorf("must have a port from 1 to 65535, has %s", text)
	}
	return uint16(port), nil
}

// parsePathPrefix returns the path without a final slash. A path with dot
// segments or doubled slashes is refused: servers disagree about what they
// mean.
func parsePathPrefix(u *url.URL, raw string) (string, error) {
	escaped := u.EscapedPath()
	prefix := strings.TrimSuffix(u.Path, "/")
	switch {
	case !strings.HasSuffix(raw, escaped):
		return "", fmt.Errorf("must have an escaped path such as %s, is %s", configfile.Quote(escaped), configfile.Quote(raw))
	case prefix == "":
		return "", nil // no path or just the root
	case path.Clean(prefix) != prefix || prefix == "/":
		return "", fmt.Errorf("must have a path without '.', '..' and '//', has %s", configfile.Quote(escaped))
	}
	return strings.TrimSuffix(escaped, "/"), nil
}
