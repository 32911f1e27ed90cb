// Command observability shows what a service that uses fairlead tells Prometheus,
// and what that is good for: a dashboard, alerts and an autoscaler. Its own
// status page tells the rest.
//
//	go run ./examples/observability          # ends by itself after 20 s
//	go run ./examples/observability -keep    # until it is interrupted
//
// It brings two clouds along, onprem and gcp, and asks them for 120 routes per
// second in three tiers. After a third of its time onprem is killed, after two
// thirds it is started again; with -keep you do that:
//
//	curl http://127.0.0.1:9464/metrics
//	curl -X POST http://127.0.0.1:9464/kill/onprem
//	curl -X POST http://127.0.0.1:9464/start/onprem
//
// http://127.0.0.1:9464/debug/fairlead/ shows in a browser what the router does, and
// why.
//
// README.md beside this file tells the rest. The exit status is 1 if a critical
// call failed; the line that says so begins with ✗.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"time"

	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudhttp"
	"github.com/fairlead-go/fairlead/balancer/console"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:9464", "serve /metrics and the status page at this `address`")
	lasts := flag.Duration("for", 20*time.Second, "how long to run")
	keep := flag.Bool("keep", false, "run until interrupted, and kill nothing")
	flag.Parse()
	if flag.NArg() > 0 || *lasts <= 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	listener, err := net.Listen("tcp", *listen)
	kept := false
	if err == nil {
		if *keep {
			*lasts = 0
		}
		kept, err = run(ctx, listener, *lasts, os.Stdout)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "observability:", err)
	}
	if !kept {
		os.Exit(1)
	}
}

// run serves metrics while calls go to two clouds: for as long as it is told, or
// until ctx ends if that is 0. It reports whether every critical call was
// answered.
func run(ctx context.Context, listener net.Listener, lasts time.Duration, out io.Writer) (kept bool, err error) {
	out = &serial{to: out}
	clouds, err := startClouds("onprem", "gcp")
	if err != nil {
		return false, err
	}
	defer clouds.stop()

	// The config comes from a file, as it mostly does: that it is followed is
	// told, too.
	dir, err := os.MkdirTemp("", "observability")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "fairlead.yaml")
	if err := os.WriteFile(file, clouds.config(), 0o600); err != nil {
		return false, err
	}
	cfg, err := balancer.Load(file)
	if err != nil {
		return false, err
	}

	exporter, metrics, err := newExporter()
	if err != nil {
		return false, err
	}
	provider := metric.NewMeterProvider(metric.WithReader(exporter))
	defer func() { err = errors.Join(err, provider.Shutdown(context.WithoutCancel(ctx))) }()
	router, err := balancer.New(cfg,
		balancer.WithFile(file),
		balancer.WithMeterProvider(provider),
		balancer.WithLatencyHistogram(),
		balancer.WithTrace(balancer.Trace{StateChanged: func(c balancer.StateChange) {
			fmt.Fprintf(out, "%s is %s (%s)\n", c.Cloud, c.To, c.Reason)
		}}))
	if err != nil {
		return false, err
	}
	defer router.Close()
	transport := cloudhttp.NewTransport(router)
	defer transport.CloseIdleConnections()

	server := &http.Server{Handler: handler(metrics, console.Handler(router), clouds), ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() {
		server.Close()
		<-served
	}()
	fmt.Fprintf(out, "metrics are at http://%s/metrics\n", listener.Addr())
	fmt.Fprintf(out, "the status page is at http://%s%s\n", listener.Addr(), pagePath)

	load := startLoad(&http.Client{Transport: transport})
	err = play(ctx, lasts, clouds, out)
	load.Stop()
	return load.print(out), err
}

// play kills a cloud and starts it again, if the time is limited.
func play(ctx context.Context, lasts time.Duration, clouds clouds, out io.Writer) error {
	if lasts == 0 {
		<-ctx.Done()
		return nil
	}
	for _, act := range []func() error{
		func() error { fmt.Fprintln(out, "onprem is killed"); return clouds["onprem"].kill() },
		func() error { fmt.Fprintln(out, "onprem is started"); return clouds["onprem"].start() },
		func() error { return nil },
	} {
		timer := time.NewTimer(lasts / 3)
		select {
		case <-ctx.Done():
			timer.Stop()
			return errors.New("interrupted")
		case <-timer.C:
		}
		if err := act(); err != nil {
			return err
		}
	}
	return nil
}

// serial lets one write at a time: the router's hook has a goroutine of its own.
type serial struct {
	mu sync.Mutex
	to io.Writer
}

func (s *serial) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.to.Write(p)
}
