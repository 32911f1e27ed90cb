package cloudgrpc

import (
	"context"
	"net/url"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/resolver"

	"github.com/fairlead-go/fairlead/balancer"
)

// NewClient returns a ClientConn for a service of the router. It is
// [grpc.NewClient] with the target fairlead:///service and [DialOptions]; opts
// may be gRPC's and this package's. Interceptors among them see each call once,
// however many attempts it takes. The ClientConn should be closed before the
// router, and may be closed after it.
func NewClient(router *balancer.Router, service string, opts ...grpc.DialOption) (*grpc.ClientConn, error) {
	var own []Option
	var others []grpc.DialOption
	for _, o := range opts {
		if mine, ok := o.(Option); ok {
			own = append(own, mine)
		} else {
			others = append(others, o)
		}
	}
	d := newDialed(router, own)
	all := append(d.base(), others...)
	return grpc.NewClient(Scheme+":///"+service, append(all, d.final()...)...)
}

// DialOptions returns what [grpc.NewClient] needs to reach the router's services
// by targets such as fairlead:///routing-api: the resolver, the policy and the
// interceptors that make calls. Several ClientConns may share them.
//
// An interceptor that is chained after them sees each attempt, one before them
// each call. A default service config after them replaces theirs and must name
// [PolicyName]: see [WithServiceConfig].
func DialOptions(router *balancer.Router, opts ...Option) []grpc.DialOption {
	d := newDialed(router, opts)
	return append(d.base(), d.final()...)
}

// ResolverBuilder returns the resolver of the scheme fairlead for
// [grpc.WithResolvers], without the interceptors of [DialOptions]: then each
// attempt is one of gRPC's own, and what a call was to its caller isn't counted:
// see [balancer.Router.Count]. There is no attempt at another cloud but by a
// retry policy, nor a tier's deadline, servers aren't told the class of a call, and
// gRPC's retries choose their place as if they were calls of their own. Metadata that holds secrets keeps a call in
// trusted clouds, but call credentials can't be seen here: use it only where all
// clouds of a service are of one trust group. The service config is that of
// [WithServiceConfig]; a default one isn't used.
func ResolverBuilder(router *balancer.Router, opts ...Option) grpc.DialOption {
	d := newDialed(router, opts)
	d.alone = true
	return grpc.WithResolvers(d.resolver())
}

// Option is an option of this package. It may stand among those of gRPC in
// [NewClient].
type Option struct {
	grpc.EmptyDialOption
	set func(*settings)
}

// settings are what options set.
type settings struct {
	transport  func(cloud string) credentials.TransportCredentials
	token      func(context.Context, balancer.Attempt) (map[string]string, error)
	idempotent func(method string) bool
	healthName func(service string) string
	config     string
	alone      bool // there are no interceptors, nor a default service config of ours
	loadEvery  time.Duration
}

// health is the name that a service's health is asked for by.
func (s *settings) health(service string) string {
	if s.healthName == nil {
		return ""
	}
	return s.healthName(service)
}

// WithTransportCredentials gives the connections to each cloud credentials of
// their own. of is called for each handshake, by any goroutine; with nil the
// connection fails. It replaces [grpc.WithTransportCredentials].
func WithTransportCredentials(of func(cloud string) credentials.TransportCredentials) Option {
	return Option{set: func(s *settings) { s.transport = of }}
}

// WithToken attaches metadata, such as an authorization, to each attempt. What
// token returns goes to the attempt's cloud alone. It is called once the
// connection is chosen, in the goroutine of the call; its error ends the attempt
// with UNAUTHENTICATED. It is sent over whatever connection there is, also one that
// isn't encrypted. Credentials of [grpc.WithPerRPCCredentials] would go to
// every cloud.
func WithToken(token func(ctx context.Context, at balancer.Attempt) (map[string]string, error)) Option {
	return Option{set: func(s *settings) { s.token = token }}
}

// WithIdempotentMethods declares methods, as /package.Service/Method, whose calls
// may be carried out twice: see [WithIdempotent].
func WithIdempotentMethods(is func(method string) bool) Option {
	return Option{set: func(s *settings) { s.idempotent = is }}
}

// WithHealthName gives the name by which the health of a service is asked for.
// Default: the empty name, which means the server as a whole.
func WithHealthName(of func(service string) string) Option {
	return Option{set: func(s *settings) { s.healthName = of }}
}

// WithLoadReports asks every server for its load, out of band, by a stream of
// gRFC A51. every is at least how often a report is wanted. Reports that come
// with answers are read in any case.
func WithLoadReports(every time.Duration) Option {
	return Option{set: func(s *settings) { s.loadEvery = every }}
}

// WithServiceConfig sets the default service config, such as one with a
// methodConfig. A loadBalancingConfig in it is replaced by the policy of this
// package. [grpc.WithDefaultServiceConfig] does the same if its config names
// [PolicyName]; else what it says is lost.
func WithServiceConfig(json string) Option {
	return Option{set: func(s *settings) { s.config = json }}
}

// dialed is what the options of one dial have in common.
type dialed struct {
	*settings
	hub *hub
}

func newDialed(router *balancer.Router, opts []Option) *dialed {
	d := &dialed{settings: &settings{}, hub: attach(router)}
	for _, o := range opts {
		o.set(d.settings)
	}
	return d
}

func (d *dialed) resolver() *resolverBuilder {
	return &resolverBuilder{hub: d.hub, settings: d.settings}
}

// base are the options that others may overrule.
func (d *dialed) base() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithResolvers(d.resolver()),
		grpc.WithDefaultServiceConfig(withPolicy(d.config)),
		grpc.WithNoProxy(), // the addresses are those that the config names
		grpc.WithContextDialer(dial),
	}
}

// final are the options that overrule others, or come closest to the wire.
func (d *dialed) final() []grpc.DialOption {
	opts := []grpc.DialOption{grpc.WithChainUnaryInterceptor(d.unary), grpc.WithChainStreamInterceptor(d.stream)}
	if d.transport != nil {
		opts = append(opts, grpc.WithTransportCredentials(cloudCredentials{d.transport}))
	}
	return opts
}

// serviceOf returns the service that a ClientConn is for, as the resolver finds
// it in the target, however that is written.
func serviceOf(cc *grpc.ClientConn) (string, bool) {
	if service, ok := strings.CutPrefix(cc.Target(), Scheme+":///"); ok && !strings.ContainsAny(service, "?#%") {
		return service, true
	}
	u, err := url.Parse(cc.CanonicalTarget())
	if err != nil || u.Scheme != Scheme {
		return "", false
	}
	return resolver.Target{URL: *u}.Endpoint(), true
}
