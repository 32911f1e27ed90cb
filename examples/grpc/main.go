// Command grpc shows what happens to gRPC calls and streams when a cloud dies.
//
//	go run ./examples/grpc
//
// It starts two clouds, onprem and gcp, as processes of their own on loopback,
// three endpoints each, asks them for about 400 routes per second in three tiers
// and follows 30 vehicles by streams of their positions. Then it kills all of
// onprem (SIGKILL) and starts it again. Calls are tried again in gcp, and so are
// streams that have not begun. A stream that breaks off after its first position
// is the caller's to continue: follow.go does, from the position it has.
//
// It ends by itself in under 30 s with a report. The exit status is 1 if a
// promise was not kept; its line begins with ✗.
package main

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
	"github.com/fairlead-go/fairlead/internal/clouds"
)

//go:embed fairlead.yaml
var configText string

func main() {
	clouds.Serve(serve) // if this is a process of a cloud
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	kept, err := withProcesses(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "grpc:", err)
		os.Exit(1)
	}
	if !kept {
		os.Exit(1)
	}
}

// withProcesses plays the script with processes as clouds.
func withProcesses(ctx context.Context, out io.Writer) (kept bool, err error) {
	both, err := clouds.Start(endpointsPerCloud, "onprem", "gcp")
	if err != nil {
		return false, err
	}
	defer both.Stop()
	cfg, err := balancer.ParseConfig(both.Config(configText))
	if err != nil {
		return false, err
	}
	return run(ctx, cfg, script(both["onprem"]), new(net.Dialer).DialContext, out)
}

// dialer connects to an address.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// run sends calls to the clouds of the config while the phases happen, and prints
// what came of it. It reports whether all promises were kept.
func run(ctx context.Context, cfg *balancer.Config, phases []phase, dial dialer, out io.Writer) (kept bool, err error) {
	journal := newJournal(out)
	router, err := balancer.New(cfg, balancer.WithTrace(journal.trace()), balancer.WithDialer(dial))
	if err != nil {
		return false, err
	}
	defer router.Close()

	conn, err := cloudgrpc.NewClient(router, "routing-api",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) { return dial(ctx, "tcp", address) }),
		// Whoever asks twice for a route or a position does no harm. The option
		// idempotency_level in a .proto file says the same.
		cloudgrpc.WithIdempotentMethods(func(method string) bool { return strings.HasPrefix(method, "/"+serviceName+"/") }),
	)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	conn.Connect() // the first call would, too
	if err := ready(ctx, router); err != nil {
		return false, err
	}

	load := startLoad(routingClient{conn}, journal)
	defer load.stop()
	if err := play(ctx, phases, router, journal); err != nil {
		return false, err
	}
	load.stop()
	return journal.print(), nil
}

// ready waits until the router has heard from both clouds.
func ready(ctx context.Context, router *balancer.Router) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return router.Ready(ctx)
}
