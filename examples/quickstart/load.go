package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/fairlead-go/fairlead/sla"
)

// The tiers of the config, most critical first.
const critical = "critical"

var tierNames = []string{critical, "standard", "batch"}

// mix is the order in which calls of the tiers begin, over and over.
var mix = [...]string{
	critical, "standard", critical, "standard", "batch",
	critical, "standard", critical, "standard", "batch",
}

const (
	callsPerSecond = 1000
	// mostAtOnce bounds the calls under way; their timeouts keep them below.
	mostAtOnce = 2 * callsPerSecond
	// mostBehind bounds the burst after this program itself stood still.
	mostBehind = callsPerSecond / 10
)

// load is a stream of calls that does not wait for answers before it sends
// more, as the calls of many users don't.
type load struct {
	client  *http.Client
	journal *journal
	slots   chan struct{}
	cancel  context.CancelFunc
	wg      sync.WaitGroup
}

// startLoad begins to send calls through the transport.
func startLoad(transport http.RoundTripper, j *journal) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{
		client:  &http.Client{Transport: transport},
		journal: j,
		slots:   make(chan struct{}, mostAtOnce),
		cancel:  cancel,
	}
	l.wg.Go(func() { l.send(ctx) })
	return l
}

// stop sends no more calls and returns when all have ended.
func (l *load) stop() {
	l.cancel()
	l.wg.Wait()
}

// send begins calls at an even rate until ctx ends.
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
				l.call(tier)
				<-l.slots
			})
		}
	}
}

// call makes one call and notes how it went.
func (l *load) call(tier string) {
	began := time.Now()
	err := l.get(sla.WithTier(context.Background(), tier))
	l.journal.called(tier, time.Since(began), err != nil)
}

// get asks for a route.
func (l *load) get(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://routing-api/v1/route?from=Pangyo&to=Jeju", nil)
	if err != nil {
		return err
	}
	resp, err := l.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}
