package main

import (
	"context"
	"sync"
	"time"

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
	// mostAtOnce bounds the calls under way; their timeouts keep them below.
	mostAtOnce = 2 * callsPerSecond
	// mostBehind bounds the burst after this program itself stood still.
	mostBehind = callsPerSecond / 10
)

// load is calls that begin at an even rate, as those of many users do, and
// vehicles that are followed.
type load struct {
	client  routingClient
	journal *journal
	slots   chan struct{}
	cancel  context.CancelFunc
	wg      sync.WaitGroup
}

// startLoad begins to send calls.
func startLoad(client routingClient, j *journal) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{client: client, journal: j, slots: make(chan struct{}, mostAtOnce), cancel: cancel}
	l.wg.Go(func() { l.send(ctx) })
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
	l.wg.Wait()
}

// send begins calls until ctx ends.
func (l *load) send(ctx context.Context) {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	began, sent := time.Now(), 0
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		due := int(time.Since(began).Seconds() * callsPerSecond)
		for sent = max(sent, due-mostBehind); sent < due; sent++ {
			l.slots <- struct{}{}
			tier := mix[sent%len(mix)]
			l.wg.Go(func() {
				l.call(sla.WithTier(context.Background(), tier), tier)
				<-l.slots
			})
		}
	}
}

// call asks for a route and notes how it went.
func (l *load) call(ctx context.Context, tier string) {
	began := time.Now()
	_, cloud, err := l.client.Route(ctx, "Jeju")
	l.journal.called(tier, cloud, time.Since(began), err)
}
