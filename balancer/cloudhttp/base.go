package cloudhttp

import (
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
)

const (
	// A dial goes on when the attempt that asked for it is given up, so during
	// a blackhole they add up until this time is over. It leaves room for one
	// lost SYN, which is sent again after 1 s.
	dialTimeout      = 3 * time.Second
	handshakeTimeout = 5 * time.Second
	idleTimeout      = 90 * time.Second
	continueTimeout  = time.Second
	// An HTTP/2 connection that leads nowhere is dropped when nothing came for
	// the first time and no answer to a ping for the second. Until then all
	// requests to the endpoint would go there, one after the other.
	pingAfter   = 3 * time.Second
	pingTimeout = 3 * time.Second

	// idlePerEndpoint connections are kept: as many as 1,000 calls/s need when
	// they take 250 ms.
	idlePerEndpoint = 256
	headerLimit     = 1 << 20 // bytes of a response's header
)

// baseKey tells apart what must not share connections, TLS sessions or
// certificates: clouds, and in a cloud the names that certificates must have.
type baseKey struct {
	cloud string
	name  string // empty without TLS
}

// bases are what carries the requests, made when they are first needed. The
// zero value is ready for use.
type bases struct {
	base func(cloud string, t *http.Transport) http.RoundTripper // nil: t itself

	mu   sync.Mutex
	made map[baseKey]func() http.RoundTripper
}

// of returns what carries requests to an endpoint.
func (b *bases) of(cloud string, e *balancer.Endpoint) http.RoundTripper {
	key := baseKey{cloud: cloud}
	if e.Scheme == "https" {
		key.name = e.Name
	}
	b.mu.Lock()
	get := b.made[key]
	if get == nil {
		if b.made == nil {
			b.made = make(map[baseKey]func() http.RoundTripper)
		}
		get = sync.OnceValue(func() http.RoundTripper { return b.make(key) })
		b.made[key] = get
	}
	b.mu.Unlock()
	return get()
}

func (b *bases) make(key baseKey) http.RoundTripper {
	t := newBase(key.name)
	if b.base == nil {
		return t
	}
	return b.base(key.cloud, t)
}

// newBase returns the usual transport. It takes no proxy from the environment:
// the config says where requests go.
func newBase(name string) *http.Transport {
	return &http.Transport{
		DialContext: (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSClientConfig: &tls.Config{
			ServerName:         name,
			ClientSessionCache: tls.NewLRUClientSessionCache(0),
		},
		TLSHandshakeTimeout:    handshakeTimeout,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
		MaxIdleConnsPerHost:    idlePerEndpoint,
		IdleConnTimeout:        idleTimeout,
		ExpectContinueTimeout:  continueTimeout,
		MaxResponseHeaderBytes: headerLimit,
	}
}

func (b *bases) closeIdle() {
	b.mu.Lock()
	var all []func() http.RoundTripper
	for _, get := range b.made {
		all = append(all, get)
	}
	b.mu.Unlock()
	for _, get := range all {
		if c, ok := get().(interface{ CloseIdleConnections() }); ok {
			c.CloseIdleConnections()
		}
	}
}
