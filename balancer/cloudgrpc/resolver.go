package cloudgrpc

import (
	"errors"
	"fmt"
	"sync"
	"unique"

	"google.golang.org/grpc/resolver"

	"github.com/fairlead-go/fairlead/balancer"
)

// Scheme is the scheme of targets whose name is a service of the router:
// fairlead:///routing-api.
const Scheme = "fairlead"

// resolverBuilder makes the resolvers of one router.
type resolverBuilder struct {
	hub *hub
	*settings
}

func (b *resolverBuilder) Scheme() string { return Scheme }

// Build starts to follow the places of the service that the target names.
func (b *resolverBuilder) Build(target resolver.Target, cc resolver.ClientConn, opts resolver.BuildOptions) (resolver.Resolver, error) {
	name := unique.Make(target.Endpoint())
	if name.Value() == "" {
		return nil, fmt.Errorf("the target %s names no service: want %s:///SERVICE", target.String(), Scheme)
	}
	r := &placesResolver{
		link: &link{settings: b.settings, hub: b.hub, service: name.Value(), interned: name},
		cc:   cc, deaf: opts.DisableServiceConfig, closing: make(chan struct{}),
	}
	r.wg.Go(r.follow)
	return r, nil
}

// placesResolver tells a ClientConn where the router knows its service.
type placesResolver struct {
	link    *link
	cc      resolver.ClientConn
	known   []marked // by slot
	deaf    bool     // gRPC doesn't listen to the resolver's service config
	foreign bool     // another policy is in use, and can't be replaced
	closing chan struct{}
	once    sync.Once
	wg      sync.WaitGroup
}

func (r *placesResolver) follow() {
	router := r.link.hub.router
	for {
		places, changed, err := router.Places(r.link.service, balancer.GRPC)
		switch {
		case errors.Is(err, balancer.ErrClosed):
			r.cc.ReportError(err)
			return
		case err != nil:
			r.cc.ReportError(err)
		case len(places) > 0:
			r.update(r.state(places))
		default:
			if err := router.Unresolved(r.link.service, balancer.GRPC); err != nil {
				r.cc.ReportError(err)
			}
		}
		select {
		case <-changed:
		case <-r.closing:
			return
		}
	}
}

// marked is a place as gRPC has it.
type marked struct {
	of       *balancer.Endpoint
	endpoint resolver.Endpoint
}

// state is the places as gRPC has them. Those that stay are what they were.
func (r *placesResolver) state(places []balancer.Place) resolver.State {
	endpoints := make([]resolver.Endpoint, len(places))
	most := 0
	for i, p := range places {
		slot := p.Endpoint.Slot
		most = max(most, slot)
		for slot >= len(r.known) {
			r.known = append(r.known, marked{})
		}
		if r.known[slot].of != p.Endpoint {
			r.known[slot] = marked{p.Endpoint, endpointOf(p)}
		}
		endpoints[i] = r.known[slot].endpoint
	}
	clear(r.known[most+1:])
	s := resolver.State{Endpoints: endpoints}
	s.Attributes = s.Attributes.WithValue(linkKey{}, r.link)
	return s
}

// update hands the state over and makes sure that our policy has got it. A
// service config that the program sets as its default may name another policy, or
// none, which means pick_first: that would send every call to one endpoint, for
// ever. Then the resolver's own config, which comes before a default, names the
// right one. If gRPC was told not to listen to resolvers, there is only an error
// left to say so. Then it is asked for its policy before it hears of any endpoint:
// a call that waits for the first of them must not get there by another policy.
func (r *placesResolver) update(s resolver.State) {
	if r.link.alone {
		// Otherwise pick_first would serve until our policy has connected.
		if r.link.ownConfig == nil {
			r.link.ownConfig = r.cc.ParseServiceConfig(withPolicy(r.link.config))
		}
		s.ServiceConfig = r.link.ownConfig
	}
	// An error means that the policy wants another lookup. The router looks up
	// by itself.
	if r.foreign {
		r.cc.ReportError(errNotInUse)
		return
	}
	if r.deaf && !r.link.inUse.Load() {
		_ = r.cc.UpdateState(resolver.State{Attributes: s.Attributes})
		if !r.link.inUse.Load() {
			r.foreign = true
			r.cc.ReportError(errNotInUse)
			return
		}
	}
	_ = r.cc.UpdateState(s)
	if r.link.inUse.Load() {
		return
	}
	if r.link.ownConfig == nil {
		r.link.ownConfig = r.cc.ParseServiceConfig(policyOnly)
	}
	s.ServiceConfig = r.link.ownConfig
	_ = r.cc.UpdateState(s)
}

const policyOnly = `{"loadBalancingConfig": [{"` + PolicyName + `": {}}]}`

var errNotInUse = errors.New("the policy " + PolicyName + " isn't in use: the default service config must name it, " +
	"as WithDisableServiceConfig keeps the resolver from doing so")

// ResolveNow asks DNS whether the service has moved.
func (r *placesResolver) ResolveNow(resolver.ResolveNowOptions) {
	r.link.hub.router.LookAgain(r.link.service, balancer.GRPC)
}

// Close ends the resolver and returns when it has ended.
func (r *placesResolver) Close() {
	r.once.Do(func() { close(r.closing) })
	r.wg.Wait()
}
