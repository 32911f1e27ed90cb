package cloudgrpc

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"

	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/serviceconfig"

	"github.com/fairlead-go/fairlead/balancer"
)

// resolveTarget finds the addresses of a target by the resolver that gRPC has for
// its scheme. It is a [balancer.TargetResolver].
func resolveTarget(ctx context.Context, target string, again <-chan struct{}, found func([]balancer.Endpoint, error)) {
	u, err := url.Parse(target)
	if err != nil {
		found(nil, err)
		return
	}
	builder := resolver.Get(u.Scheme)
	if builder == nil {
		found(nil, fmt.Errorf("gRPC has no resolver for the scheme %s", u.Scheme))
		return
	}
	parsed := resolver.Target{URL: *u}
	cc := &targetConn{ctx: ctx, found: found, scheme: u.Scheme, authority: authorityOf(builder, parsed)}
	cc.host = hostOf(cc.authority)
	r, err := builder.Build(parsed, cc, resolver.BuildOptions{DisableServiceConfig: true, Authority: cc.authority})
	if err != nil {
		found(nil, err)
		return
	}
	defer r.Close()
	for {
		select {
		case <-again:
			r.ResolveNow(resolver.ResolveNowOptions{})
		case <-ctx.Done():
			return
		}
	}
}

// authorityOf returns the authority that gRPC would give a ClientConn of the
// target.
func authorityOf(b resolver.Builder, target resolver.Target) string {
	if o, ok := b.(resolver.AuthorityOverrider); ok {
		return o.OverrideAuthority(target)
	}
	return target.Endpoint()
}

// targetConn is what a resolver of gRPC's takes for its ClientConn.
type targetConn struct {
	ctx       context.Context
	found     func([]balancer.Endpoint, error)
	scheme    string
	authority string
	host      string     // of the authority
	mu        sync.Mutex // one answer at a time, in their order
}

// UpdateState takes the addresses.
func (c *targetConn) UpdateState(s resolver.State) error {
	endpoints := s.Endpoints
	if endpoints == nil {
		for _, a := range s.Addresses {
			endpoints = append(endpoints, resolver.Endpoint{Addresses: []resolver.Address{a}})
		}
	}
	is := make([]balancer.Endpoint, 0, len(endpoints))
	for _, e := range endpoints {
		// An endpoint with several addresses is as good as several: all of
		// them are connected to.
		for _, a := range e.Addresses {
			is = append(is, c.endpoint(a))
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() == nil {
		c.found(is, nil)
	}
	return nil
}

func (c *targetConn) endpoint(a resolver.Address) balancer.Endpoint {
	e := balancer.Endpoint{Address: a.Addr, Host: c.authority, Name: c.host}
	if a.ServerName != "" {
		e.Host, e.Name = a.ServerName, hostOf(a.ServerName)
	}
	if strings.HasPrefix(c.scheme, "unix") {
		e.Address = "unix:" + a.Addr // how gRPC's dialer knows a socket's path
	}
	return e
}

// hostOf returns an authority without its port.
func hostOf(authority string) string {
	if host, _, err := net.SplitHostPort(authority); err == nil {
		return host
	}
	return authority
}

// ReportError takes a failure: the last good addresses stay.
func (c *targetConn) ReportError(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() == nil {
		c.found(nil, err)
	}
}

// NewAddress is what resolvers called before UpdateState.
func (c *targetConn) NewAddress(addresses []resolver.Address) {
	_ = c.UpdateState(resolver.State{Addresses: addresses})
}

// ParseServiceConfig returns no config: that of one cloud can't be that of all.
func (c *targetConn) ParseServiceConfig(string) *serviceconfig.ParseResult {
	return &serviceconfig.ParseResult{}
}
