package balancer

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/sla"
)

const (
	resolveEvery   = 30 * time.Second // ± 20 %, after a good answer
	resolveTimeout = 5 * time.Second
	resolveSoonest = time.Second // between two lookups of one name, and first retry
)

// addressSource gives the addresses of one configured endpoint: the one it has,
// or those that DNS gives for its name. Router.mu guards it.
type addressSource struct {
	url    endpointURL
	known  []Endpoint // the last good answer
	asked  bool       // there was an answer, good or bad
	err    error      // of the last lookup
	cancel context.CancelFunc
	wake   chan struct{}    // asks for a lookup before its time
	until  []*addressSource // of one that the config no longer names: those that came in its place
}

// setSources makes the sources what the config says, keeping those that stay.
// What the others knew is used until each new one has had a good answer, and there
// is an address at all: a name that is new, or mistyped, must not cost the cloud.
// It does nothing if the config says what it said before.
func (c *serviceCloud) setSources(r *Router, s *service, cfg ServiceCloud) {
	if slices.Equal(c.configured, cfg.endpoints(s.protocol)) && c.serverName == cfg.ServerName {
		return
	}
	c.configured, c.serverName = cfg.endpoints(s.protocol), cfg.ServerName
	c.capacity.base = 0 // other endpoints may carry more each, or less
	was := c.sources
	c.sources = nil
	var fresh []*addressSource
	for _, raw := range cfg.endpoints(s.protocol) {
		u, err := parseEndpoint(raw, s.protocol)
		if err != nil {
			continue // can't be: the config is valid
		}
		if s.protocol == GRPC {
			u.serverName = cfg.ServerName
		}
		if i := slices.IndexFunc(was, func(a *addressSource) bool { return a.url == u }); i >= 0 {
			c.sources = append(c.sources, was[i])
			was = slices.Delete(was, i, i+1)
			continue
		}
		a := r.newSource(s, c, u)
		c.sources, fresh = append(c.sources, a), append(fresh, a)
	}
	c.named = slices.DeleteFunc(slices.Clone(c.sources), func(a *addressSource) bool { return a.url.addr.IsValid() })
	for _, gone := range was {
		gone.stop()
		gone.until = fresh
		for _, earlier := range c.retired {
			if slices.Contains(earlier.until, gone) {
				earlier.until = append(slices.Clone(earlier.until), fresh...)
			}
		}
	}
	c.retired = append(c.retired, was...)
}

// sourcesInUse returns the sources, and the retired ones as long as they are
// needed.
func (c *serviceCloud) sourcesInUse() []*addressSource {
	if slices.ContainsFunc(c.sources, (*addressSource).has) {
		awaited := func(a *addressSource) bool { return a.unknown() && slices.Contains(c.sources, a) }
		c.retired = slices.DeleteFunc(c.retired, func(a *addressSource) bool { return !slices.ContainsFunc(a.until, awaited) })
	}
	return slices.Concat(c.sources, c.retired)
}

// settled reports whether all that the config names has addresses, and nothing else
// is in use.
func (c *serviceCloud) settled() bool {
	return len(c.retired) == 0 && !slices.ContainsFunc(c.sources, (*addressSource).unknown)
}

// absent reports whether the cloud has no address and that is known.
func (c *serviceCloud) absent() bool {
	return len(c.endpoints) == 0 && !c.asking()
}

// asking reports whether a name has not been looked up yet.
func (c *serviceCloud) asking() bool {
	return slices.ContainsFunc(c.sources, func(a *addressSource) bool { return !a.asked })
}

// newSource returns a source and, if it has a name to look up, starts doing so.
func (r *Router) newSource(s *service, c *serviceCloud, u endpointURL) *addressSource {
	a := &addressSource{url: u, cancel: func() {}, wake: make(chan struct{}, 1)}
	if u.addr.IsValid() {
		a.asked, a.known = true, []Endpoint{u.endpoint(u.addr)}
		return a
	}
	if r.onPaper {
		a.asked, a.known = true, []Endpoint{u.unresolved()}
		return a
	}
	if u.target != "" {
		a.asked, a.err = true, errNoAdapter
		r.watchTarget(s, c, a)
		return a
	}
	var ctx context.Context
	ctx, a.cancel = context.WithCancel(r.ctx)
	r.wg.Go(func() { r.resolve(ctx, s, c, a) })
	return a
}

func (a *addressSource) stop() { a.cancel() }

func (a *addressSource) has() bool { return len(a.known) > 0 }

func (a *addressSource) unknown() bool { return !a.has() }

// hurry asks for a lookup now. It doesn't wait.
func (a *addressSource) hurry() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// lookAgain asks DNS whether the cloud, or an endpoint of it, has moved.
func (c *serviceCloud) lookAgain() {
	for _, a := range c.named {
		a.hurry()
	}
}

// resolve looks the name up until ctx ends: at once, then every resolveEvery,
// sooner after a failure and when the cloud has gone down.
func (r *Router) resolve(ctx context.Context, s *service, c *serviceCloud, a *addressSource) {
	retry := backoff.NewExponentialBackOff(backoff.WithInitialInterval(resolveSoonest),
		backoff.WithMaxInterval(resolveEvery), backoff.WithMaxElapsedTime(0))
	for {
		lookup, cancel := context.WithTimeout(ctx, resolveTimeout)
		addrs, err := r.lookup(lookup, a.url.host)
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err == nil && len(addrs) == 0 {
			err = errors.New("no addresses")
		}
		wait := time.Duration(float64(resolveEvery) * (0.8 + 0.4*rand.Float64()))
		if err != nil {
			wait = retry.NextBackOff()
		} else {
			retry.Reset()
		}
		known := make([]Endpoint, 0, len(addrs))
		for _, addr := range addrs {
			known = append(known, a.url.endpoint(addr.Unmap()))
		}
		r.resolved(s, c, a, known, err)
		if !sleep(ctx, resolveSoonest, nil) || !sleep(ctx, wait-resolveSoonest, a.wake) {
			return
		}
	}
}

// resolved takes the answer of a lookup. A failed or empty one keeps the last
// good addresses.
func (r *Router) resolved(s *service, c *serviceCloud, a *addressSource, known []Endpoint, err error) {
	known = slices.Compact(sorted(known))

	r.mu.Lock()
	defer r.mu.Unlock()
	first := !a.asked
	if (err != nil) != (a.err != nil) || first && err != nil {
		r.note(func() {
			r.log.Info("lookup", "service", s.name, "cloud", c.name, "endpoint", a.url.String(), "error", err)
		})
	}
	a.asked, a.err = true, err
	if err == nil {
		a.known = known
	}
	now := r.now()
	if !s.setEndpoints(c, now) {
		if !first {
			return
		}
		s.moved() // nowhere: adapters want to know why
	}
	r.answered(s)
	s.arrive()
	s.built = nil
	s.replan(r, now)
	r.publish()
}

// arrive lets the plan of a new service follow the first answers of its lookups
// at once. Otherwise the cloud whose name is known first would have all calls,
// and give them up at the slope.
func (s *service) arrive() {
	if s.started {
		return
	}
	s.plan = failover.Plan{}
	s.started = !slices.ContainsFunc(s.clouds, (*serviceCloud).asking)
}

// awaitsAddress returns a channel that is closed with the next answer of a
// lookup, if no cloud that calls may go to has an address and some name has not
// been looked up yet. Otherwise it returns nil.
func (s *service) awaitsAddress(allowed sla.Clouds, observed string) <-chan struct{} {
	asking := false
	for _, c := range s.clouds {
		if !allowed.Allow(c.name) || observed != "" && c.name != observed {
			continue
		}
		if len(c.endpoints) > 0 {
			return nil
		}
		asking = asking || c.asking()
	}
	if !asking {
		return nil
	}
	if s.news == nil {
		s.news = make(chan struct{})
	}
	return s.news
}

// answered lets those look again who wait for an address, as soon as there is a
// new table to look at.
func (r *Router) answered(s *service) {
	if s.news != nil {
		r.waited = append(r.waited, s.news)
		s.news, s.built = nil, nil
	}
}

// endpoint returns the endpoint that the URL means at one of its addresses.
func (u endpointURL) endpoint(addr netip.Addr) Endpoint {
	port := strconv.Itoa(int(u.port))
	e := Endpoint{Scheme: u.scheme, Address: net.JoinHostPort(addr.String(), port), Path: u.path}
	e.Name = strings.TrimSuffix(u.host, ".") // the dot is for the resolver alone
	if u.serverName != "" {
		e.Name = u.serverName
	}
	e.Host = net.JoinHostPort(e.Name, port)
	if u.scheme == grpcScheme {
		return e
	}
	if u.scheme != "https" && u.port == 80 || u.scheme == "https" && u.port == 443 {
		e.Host = strings.TrimSuffix(e.Host, ":"+port)
	}
	return e
}

// lookupNetIP asks the system's resolver. Addresses of a family that this
// machine has no route for are left out, unless there are no others.
func lookupNetIP(ctx context.Context, host string) ([]netip.Addr, error) {
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	routed := slices.DeleteFunc(slices.Clone(addrs), func(a netip.Addr) bool { return !hasRoute(a) })
	if len(routed) == 0 {
		return addrs, nil
	}
	return routed, nil
}

// hasRoute reports whether the machine would know where to send a packet for
// the address. Nothing is sent: connecting a UDP socket only looks up the route
// (RFC 6724 selects addresses the same way).
func hasRoute(a netip.Addr) bool {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 9)))
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// sleep waits until the time is over or wake has something. It reports false
// if ctx ended first.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-ctx.Done():
		return false
	}
	return true
}
