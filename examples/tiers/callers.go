package main

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/internal/steady"
	"github.com/fairlead-go/fairlead/sla"
)

// stream is the calls of one customer, or of many who have no contract.
type stream struct {
	contract      sla.Contract // with the caller; without a name there is none
	customers     int          // how many there are, if more than one
	usual, bursts int          // calls per second
}

var streams = []stream{
	{contract: sla.Contract{Name: "acme-dispatch", Product: "dispatch", Customer: "acme", Target: 0.9995}, usual: 120, bursts: 240},
	{contract: sla.Contract{Name: "globex-dispatch", Product: "dispatch", Customer: "globex", Target: 0.999}, usual: 80, bursts: 160},
	{contract: sla.Contract{Name: "initech-maps", Product: "maps", Customer: "initech", Target: 0.995}, usual: 100, bursts: 150},
	{contract: sla.Contract{Name: "umbrella-maps", Product: "maps", Customer: "umbrella", Target: 0.99}, usual: 100, bursts: 150},
	{contract: sla.Contract{Name: "hooli-analytics", Product: "analytics", Customer: "hooli", Target: 0.7}, usual: 50, bursts: 50},
	{contract: sla.Contract{Product: "analytics", Customer: "crawler"}, customers: 200, usual: 50, bursts: 850},
}

// callers make calls and don't wait for answers before they make more.
type callers struct {
	router  *balancer.Router
	clouds  *clouds
	burst   atomic.Bool
	streams []*steady.Load
}

func startCallers(router *balancer.Router, clouds *clouds) *callers {
	c := &callers{router: router, clouds: clouds}
	for _, s := range streams {
		c.streams = append(c.streams, steady.Start(
			func() float64 { return float64(s.rate(c.burst.Load())) },
			func(n int) { c.call(s, n) }))
	}
	return c
}

// rate is the number of calls per second.
func (s *stream) rate(burst bool) int {
	if burst {
		return s.bursts
	}
	return s.usual
}

// stop makes no more calls and returns when all have ended.
func (c *callers) stop() {
	for _, s := range c.streams {
		s.Stop()
	}
}

// made returns the number of calls of each stream.
func (c *callers) made() (made []int64) {
	for _, s := range c.streams {
		made = append(made, s.Made())
	}
	return made
}

// call makes the n-th call of a stream. What became of it, the router counts.
func (c *callers) call(s stream, n int) {
	who := sla.Caller{Product: s.contract.Product, Customer: s.contract.Customer}
	if s.customers > 1 {
		who.Customer = fmt.Sprintf("%s-%d", who.Customer, n%s.customers)
	}
	ctx := sla.WithCaller(context.Background(), who)
	balancer.Do(ctx, c.router, balancer.Call{Service: service, Method: "GET /v1/route", Idempotent: true}, c.clouds.try, nil)
}
