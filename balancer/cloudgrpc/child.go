package cloudgrpc

import (
	"context"
	"sync"
	"sync/atomic"

	grpcbalancer "google.golang.org/grpc/balancer"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/resolver"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

// child is the connection to one endpoint, kept by a pick_first policy.
type child struct {
	policy   *policy
	place    balancer.Place
	endpoint resolver.Endpoint

	// ready gives the connection, nil as long as there is none that may be used.
	// Picks read it.
	ready atomic.Pointer[readyConn]

	mu     sync.Mutex // for calls of the leaf; taken before policy.mu
	leaf   grpcbalancer.Balancer
	closed bool

	// The policy's mutex guards what follows.
	state   connectivity.State // as the policy counts it
	current *leafConn          // the leaf's side; reports of others are late
	conn    *readyConn         // while it is connected, used or not
	err     error              // why it isn't
	gone    bool               // the policy doesn't count it any more
	news    chan struct{}      // closed with the next change; nil while nobody waits
}

// readyConn is a connection that is up.
type readyConn struct {
	sub  grpcbalancer.SubConn
	stop context.CancelFunc // ends what watches it
}

// leafConn is what a leaf policy takes for its ClientConn.
type leafConn struct {
	grpcbalancer.ClientConn
	child *child
}

// renew drops the connection, if there is one, and makes another at once,
// whatever gRPC's backoff says.
func (c *child) renew() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	conn := &leafConn{ClientConn: c.policy.cc, child: c}
	old := c.leaf
	c.policy.mu.Lock()
	c.current = conn
	c.policy.mu.Unlock()
	c.leaf = c.policy.leaf.Build(conn, c.policy.opts)
	// The error would be about endpoints without addresses, which don't exist.
	_ = c.leaf.UpdateClientConnState(grpcbalancer.ClientConnState{
		ResolverState: resolver.State{Endpoints: []resolver.Endpoint{c.endpoint}},
	})
	if old != nil {
		old.Close()
	}
}

func (c *child) exitIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.leaf.ExitIdle()
	}
}

func (c *child) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.closed = true
	if c.leaf != nil {
		c.leaf.Close()
	}
	c.policy.mu.Lock()
	defer c.policy.mu.Unlock()
	c.current = nil
	c.disconnect()
	c.tell()
}

// UpdateState is called by the leaf, by any goroutine.
func (l *leafConn) UpdateState(s grpcbalancer.State) {
	c, p := l.child, l.child.policy
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.current != l {
		return // of a connection that was given up
	}
	c.disconnect()
	to := s.ConnectivityState
	switch to {
	case connectivity.Ready:
		c.connect(s.Picker)
	case connectivity.TransientFailure:
		_, c.err = s.Picker.Pick(grpcbalancer.PickInfo{Ctx: context.Background()})
	case connectivity.Idle:
		if !p.closed {
			p.wg.Go(c.exitIdle) // not here: the leaf may hold its lock
		}
	}
	p.changed(c, to)
	c.tell()
}

// connect takes a connection into use: pick_first's picker has nothing but that.
// The caller holds policy.mu.
func (c *child) connect(picker grpcbalancer.Picker) {
	picked, err := picker.Pick(grpcbalancer.PickInfo{Ctx: context.Background()})
	if err != nil {
		c.err = err
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	c.conn, c.err = &readyConn{sub: picked.SubConn, stop: stop}, nil
	c.ready.Store(c.conn)
	c.watch(ctx, c.conn)
}

// disconnect takes the connection out of use. The caller holds policy.mu.
func (c *child) disconnect() {
	c.ready.Store(nil)
	if c.conn != nil {
		c.conn.stop()
		c.conn = nil
	}
}

// serving says whether the server at the connection's other end wants calls.
func (c *child) serving(conn *readyConn, err error) {
	p := c.policy
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.conn != conn {
		return
	}
	to := connectivity.Ready
	if c.err = err; err != nil {
		to = connectivity.TransientFailure
		c.ready.Store(nil)
	} else {
		c.ready.Store(conn)
	}
	if to != c.state {
		p.changed(c, to)
	}
	c.tell()
}

// tell wakes those who wait for a change. The caller holds policy.mu.
func (c *child) tell() {
	if c.news != nil {
		close(c.news)
		c.news = nil
	}
}

// look returns the connection or, if there is none, why not, and a channel that
// is closed with the next change.
func (c *child) look() (conn *readyConn, state connectivity.State, err error, changed <-chan struct{}) {
	c.policy.mu.Lock()
	defer c.policy.mu.Unlock()
	if c.news == nil {
		c.news = make(chan struct{})
		if c.gone || c.policy.closed {
			close(c.news)
		}
	}
	return c.conn, c.state, c.err, c.news
}

// over reports whether the endpoint is no longer connected to.
func (c *child) over() bool {
	c.policy.mu.Lock()
	defer c.policy.mu.Unlock()
	return c.gone || c.policy.closed
}

// blame is what speaks against the endpoint when a call has to leave it.
func (c *child) blame() health.Outcome {
	if c == nil {
		return health.Outcome{} // the policy hasn't heard of it yet
	}
	if _, state, _, _ := c.look(); state == connectivity.TransientFailure {
		return health.Outcome{Kind: health.Refused, Reason: reasonNoConnection}
	}
	return health.Outcome{}
}
