package cloudhttp

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/fairlead-go/fairlead/balancer"
)

// elsewhere sends a request to a host that is no service. It is sent as it is
// unless a redirect took it there from another host.
func (t *Transport) elsewhere(req *http.Request, away bool) (*http.Response, error) {
	out := req
	if away {
		out = req.Clone(req.Context())
		out.Body, out.GetBody, out.Trailer = req.Body, req.GetBody, req.Trailer
		withhold(out, t.router.Sensitive)
	}
	resp, err := t.bases.other().RoundTrip(out)
	if err != nil {
		return nil, t.noSuchHost(req, err)
	}
	resp.Request = req
	return resp, nil
}

// noSuchHost adds to the error of a host that nobody knows that it is no
// service either: more often than not its name is misspelt.
func (t *Transport) noSuchHost(req *http.Request, err error) error {
	var lookup *net.DNSError
	if !errors.As(err, &lookup) || !lookup.IsNotFound {
		return err
	}
	unknown := &balancer.UnknownServiceError{Service: strings.ToLower(req.URL.Hostname())}
	for _, s := range t.router.Status().Services {
		unknown.Known = append(unknown.Known, s.Name)
	}
	return fmt.Errorf("%w; as a host: %w", unknown, err)
}
