package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/fairlead-go/fairlead/internal/steady"
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

const callsPerSecond = 1000

// load is calls through fairlead, of all tiers.
type load struct {
	client  *http.Client
	journal *journal
}

// startLoad begins to send calls through the transport.
func startLoad(transport http.RoundTripper, j *journal) *steady.Load {
	l := &load{client: &http.Client{Transport: transport}, journal: j}
	return steady.Start(steady.PerSecond(callsPerSecond), func(n int) { l.call(mix[n%len(mix)]) })
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
