package interop_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"sync/atomic"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// service is the name of the interop server's service.
const service = "interop"

// client calls the service in the clouds a and b.
type client struct {
	router *balancer.Router
	conn   *grpc.ClientConn
}

// newClient returns a client of the clouds at two addresses. A tier that is named
// like a cloud has its calls there; the default tier has them in both.
func newClient(a, b string, trace balancer.Trace) *client {
	router, err := balancer.New(&balancer.Config{
		Clouds: map[string]balancer.Cloud{"a": {}, "b": {}},
		Services: map[string]balancer.Service{service: {Clouds: map[string]balancer.ServiceCloud{
			"a": {GRPC: []string{a}}, "b": {GRPC: []string{b}},
		}}},
		Tiers: []sla.Tier{
			{Name: "a", Clouds: sla.Clouds{Only: []string{"a"}}},
			{Name: "b", Clouds: sla.Clouds{Only: []string{"b"}}},
			{Name: "both"},
		},
	}, balancer.WithTrace(trace))
	if err != nil {
		log.Fatal(err)
	}
	c := &client{router: router}
	c.conn = c.dial()
	return c
}

// dial returns a connection whose calls may be repeated.
func (c *client) dial(opts ...grpc.DialOption) *grpc.ClientConn {
	conn, err := cloudgrpc.NewClient(c.router, service, append(opts,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		cloudgrpc.WithIdempotentMethods(func(string) bool { return true }))...)
	if err != nil {
		log.Fatal(err)
	}
	return conn
}

// close ends the client, of which nothing may be left.
func (c *client) close() {
	c.conn.Close()
	c.router.Close()
	if err := goleak.Find(); err != nil {
		log.Fatal(err)
	}
}

// check is a process that runs a case in each cloud, and in both.
func check(name, a, b string) {
	var last atomic.Pointer[string]
	c := newClient(a, b, balancer.Trace{
		Answered: func(at balancer.Attempt, _ health.Outcome, _ time.Duration) {
			cloud := at.Cloud()
			last.Store(&cloud)
		},
	})
	defer c.close()
	for _, tier := range []string{"a", "b", "both"} {
		caseOf(name).run(sla.WithTier(context.Background(), tier), c)
		if tier != "both" && *last.Load() != tier {
			log.Fatalf("tier %s had its last attempt in cloud %s", tier, *last.Load())
		}
	}
}

// repeat is a process that runs a case in both clouds until its standard input
// ends. It says the cloud of each attempt that went well, and each new state of a
// cloud.
func repeat(name, a, b string) {
	c := newClient(a, b, balancer.Trace{
		Answered: func(at balancer.Attempt, o health.Outcome, _ time.Duration) {
			if !o.Kind.Bad() {
				fmt.Println(at.Cloud())
			}
		},
		StateChanged: func(c balancer.StateChange) { fmt.Println(c.Cloud, c.To) },
	})
	defer c.close()
	ended := make(chan struct{})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	turns := time.NewTicker(5 * time.Millisecond)
	defer turns.Stop()
	for {
		select {
		case <-turns.C:
			caseOf(name).run(context.Background(), c)
		case <-ended:
			return
		}
	}
}
