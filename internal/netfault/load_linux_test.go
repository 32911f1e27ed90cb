package netfault

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// mostBehind bounds the burst after this program itself stood still.
const mostBehind = 100 * time.Millisecond

// load is a stream of calls at an even rate, which does not wait for answers
// before it sends more, as the calls of many users don't.
type load struct {
	client *http.Client
	rate   int // per second

	calls    atomic.Int64
	mu       sync.Mutex
	failures []error
	longest  time.Duration // that the program stood still
}

// run makes calls until ctx ends, and returns when all are answered.
func (l *load) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	last := time.Now()
	for due := 0.0; ; {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		since := time.Since(last)
		last = last.Add(since)
		l.mu.Lock()
		l.longest = max(l.longest, since)
		l.mu.Unlock()
		for due += min(since, mostBehind).Seconds() * float64(l.rate); due >= 1; due-- {
			wg.Go(l.call)
		}
	}
}

// call makes one call and notes if it fails.
func (l *load) call() {
	l.calls.Add(1)
	if err := l.get(); err != nil {
		l.mu.Lock()
		l.failures = append(l.failures, err)
		l.mu.Unlock()
	}
}

func (l *load) get() error {
	resp, err := l.client.Get("http://routing-api/v1/route")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode != http.StatusOK || string(body) != answer:
		return fmt.Errorf("answer %d: %q", resp.StatusCode, body)
	}
	return nil
}
