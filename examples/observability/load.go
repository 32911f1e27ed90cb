package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fairlead-go/fairlead/sla"
)

// load sends calls of three tiers, 40 per second each, and counts what becomes of
// them.
type load struct {
	client *http.Client
	cancel context.CancelFunc
	wg     sync.WaitGroup
	tiers  []*counter
}

type counter struct {
	tier         string
	sent, failed atomic.Int64
	why          atomic.Pointer[string] // of the first that failed
}

// startLoad begins to send calls, until stop.
func startLoad(client *http.Client) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{client: client, cancel: cancel}
	for _, tier := range []string{"critical", "standard", "batch"} {
		c := &counter{tier: tier}
		l.tiers = append(l.tiers, c)
		l.wg.Go(func() { l.send(ctx, c) })
	}
	return l
}

// stop sends no more, and returns when every call has ended.
func (l *load) stop() {
	l.cancel()
	l.wg.Wait()
}

// send sends a call every 25 ms. One that has begun may end.
func (l *load) send(ctx context.Context, c *counter) {
	ticker := time.NewTicker(25 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			l.wg.Go(func() { l.call(sla.WithTier(context.WithoutCancel(ctx), c.tier), c) })
		}
	}
}

func (l *load) call(ctx context.Context, c *counter) {
	c.sent.Add(1)
	err := l.get(ctx)
	if err != nil {
		c.failed.Add(1)
		why := err.Error()
		c.why.CompareAndSwap(nil, &why)
	}
}

func (l *load) get(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://routing-api/v1/route", nil)
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

// print tells what became of the calls, and reports whether every critical one was
// answered.
func (l *load) print(out io.Writer) (kept bool) {
	kept = true
	for _, c := range l.tiers {
		mark, failed := "✓", c.failed.Load()
		if c.tier == "critical" && failed > 0 {
			mark, kept = "✗", false
		} else if failed > 0 {
			mark = "·"
		}
		fmt.Fprintf(out, "%s %s: %d of %d calls failed\n", mark, c.tier, failed, c.sent.Load())
		if why := c.why.Load(); why != nil {
			fmt.Fprintf(out, "  the first: %s\n", *why)
		}
	}
	return kept
}
