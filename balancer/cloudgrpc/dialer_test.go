package cloudgrpc

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// noted is a connection that knows whether it was closed.
type noted struct {
	net.Conn
	closed bool
}

func (n *noted) Close() error { n.closed = true; return nil }

func TestDialEvery(t *testing.T) {
	refused := errors.New("refused")
	for _, test := range []struct {
		name  string
		takes []time.Duration // of each attempt; 0: refused at once, none: for ever
		after time.Duration
		tries int
		err   error
	}{
		{name: "at once", takes: []time.Duration{time.Millisecond}, after: time.Millisecond, tries: 1},
		{name: "slow, but sooner than the second", takes: []time.Duration{350 * time.Millisecond, 350 * time.Millisecond}, after: 350 * time.Millisecond, tries: 2},
		{name: "the second", takes: []time.Duration{time.Hour, time.Millisecond}, after: 301 * time.Millisecond, tries: 2},
		{name: "refused", takes: []time.Duration{0}, tries: 1, err: refused},
		{name: "refused late", takes: []time.Duration{time.Hour, time.Hour, 0}, after: 600 * time.Millisecond, tries: 3, err: refused},
		{name: "never", after: time.Second, tries: 4, err: context.DeadlineExceeded},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var conns []*noted
				began := time.Now()
				conn, err := dialEvery(t.Context(), dialAgain, func(ctx context.Context) (net.Conn, error) {
					mu.Lock()
					takes := time.Hour
					if len(conns) < len(test.takes) {
						takes = test.takes[len(conns)]
					}
					n := &noted{}
					conns = append(conns, n)
					mu.Unlock()
					if takes == 0 {
						return nil, refused
					}
					if !sleep(ctx, takes) {
						return nil, ctx.Err()
					}
					return n, nil
				})
				if !errors.Is(err, test.err) || (conn == nil) != (err != nil) || time.Since(began) != test.after || len(conns) != test.tries {
					t.Errorf("%v, %v after %v and %d tries", conn, err, time.Since(began), len(conns))
				}
				for _, n := range conns {
					if n.closed && net.Conn(n) == conn {
						t.Error("the connection was closed")
					}
				}
			})
		})
	}
}
