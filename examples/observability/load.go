package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"

	"github.com/fairlead-go/fairlead/internal/steady"
	"github.com/fairlead-go/fairlead/sla"
)

// callsPerSecond are those of all tiers together, one after the other.
const callsPerSecond = 120

var tierNames = []string{"critical", "standard", "batch"}

// load sends calls and counts what becomes of them.
type load struct {
	*steady.Load
	client *http.Client
	tiers  []*counter
}

type counter struct {
	tier         string
	sent, failed atomic.Int64
	why          atomic.Pointer[string] // of the first that failed
}

// startLoad begins to send calls, until Stop.
func startLoad(client *http.Client) *load {
	l := &load{client: client}
	for _, tier := range tierNames {
		l.tiers = append(l.tiers, &counter{tier: tier})
	}
	l.Load = steady.Start(steady.PerSecond(callsPerSecond), func(n int) {
		c := l.tiers[n%len(l.tiers)]
		l.call(sla.WithTier(context.Background(), c.tier), c)
	})
	return l
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
