package cloudhttp

import (
	"crypto/tls"
	"maps"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
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
// Its zero value is for hosts that are no service.
type baseKey struct {
	cloud string
	name  string // empty without TLS, or h2c
}

// h2c stands for the name where HTTP/2 is spoken without TLS. No host has it.
const h2c = "h2c:"

// base is what carries the requests of a key.
type base struct {
	http.RoundTripper
	plain bool // it is net/http's own, and nothing around it
	h2c   bool // it speaks HTTP/2 without TLS
	// reports says whether it tells of the connections that requests get: it
	// did so when it was last asked, or is net/http's and wasn't asked yet.
	reports atomic.Bool
}

// shares reports whether a connection carries other requests as well, that
// is, HTTP/2. It is found out as net/http does.
func (b *base) shares(c net.Conn) bool {
	if secure, ok := c.(interface{ ConnectionState() tls.ConnectionState }); ok {
		return secure.ConnectionState().NegotiatedProtocol == "h2"
	}
	return b.h2c
}

// bases are all of them, made when they are first needed. The zero value is
// ready for use; its settings are then not changed any more.
type bases struct {
	base         func(cloud string, t *http.Transport) http.RoundTripper // nil: t itself
	tls          func(cloud string) *tls.Config                          // nil: the defaults
	denyLoopback bool

	// made holds them by cloud and name: two small maps of strings are faster
	// than one with both for its key. They are replaced, never changed.
	made atomic.Pointer[map[string]map[string]func() *base]
	mu   sync.Mutex // whoever replaces them
}

// of returns what carries requests to an endpoint.
func (b *bases) of(cloud string, e *balancer.Endpoint) *base {
	key := baseKey{cloud: cloud}
	switch e.Scheme {
	case "https":
		key.name = e.Name
	case "h2c":
		key.name = h2c
	}
	return b.get(key)
}

// other returns what carries requests to hosts that are no service.
func (b *bases) other() *base { return b.get(baseKey{}) }

func (b *bases) get(key baseKey) *base {
	if made := b.made.Load(); made != nil {
		if get := (*made)[key.cloud][key.name]; get != nil {
			return get()
		}
	}
	return b.add(key)()
}

// add enters a base, which is made without the lock: that calls the user's
// functions.
func (b *bases) add(key baseKey) func() *base {
	b.mu.Lock()
	defer b.mu.Unlock()
	next := make(map[string]map[string]func() *base)
	if made := b.made.Load(); made != nil {
		maps.Copy(next, *made)
	}
	names := make(map[string]func() *base)
	maps.Copy(names, next[key.cloud])
	if names[key.name] == nil {
		names[key.name] = sync.OnceValue(func() *base { return b.make(key) })
	}
	next[key.cloud] = names
	b.made.Store(&next)
	return names[key.name]
}

func (b *bases) make(key baseKey) *base {
	t := b.transport(key)
	made := &base{RoundTripper: t}
	if b.base != nil {
		made.RoundTripper = b.base(key.cloud, t)
	}
	if own, ok := made.RoundTripper.(*http.Transport); ok {
		t, made.plain = own, true
	}
	made.h2c = t.Protocols != nil && t.Protocols.UnencryptedHTTP2() && !t.Protocols.HTTP1()
	made.reports.Store(made.plain)
	return made
}

// transport returns the usual transport. It takes no proxy from the
// environment: the config says where requests go.
func (b *bases) transport(key baseKey) *http.Transport {
	guard := guard{denyLoopback: b.denyLoopback}
	t := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: dialTimeout, Control: guard.control}).DialContext,
		TLSClientConfig:        b.tlsConfig(key),
		TLSHandshakeTimeout:    handshakeTimeout,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
		MaxIdleConnsPerHost:    idlePerEndpoint,
		IdleConnTimeout:        idleTimeout,
		ExpectContinueTimeout:  continueTimeout,
		MaxResponseHeaderBytes: headerLimit,
	}
	if key.name == h2c {
		t.Protocols = new(http.Protocols)
		t.Protocols.SetUnencryptedHTTP2(true)
	}
	return t
}

// tlsConfig returns a config of this base's own. Sessions are not shared: one
// that a cloud has given out must not be shown to another.
func (b *bases) tlsConfig(key baseKey) *tls.Config {
	var own *tls.Config
	if b.tls != nil {
		own = b.tls(key.cloud).Clone() // nil is cloned to nil
	}
	if own == nil {
		own = new(tls.Config)
	}
	own.ServerName = key.name // that of h2c isn't used
	own.MinVersion = max(own.MinVersion, tls.VersionTLS12)
	own.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	return own
}

func (b *bases) closeIdle() {
	made := b.made.Load()
	if made == nil {
		return
	}
	for _, names := range *made {
		for _, get := range names {
			if c, ok := get().RoundTripper.(interface{ CloseIdleConnections() }); ok {
				c.CloseIdleConnections()
			}
		}
	}
}
