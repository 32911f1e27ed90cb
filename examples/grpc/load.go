package main

import (
	"context"
	"sync"
	"time"

	"github.com/fairlead-go/fairlead/internal/steady"
	"github.com/fairlead-go/fairlead/sla"
)

// The tiers of the config, most critical first.
const critical = "critical"

var tierNames = []string{critical, "standard", "batch"}

// mix is the order in which calls of the tiers begin, over and over.
var mix = [...]string{critical, "standard", critical, "standard", "batch"}

const (
	callsPerSecond = 400
	vehicles       = 30
)

// load is calls that begin at an even rate, and vehicles that are followed.
type load struct {
	client  routingClient
	journal *journal
	calls   *steady.Load
	cancel  context.CancelFunc
	wg      sync.WaitGroup // of the vehicles
}

// startLoad begins to send calls.
func startLoad(client routingClient, j *journal) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{client: client, journal: j, cancel: cancel}
	l.calls = steady.Start(steady.PerSecond(callsPerSecond), func(n int) {
		tier := mix[n%len(mix)]
		l.call(sla.WithTier(context.Background(), tier), tier)
	})
	for i := range vehicles {
		l.wg.Go(func() {
			// Streams end one after another, not all at once.
			if pause(ctx, time.Duration(i)*positions*positionEvery/vehicles) {
				l.follow(sla.WithTier(ctx, critical))
			}
		})
	}
	return l
}

// stop sends no more calls and returns when all have ended.
func (l *load) stop() {
	l.cancel()
	l.calls.Stop()
	l.wg.Wait()
}

// call asks for a route and notes how it went.
func (l *load) call(ctx context.Context, tier string) {
	began := time.Now()
	_, cloud, err := l.client.Route(ctx, "Jeju")
	l.journal.called(tier, cloud, time.Since(began), err)
}
