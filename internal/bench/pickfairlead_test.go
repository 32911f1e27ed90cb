package bench

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	grpcbalancer "google.golang.org/grpc/balancer"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/resolver"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// fairleads are fairlead's policy, with and without load reports in the answers.
var fairleads = []policy{
	{"fairlead", false, everyTimed, openFairlead(false)},
	{"fairlead, reports", false, "", openFairlead(true)},
}

// fairleadChannel is a ClientConn of fairlead's whose policy has a [fakeConn] for
// its channel. All else is real, from the router's lookup to gRPC's resolver.
type fairleadChannel struct {
	fake   *fakeConn
	router *balancer.Router
	config *balancer.Config
	client *grpc.ClientConn
	clouds [][]string
	found  []*lookup // by cloud
}

var cloudNames = []string{"gcp", "onprem"}

// openFairlead opens channels whose router neither probes nor starts slowly, as
// if it had been there for some time.
func openFairlead(reports bool) func(testing.TB, [][]string, bool) channel {
	return func(tb testing.TB, clouds [][]string, early bool) channel {
		c := &fairleadChannel{fake: newFakeConn(early), clouds: make([][]string, len(cloudNames))}
		c.fake.reports = reports
		c.config = &balancer.Config{
			Clouds:  map[string]balancer.Cloud{"gcp": {Weight: 30}, "onprem": {Weight: 70}},
			Default: tierNames[0],
			Health:  health.Settings{Probe: health.Probe{Interval: time.Hour}, SlowStart: -1},
		}
		for _, name := range tierNames {
			c.config.Tiers = append(c.config.Tiers, sla.Tier{Name: name})
		}
		service := balancer.Service{Clouds: make(map[string]balancer.ServiceCloud)}
		for _, name := range cloudNames {
			l := newLookup()
			c.found = append(c.found, l)
			service.Clouds[name] = balancer.ServiceCloud{GRPC: []string{l.target()}}
		}
		c.config.Services = map[string]balancer.Service{"routing-api": service}
		c.open(tb, clouds)
		return c
	}
}

func (c *fairleadChannel) open(tb testing.TB, clouds [][]string) {
	var err error
	if c.router, err = balancer.New(c.config); err != nil {
		tb.Fatal(err)
	}
	id := fmt.Sprint("channel-", channels.Add(1))
	fakes.Store(id, c.fake)
	c.client, err = grpc.NewClient(cloudgrpc.Scheme+":///routing-api", append(cloudgrpc.DialOptions(c.router), grpc.WithAuthority(id),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig": [{"bench": {}}]}`),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithIdleTimeout(0))...)
	if err != nil {
		tb.Fatal(err)
	}
	c.client.Connect()
	c.resolve(tb, clouds)
}

func (c *fairleadChannel) conn() *fakeConn { return c.fake }

func (c *fairleadChannel) info() grpcbalancer.PickInfo {
	info := pickInfo
	info.Ctx = sla.WithTier(info.Ctx, tierNames[1])
	return info
}

func (c *fairleadChannel) resolve(tb testing.TB, clouds [][]string) (took time.Duration) {
	tb.Helper()
	for k, addresses := range clouds {
		fresh, gone := len(without(addresses, c.clouds[k])), len(without(c.clouds[k], addresses))
		if fresh+gone == 0 {
			continue
		}
		began := cpuTime()
		c.fake.await(tb, fresh, gone, func() { c.found[k].push(addresses) })
		took += cpuTime() - began
	}
	c.clouds = clouds
	return took
}

// without returns the addresses of a that aren't in b.
func without(a, b []string) (rest []string) {
	in := make(map[string]bool, len(b))
	for _, s := range b {
		in[s] = true
	}
	for _, s := range a {
		if !in[s] {
			rest = append(rest, s)
		}
	}
	return rest
}

// reweigh gives the clouds other weights, and returns the time that it took.
func (c *fairleadChannel) reweigh(tb testing.TB, weights ...uint32) time.Duration {
	tb.Helper()
	for i, name := range cloudNames {
		c.config.Clouds[name] = balancer.Cloud{Weight: weights[i]}
	}
	began := cpuTime()
	if err := c.router.Update(c.config); err != nil {
		tb.Fatal(err)
	}
	return cpuTime() - began
}

func (c *fairleadChannel) close() {
	c.client.Close()
	c.router.Close()
	c.fake.serial.close()
}

// standIn is a policy by the name of bench that is fairlead's on a [fakeConn], the
// one that the channel's authority names.
type standIn struct{ grpcbalancer.Builder }

var (
	fakes    sync.Map // of *fakeConn by authority
	channels atomic.Int64
)

func init() { grpcbalancer.Register(standIn{grpcbalancer.Get(cloudgrpc.PolicyName)}) }

func (standIn) Name() string { return "bench" }

func (s standIn) Build(cc grpcbalancer.ClientConn, opts grpcbalancer.BuildOptions) grpcbalancer.Balancer {
	fake, ok := fakes.LoadAndDelete(opts.Authority)
	if !ok {
		panic("no channel for " + opts.Authority)
	}
	conn := fake.(*fakeConn)
	return &serialPolicy{s.Builder.Build(conn, opts), conn.serial}
}

// serialPolicy is told everything by the serializer of its channel.
type serialPolicy struct {
	grpcbalancer.Balancer
	serial *serializer
}

func (p *serialPolicy) UpdateClientConnState(s grpcbalancer.ClientConnState) (err error) {
	p.serial.do(func() { err = p.Balancer.UpdateClientConnState(s) })
	return err
}

func (p *serialPolicy) ResolverError(err error) {
	p.serial.do(func() { p.Balancer.ResolverError(err) })
}

func (p *serialPolicy) ExitIdle() { p.serial.do(p.Balancer.ExitIdle) }

func (p *serialPolicy) Close() { p.serial.do(p.Balancer.Close) }

// lookup is what a target of the scheme bench stands for: addresses that are pushed.
type lookup struct {
	id string
	mu sync.Mutex
	cc resolver.ClientConn // nil until somebody asks
	is *resolver.State     // nil until something was pushed
}

var (
	lookups     sync.Map // of *lookup by id
	lookupsMade atomic.Int64
)

func newLookup() *lookup {
	l := &lookup{id: fmt.Sprint("lookup-", lookupsMade.Add(1))}
	lookups.Store(l.id, l)
	return l
}

func (l *lookup) target() string { return "bench:///" + l.id }

func (l *lookup) push(addresses []string) {
	s := &resolver.State{}
	for _, address := range addresses {
		s.Endpoints = append(s.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{{Addr: address}}})
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.is = s; l.cc != nil {
		l.cc.UpdateState(*s)
	}
}

// lookupBuilder is the resolver of the scheme bench.
type lookupBuilder struct{}

func init() { resolver.Register(lookupBuilder{}) }

func (lookupBuilder) Scheme() string { return "bench" }

func (lookupBuilder) Build(target resolver.Target, cc resolver.ClientConn, _ resolver.BuildOptions) (resolver.Resolver, error) {
	found, ok := lookups.Load(strings.TrimPrefix(target.URL.Path, "/"))
	if !ok {
		return nil, fmt.Errorf("nothing to find for %s", target.String())
	}
	l := found.(*lookup)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cc = cc; l.is != nil {
		cc.UpdateState(*l.is)
	}
	return l, nil
}

func (l *lookup) ResolveNow(resolver.ResolveNowOptions) {}

func (l *lookup) Close() {}
