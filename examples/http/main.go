// Command http sends requests to the servers that a config file names, and
// prints where they went and how they fared:
//
//	go run ./examples/http -config fairlead.yaml -n 1000 -c 16 http://routing-api/v1/route
//
// The host of the URL names a service of the config. Without -config the
// command brings its own two clouds along, so that there is something to see:
//
//	go run ./examples/http
//
// The exit status is 1 if a request failed: if it got no answer, or one with a
// status of 500 or more.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudhttp"
)

func main() {
	config := flag.String("config", "", "read the clouds from this `file`; without it the command brings its own")
	var order order
	flag.IntVar(&order.requests, "n", 1000, "send this `number` of requests")
	flag.IntVar(&order.atOnce, "c", 16, "send this `number` of requests at a time")
	flag.IntVar(&order.rate, "rate", 0, "send at most this `number` of requests per second; 0 is as many as possible")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: http [flags] [URL]")
		flag.PrintDefaults()
	}
	flag.Parse()
	order.url = "http://routing-api/v1/route"
	if flag.NArg() > 0 {
		order.url = flag.Arg(0)
	}
	if flag.NArg() > 1 || order.requests < 1 || order.atOnce < 1 || order.rate < 0 {
		flag.Usage()
		os.Exit(2)
	}
	cfg, err := load(*config)
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		err = run(ctx, cfg, order, os.Stdout)
		stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "http:", err)
		os.Exit(1)
	}
}

// load reads the config file, or starts servers of its own if there is none.
func load(file string) (*balancer.Config, error) {
	if file == "" {
		return ownClouds()
	}
	return balancer.Load(file)
}

// order says what to send.
type order struct {
	url      string
	requests int
	atOnce   int
	rate     int // per second, 0 for as many as possible
}

// requestTimeout bounds each request, whatever its tier's timeout.
const requestTimeout = 30 * time.Second

// run sends the requests and prints what came of them. It returns an error if
// one of them failed.
func run(ctx context.Context, cfg *balancer.Config, o order, out io.Writer) error {
	tally := newTally(out, max(1, o.requests/10))
	router, err := balancer.New(cfg, balancer.WithTrace(balancer.Trace{Answered: tally.attempted}))
	if err != nil {
		return err
	}
	defer router.Close()
	transport := cloudhttp.NewTransport(router)
	defer transport.CloseIdleConnections()
	client := &http.Client{
		Transport: transport,
		Timeout:   requestTimeout,
		// A redirect is an answer of the server like any other.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}

	began := time.Now()
	var sent atomic.Int64
	var wg sync.WaitGroup
	for range min(o.atOnce, o.requests) {
		wg.Go(func() {
			for {
				n := sent.Add(1)
				if n > int64(o.requests) || !o.await(ctx, began, n) {
					return
				}
				status, took, err := get(ctx, client, o.url)
				if ctx.Err() != nil {
					return // interrupted: it says nothing
				}
				tally.answered(status, took, err)
			}
		})
	}
	wg.Wait()
	return tally.print(time.Since(began))
}

// await waits until the n-th request is due. It reports false if ctx ends
// before that.
func (o *order) await(ctx context.Context, began time.Time, n int64) bool {
	if o.rate == 0 {
		return ctx.Err() == nil
	}
	due := began.Add(time.Duration(n-1) * time.Second / time.Duration(o.rate))
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// get makes one request and reads the answer to its end.
func get(ctx context.Context, client *http.Client, url string) (status int, took time.Duration, err error) {
	began := time.Now()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, 0, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, time.Since(began), err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, time.Since(began), err
}
