package netfault

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudhttp"
)

// mostBehind bounds the burst after this program itself stood still.
const mostBehind = 100 * time.Millisecond

// load is a stream of calls at an even rate, which does not wait for answers
// before it sends more, as the calls of many users don't.
type load struct {
	caller caller
	rate   int         // per second
	failed func(error) // is told of each call that fails; may be nil

	calls    atomic.Int64
	mu       sync.Mutex
	failures []error
	pulse    pulse // of this program
}

// run makes calls until ctx ends, and returns when all are answered.
func (l *load) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	l.pulse.beat(time.Now())
	for due := 0.0; ; {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		since := l.pulse.beat(time.Now())
		for due += min(since, mostBehind).Seconds() * float64(l.rate); due >= 1; due-- {
			wg.Go(l.call)
		}
	}
}

// call makes one call and notes if it fails.
func (l *load) call() {
	if err := l.caller.call(l.calls.Add(1)); err != nil {
		l.mu.Lock()
		l.failures = append(l.failures, err)
		l.mu.Unlock()
		if l.failed != nil {
			l.failed(err)
		}
	}
}

// caller makes the calls, by one protocol.
type caller interface {
	protocol() balancer.Protocol
	// endpoints are those of the cloud, as the config has them.
	endpoints(*cloud) []string
	connect(*balancer.Router, *watch) error
	// call makes the n-th call. Any goroutine calls it.
	call(n int64) error
	disconnect()
}

// httpCaller makes calls over HTTP.
type httpCaller struct {
	orders bool // calls are POSTs, each with an id, that nobody may repeat
	client *http.Client
}

func (*httpCaller) protocol() balancer.Protocol { return balancer.HTTP }

func (*httpCaller) endpoints(c *cloud) []string { return c.urls() }

func (h *httpCaller) connect(r *balancer.Router, w *watch) error {
	h.client = &http.Client{Transport: cloudhttp.NewTransport(r, cloudhttp.WithBase(w.base))}
	return nil
}

func (h *httpCaller) disconnect() { h.client.CloseIdleConnections() }

func (h *httpCaller) call(n int64) error {
	method, body := http.MethodGet, io.Reader(nil)
	if h.orders {
		method, body = http.MethodPost, strings.NewReader(strconv.FormatInt(n, 10))
	}
	req, err := http.NewRequest(method, "http://routing-api/v1/route", body)
	if err != nil {
		return err
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode != http.StatusOK || string(got) != answer:
		return fmt.Errorf("answer %d: %q", resp.StatusCode, got)
	}
	return nil
}
