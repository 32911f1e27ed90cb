package bench

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	grpcbalancer "google.golang.org/grpc/balancer"
	_ "google.golang.org/grpc/balancer/leastrequest"
	_ "google.golang.org/grpc/balancer/roundrobin"
	_ "google.golang.org/grpc/balancer/weightedroundrobin"
	"google.golang.org/grpc/resolver"
)

// policy is a way to balance the load of a gRPC channel.
type policy struct {
	name string
	peer bool // grpc's own
	// floor is the name of the floor that takes the time of as many calls, if it
	// is compared with one.
	floor string
	// open brings up a channel with the endpoints, by cloud. Peers don't know
	// clouds.
	open func(tb testing.TB, clouds [][]string, early bool) channel
}

// channel is a policy at its work, on a [fakeConn].
type channel interface {
	conn() *fakeConn
	// info is what picks are told about their calls.
	info() grpcbalancer.PickInfo
	// resolve tells the policy what a lookup found, waits until all that follows
	// has happened, and returns the CPU time that it took.
	resolve(tb testing.TB, clouds [][]string) time.Duration
	close()
}

// peers are those that grpc has. Weighted round robin takes its weights from load
// reports; without them it is round robin with a Done.
var peers = []policy{
	{"round_robin", true, "", grpcsOwn("round_robin", "{}", false)},
	{"wrr, no reports", true, "", grpcsOwn("weighted_round_robin", "{}", false)},
	{"weighted_round_robin", true, "", grpcsOwn("weighted_round_robin", `{"blackoutPeriod": "0s", "weightUpdatePeriod": "0.1s"}`, true)},
	{"least_request", true, "", grpcsOwn("least_request_experimental", "{}", false)},
}

// grpcsOwn opens channels of one of grpc's policies.
func grpcsOwn(name, config string, reports bool) func(testing.TB, [][]string, bool) channel {
	return func(tb testing.TB, clouds [][]string, early bool) channel {
		builder := grpcbalancer.Get(name)
		p := &peer{fake: newFakeConn(early)}
		p.fake.reports = reports
		if parser, ok := builder.(grpcbalancer.ConfigParser); ok {
			var err error
			if p.state.BalancerConfig, err = parser.ParseConfig(json.RawMessage(config)); err != nil {
				tb.Fatal(err)
			}
		}
		p.balancer = builder.Build(p.fake, grpcbalancer.BuildOptions{})
		p.resolve(tb, clouds)
		return p
	}
}

// peer is a channel with one of grpc's policies.
type peer struct {
	fake     *fakeConn
	balancer grpcbalancer.Balancer
	state    grpcbalancer.ClientConnState
}

func (p *peer) conn() *fakeConn { return p.fake }

func (p *peer) info() grpcbalancer.PickInfo { return pickInfo }

func (p *peer) resolve(tb testing.TB, clouds [][]string) time.Duration {
	began := cpuTime()
	var endpoints []resolver.Endpoint
	for _, cloud := range clouds {
		for _, address := range cloud {
			endpoints = append(endpoints, resolver.Endpoint{Addresses: []resolver.Address{{Addr: address}}})
		}
	}
	p.state.ResolverState = resolver.State{Endpoints: endpoints}
	var err error
	p.fake.serial.do(func() { err = p.balancer.UpdateClientConnState(p.state) })
	if err != nil {
		tb.Fatal(err)
	}
	return cpuTime() - began
}

func (p *peer) close() {
	p.fake.serial.do(p.balancer.Close)
	p.fake.serial.close()
}

// twoClouds returns the addresses of n endpoints in each of two clouds.
func twoClouds(n int) [][]string {
	clouds := make([][]string, 2)
	for k := range clouds {
		for i := range n {
			clouds[k] = append(clouds[k], fmt.Sprintf("10.%d.%d.%d:9090", k+1, i/250, i%250+1))
		}
	}
	return clouds
}
