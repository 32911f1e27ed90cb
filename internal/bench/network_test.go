package bench

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

const answer = "a route from Pangyo to Jeju"

// network is what carries the requests of one contender to two servers.
type network struct {
	addresses []string
	adapt     func(*http.Transport) *http.Transport
	opened    atomic.Int64 // connections
}

// newMemory returns a network without a network.
func newMemory(testing.TB) *network {
	return &network{addresses: []string{"10.1.0.11:8080", "10.2.0.11:8080"}, adapt: inMemory}
}

// newLoopback returns two servers.
func newLoopback(tb testing.TB) *network {
	n := &network{}
	for range 2 {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, answer)
		}))
		tb.Cleanup(s.Close)
		n.addresses = append(n.addresses, strings.TrimPrefix(s.URL, "http://"))
	}
	n.adapt = func(t *http.Transport) *http.Transport {
		dial := (&net.Dialer{}).DialContext
		t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			n.opened.Add(1)
			return dial(ctx, network, address)
		}
		return t
	}
	return n
}

// bare is net/http's own transport on the network, as fairlead makes it.
func (n *network) bare(tb testing.TB) *http.Transport {
	t := n.adapt(&http.Transport{MaxIdleConnsPerHost: 256})
	tb.Cleanup(t.CloseIdleConnections)
	return t
}
