package cloudgrpc

import (
	"context"
	"fmt"
	"net"
	"slices"

	"google.golang.org/grpc"
	grpcbalancer "google.golang.org/grpc/balancer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

// cloudCredentials are the transport credentials of several clouds in one.
type cloudCredentials struct {
	of func(cloud string) credentials.TransportCredentials
}

// ClientHandshake shakes hands as the cloud of the address wants it.
func (c cloudCredentials) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	place, _ := credentials.ClientHandshakeInfoFromContext(ctx).Attributes.Value(placeKey{}).(balancer.Place)
	of := c.of(place.Cloud)
	if of == nil {
		return nil, nil, fmt.Errorf("there are no transport credentials for cloud %q", place.Cloud)
	}
	return of.ClientHandshake(ctx, authority, conn)
}

// ServerHandshake fails: these credentials are a client's.
func (cloudCredentials) ServerHandshake(net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, fmt.Errorf("credentials of clouds are for clients")
}

// Info says TLS, so that tokens may be sent. Whether a connection is secure
// enough for them is checked again for each connection.
func (cloudCredentials) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}

func (c cloudCredentials) Clone() credentials.TransportCredentials { return c }

// OverrideServerName does nothing: names are those of the endpoints.
func (cloudCredentials) OverrideServerName(string) error { return nil }

// credentials returns the metadata that goes to the attempt's cloud alone: the
// token of the hook, and the caller's secrets if the cloud is trusted with them.
func (p *picker) credentials(ctx context.Context, a balancer.Attempt, rt *route) (metadata.MD, error) {
	var md metadata.MD
	if rt != nil && len(rt.secrets) > 0 && a.Trusted() {
		md = rt.secrets
	}
	if p.token == nil {
		return md, nil
	}
	// What the hook calls has nothing to do with this attempt.
	token, err := p.token(context.WithValue(ctx, routeKey{}, (*route)(nil)), a)
	if err != nil {
		return nil, fmt.Errorf("no token for %s: %w", a.Cloud(), err)
	}
	return metadata.Join(md, metadata.New(token)), nil
}

// guard keeps the credentials among a call's options from clouds that aren't
// trusted with them.
func (rt *route) guard(opts []grpc.CallOption) []grpc.CallOption {
	guarded := make([]grpc.CallOption, len(opts))
	for i, o := range opts {
		if c, ok := o.(grpc.PerRPCCredsCallOption); ok && c.Creds != nil {
			o = grpc.PerRPCCredentials(&trustedCredentials{c.Creds, rt})
		}
		guarded[i] = o
	}
	return guarded
}

// trustedCredentials are those of a call for trusted clouds, and none for others.
type trustedCredentials struct {
	credentials.PerRPCCredentials
	route *route
}

// GetRequestMetadata is called once the connection is chosen.
func (c *trustedCredentials) GetRequestMetadata(ctx context.Context, uri ...string) (map[string]string, error) {
	if !c.route.attempt().Trusted() {
		return nil, nil
	}
	return c.PerRPCCredentials.GetRequestMetadata(ctx, uri...)
}

// trusted makes sure that an attempt of a call without interceptors, whose
// metadata can't be changed, goes where its secrets may be seen.
func (p *picker) trusted(ctx context.Context, a *balancer.Attempt, c *child) (*child, error) {
	if a.Trusted() || !holdsSecrets(ctx, *a) {
		return c, nil
	}
	p.blocked.Store(true)
	var waits, ok bool
	for left := []string{}; !a.Trusted(); {
		left = append(left, a.Cloud())
		elsewhere := func(usable func(*balancer.Endpoint) bool) func(*balancer.Endpoint) bool {
			return func(e *balancer.Endpoint) bool {
				return usable(e) && !slices.Contains(left, p.policy().child(e).place.Cloud)
			}
		}
		if *a, ok = a.Move(health.Outcome{}, nil, elsewhere(p.isReady)); ok {
			continue
		}
		if *a, ok = a.Move(health.Outcome{}, nil, elsewhere(p.isComing)); !ok {
			return c, status.Errorf(codes.PermissionDenied, "the call holds secrets, and cloud %s isn't trusted with them", a.Cloud())
		}
		waits = true
	}
	if waits {
		return c, grpcbalancer.ErrNoSubConnAvailable
	}
	return p.policy().child(a.Endpoint()), nil
}

func holdsSecrets(ctx context.Context, a balancer.Attempt) bool {
	md, _ := metadata.FromOutgoingContext(ctx)
	for key := range md {
		if a.Sensitive(key) {
			return true
		}
	}
	return false
}
