package cloudgrpc

import (
	"context"
	"fmt"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"

	"github.com/fairlead-go/fairlead/balancer"
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
	token, err := p.token(ctx, a)
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
	c.route.mu.Lock()
	trusted := c.route.at.Trusted()
	c.route.mu.Unlock()
	if !trusted {
		return nil, nil
	}
	return c.PerRPCCredentials.GetRequestMetadata(ctx, uri...)
}
