package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
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

// mostBehind is the longest time for which calls are made up for after this
// program itself stood still.
const mostBehind = 100 * time.Millisecond

// callers make calls and don't wait for answers before they make more.
type callers struct {
	router *balancer.Router
	clouds *clouds
	burst  atomic.Bool
	calls  []atomic.Int64 // made, by stream
	stood  atomic.Int64   // ns for which no calls were made up
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

func startCallers(router *balancer.Router, clouds *clouds) *callers {
	ctx, cancel := context.WithCancel(context.Background())
	c := &callers{router: router, clouds: clouds, calls: make([]atomic.Int64, len(streams)), cancel: cancel}
	for i := range streams {
		c.wg.Go(func() { c.send(ctx, i) })
	}
	return c
}

// stop makes no more calls and returns when all have ended.
func (c *callers) stop() {
	c.cancel()
	c.wg.Wait()
}

// made returns the number of calls of each stream.
func (c *callers) made() []int64 {
	made := make([]int64, len(c.calls))
	for i := range c.calls {
		made[i] = c.calls[i].Load()
	}
	return made
}

// send makes the calls of a stream at an even rate until ctx ends.
func (c *callers) send(ctx context.Context, i int) {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	due := 0.0
	for last := time.Now(); ; {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		rate := streams[i].usual
		if c.burst.Load() {
			rate = streams[i].bursts
		}
		now := time.Now()
		if late := now.Sub(last) - mostBehind; late > 0 && i == 0 {
			c.stood.Add(int64(late))
		}
		for due += float64(rate) * min(now.Sub(last), mostBehind).Seconds(); due >= 1; due-- {
			n := c.calls[i].Add(1)
			c.wg.Go(func() { c.call(streams[i], int(n)) })
		}
		last = now
	}
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
