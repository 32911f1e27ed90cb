package cloudgrpc

import (
	"context"
	"net"
	"strings"
	"sync"
	"time"
)

const (
	// dialTimeout is how long a host may take to accept a connection.
	dialTimeout = time.Second
	// dialAgain is when it is asked once more. A packet that was lost while the
	// network was down is repeated by TCP after seconds only.
	dialAgain = 300 * time.Millisecond
)

// dial connects to an address as gRPC has it. While the host says nothing it is
// asked every dialAgain; the first answer counts.
func dial(ctx context.Context, address string) (net.Conn, error) {
	network := "tcp"
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", path
	}
	return dialEvery(ctx, dialAgain, func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{Control: control}).DialContext(ctx, network, address)
	})
}

// dialEvery dials until there is an answer, good or bad, or dialTimeout is over.
func dialEvery(ctx context.Context, every time.Duration, dial func(context.Context) (net.Conn, error)) (net.Conn, error) {
	type answer struct {
		conn net.Conn
		err  error
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	answers := make(chan answer)
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-again.C:
			again.Reset(every)
			wg.Go(func() {
				conn, err := dial(ctx)
				select {
				case answers <- answer{conn, err}:
				case <-ctx.Done():
					if conn != nil {
						conn.Close() // another was sooner
					}
				}
			})
		case a := <-answers:
			return a.conn, a.err
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
