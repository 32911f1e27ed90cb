package bench

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	grpctesting "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
	"github.com/fairlead-go/fairlead/sla"
)

// What a unary call through fairlead may cost at most.
const (
	mostUnary               = 1.05 // × round_robin's time, both with or both without a deadline
	mostUnaryAllocs         = 8    // over round_robin, without a deadline: a drain must be able to end it, and what a hedge might run escapes
	mostUnaryAllocsRepeated = 8    // if the call may be tried again
	mostUnaryAllocsDeadline = 20   // with a deadline, over round_robin without
)

// unaryContender is one way to make a unary call.
type unaryContender struct {
	name     string
	deadline bool // calls have one
	dial     func(testing.TB, []string) *grpc.ClientConn
	most     float64 // allocations over round_robin without a deadline
}

// unaryContenders are those of [TestUnary]. The first is what others are
// compared with.
var unaryContenders = slices.Concat([]unaryContender{
	{"round_robin", false, dialRoundRobin, 0},
	{"round_robin", true, dialRoundRobin, 0},
}, unaryFairleads)

// dialRoundRobin returns a channel as grpc's users make it. It knows only the first
// server: a call over a connection that was just used takes a quarter less time
// than one over the other of two in turn, which has nothing to do with policies.
func dialRoundRobin(tb testing.TB, addresses []string) *grpc.ClientConn {
	found := manual.NewBuilderWithScheme("bench")
	found.InitialState(resolver.State{Addresses: []resolver.Address{{Addr: addresses[0]}}})
	conn, err := grpc.NewClient("bench:///routing-api", grpc.WithResolvers(found),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig": [{"round_robin": {}}]}`))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	return conn
}

// emptyServer answers calls that have nothing in them with nothing.
type emptyServer struct {
	grpctesting.UnimplementedTestServiceServer
}

func (emptyServer) EmptyCall(context.Context, *grpctesting.Empty) (*grpctesting.Empty, error) {
	return &grpctesting.Empty{}, nil
}

// newUnaryServers returns the addresses of two servers.
func newUnaryServers(tb testing.TB) []string {
	var addresses []string
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			tb.Fatal(err)
		}
		s := grpc.NewServer()
		grpctesting.RegisterTestServiceServer(s, emptyServer{})
		go s.Serve(l)
		tb.Cleanup(s.Stop)
		addresses = append(addresses, l.Addr().String())
	}
	return addresses
}

// unary is a contender at its work.
type unary struct {
	unaryContender
	client grpctesting.TestServiceClient

	times  []float64 // ns per call, by round
	allocs float64
}

func newUnary(tb testing.TB, c unaryContender) *unary {
	return &unary{unaryContender: c, client: grpctesting.NewTestServiceClient(c.dial(tb, newUnaryServers(tb)))}
}

// call makes a call. The deadline of fairlead's is the tier's.
func (u *unary) call(tb testing.TB) {
	ctx := tb.Context() // which can end, as that of a server's handler
	if u.deadline && u.name == "round_robin" {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, deadline)
		defer cancel()
	}
	if _, err := u.client.EmptyCall(ctx, &grpctesting.Empty{}, grpc.WaitForReady(true)); err != nil {
		tb.Fatal(u.title(), err)
	}
}

func (u *unary) title() string {
	if u.deadline {
		return u.name + ", deadline"
	}
	return u.name
}

// TestUnary prints what a unary call costs through each contender, over
// loopback; allocations are those of client and server. It fails if fairlead
// allocates more than it may. Times are printed and, with -strict, checked.
func TestUnary(t *testing.T) {
	var entries []*unary
	for _, c := range unaryContenders {
		entries = append(entries, newUnary(t, c))
	}
	measureUnary(t, entries)
	var b strings.Builder
	fmt.Fprintf(&b, "%-26s %8s %8s %8s %8s\n", "", "ns", "×", "allocs", "more")
	for _, u := range entries {
		bare := entries[0]
		if u.deadline {
			bare = entries[1]
		}
		ratio, more := u.time()/bare.time(), u.allocs-entries[0].allocs
		fmt.Fprintf(&b, "%-26s %8.0f %8.3f %8.0f %8.0f\n", u.title(), u.time(), ratio, u.allocs, more)
		if u.name == "round_robin" {
			continue
		}
		if more > u.most {
			t.Errorf("%s: %.0f allocations more than round_robin, may be %.0f", u.title(), more, u.most)
		}
		if *strict && ratio > mostUnary {
			t.Errorf("%s: %.3f × round_robin's time, may be %.2f", u.title(), ratio, mostUnary)
		}
	}
	t.Log("\n" + b.String())
}

// measureUnary lets the contenders take turns.
func measureUnary(t *testing.T, entries []*unary) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // no turn overlaps with another's leftovers
	for began := time.Now(); time.Since(began) < settle; {
		for _, u := range entries {
			u.call(t)
		}
	}
	for range rounds {
		for _, u := range entries {
			n, began := 0, time.Now()
			for time.Since(began) < turn {
				u.call(t)
				n++
			}
			u.times = append(u.times, float64(time.Since(began))/float64(n))
		}
	}
	for _, u := range entries {
		u.allocs = testing.AllocsPerRun(2000, func() { u.call(t) })
	}
}

// time is the contender's time for a call: what a quarter of its turns stayed
// below.
func (u *unary) time() float64 {
	return slices.Sorted(slices.Values(u.times))[len(u.times)/4]
}

// BenchmarkUnary measures the contenders one by one, for profiles.
func BenchmarkUnary(b *testing.B) {
	for _, c := range unaryContenders {
		u := newUnary(b, c)
		b.Run(u.title(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				u.call(b)
			}
		})
	}
}

var unaryFairleads = []unaryContender{
	{"fairlead", false, fairlead(0, false), mostUnaryAllocs},
	{"fairlead, idempotent", false, fairlead(0, true), mostUnaryAllocsRepeated},
	{"fairlead", true, fairlead(deadline, true), mostUnaryAllocsDeadline},
}

// fairlead dials with the tier's timeout, for calls that may be tried again.
func fairlead(timeout time.Duration, idempotent bool) func(testing.TB, []string) *grpc.ClientConn {
	return func(tb testing.TB, addresses []string) *grpc.ClientConn {
		return dialFairlead(tb, addresses, timeout, idempotent)
	}
}

// dialFairlead has two clouds with one endpoint each. Nearly all calls go to the
// first; the other is there to try again.
func dialFairlead(tb testing.TB, addresses []string, timeout time.Duration, idempotent bool) *grpc.ClientConn {
	router, err := balancer.New(&balancer.Config{
		Clouds: map[string]balancer.Cloud{"onprem": {Weight: 1_000_000}, "gcp": {Weight: 1}},
		Services: map[string]balancer.Service{"routing-api": {Clouds: map[string]balancer.ServiceCloud{
			"onprem": {GRPC: []string{addresses[0]}},
			"gcp":    {GRPC: []string{addresses[1]}},
		}}},
		Tiers: []sla.Tier{{Name: "critical", Protected: true, Attempts: 3, Timeout: timeout}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { router.Close() })
	conn, err := cloudgrpc.NewClient(router, "routing-api", grpc.WithTransportCredentials(insecure.NewCredentials()),
		cloudgrpc.WithIdempotentMethods(func(string) bool { return idempotent }))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	return conn
}
