package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudhttp"
	"github.com/fairlead-go/fairlead/balancer/console"
)

// pagePath is where the console is mounted.
const pagePath = "/debug/fairlead/"

// page serves the console of a router on loopback.
type page struct {
	address string
	server  *http.Server
	wg      sync.WaitGroup
}

// startPage begins to serve the console on a port that the system chooses.
func startPage(router *balancer.Router) (*page, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle(pagePath, console.Handler(router))
	p := &page{
		address: "http://" + listener.Addr().String() + pagePath,
		server:  &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second},
	}
	p.wg.Go(func() { p.server.Serve(listener) }) // its error says that it was closed
	return p, nil
}

// stop ends it, and those who look.
func (p *page) stop() {
	p.server.Close()
	p.wg.Wait()
}

// goOn sends calls until ctx ends.
func goOn(ctx context.Context, transport *cloudhttp.Transport, j *journal, s *screen) {
	fmt.Fprintln(s.out, "\nClouds and calls go on. Ctrl-C ends them.")
	calls := startLoad(transport, j)
	defer calls.Stop()
	<-ctx.Done()
}
