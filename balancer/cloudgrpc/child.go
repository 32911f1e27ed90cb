package cloudgrpc

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	grpcbalancer "google.golang.org/grpc/balancer"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/resolver"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

// child is the connection to one endpoint, kept by a pick_first policy.
type child struct {
	// ready gives the connection, nil as long as there is none that may be used.
	// Picks read it, and place: of thousands of children, one cache line each.
	ready    atomic.Pointer[readyConn]
	place    balancer.Place
	policy   *policy
	endpoint resolver.Endpoint
	// coming says that a connection is being made and may soon be there.
	coming atomic.Bool

	mu     sync.Mutex // for calls of the leaf; taken before policy.mu
	leaf   grpcbalancer.Balancer
	closed bool

	// The policy's mutex guards what follows.
	raw      connectivity.State // the leaf's
	began    time.Time          // when it began to connect
	patience time.Duration      // how long that may take until a probe begins anew
	// state is what calls see: as raw, but an endpoint that can't be reached
	// stays so until it is (gRFC A62).
	state   connectivity.State
	current *leafConn     // the leaf's side; reports of others are late
	conn    *readyConn    // while it is connected, used or not
	err     error         // why it isn't
	gone    bool          // the policy doesn't count it any more
	news    chan struct{} // closed with the next change; nil while nobody waits
}

// readyConn is a connection that is up.
type readyConn struct {
	sub  grpcbalancer.SubConn
	stop context.CancelFunc // ends what watches it
	told bool               // whether it serves is known; the policy's mutex guards it
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
	c.current, c.raw, c.began = conn, connectivity.Idle, time.Now()
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

const (
	firstPatience = 2 * time.Second
	mostPatience  = 20 * time.Second // gRPC's own
)

// hurry connects at once if nobody does, or if it takes long: packets of it may
// have been lost, and are repeated ever more slowly. A handshake that is only slow
// must come to its end, so each one that is given up makes the next more patient.
func (c *child) hurry() {
	if c.mayHurry() {
		c.renew()
	}
}

func (c *child) mayHurry() bool {
	c.policy.mu.Lock()
	defer c.policy.mu.Unlock()
	if c.raw != connectivity.Connecting {
		return true
	}
	c.patience = max(c.patience, firstPatience)
	if time.Since(c.began) < c.patience {
		return false
	}
	c.patience = min(2*c.patience, mostPatience)
	return true
}

// unreachable lets calls pass the endpoint over, or fail, until it is connected.
func (c *child) unreachable() {
	p := c.policy
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.conn != nil || c.state == connectivity.TransientFailure {
		return
	}
	c.err = errNoAnswer
	p.changed(c, connectivity.TransientFailure)
	c.tell()
}

var errNoAnswer = errors.New("no answer to the handshake yet")

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
	c.raw = s.ConnectivityState
	to := c.raw
	switch to {
	case connectivity.Ready:
		// Calls have to wait until the server has said that it serves.
		to = connectivity.Connecting
		c.connect(s.Picker)
		c.patience = 0
	case connectivity.TransientFailure:
		_, c.err = s.Picker.Pick(grpcbalancer.PickInfo{Ctx: context.Background()})
	case connectivity.Idle:
		if !p.closed {
			p.wg.Go(c.exitIdle) // not here: the leaf may hold its lock
		}
	}
	if to == connectivity.Connecting && c.state == connectivity.TransientFailure {
		to = c.state
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
	c.conn = &readyConn{sub: picked.SubConn, stop: stop}
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
	c.policy.mu.Lock()
	defer c.policy.mu.Unlock()
	conn.told = true
	c.serves(conn, err)
}

// presume takes a server that has said nothing in time for one that serves. It may
// have said that it doesn't just as the time was over.
func (c *child) presume(conn *readyConn) {
	c.policy.mu.Lock()
	defer c.policy.mu.Unlock()
	if !conn.told {
		c.serves(conn, nil)
	}
}

// serves lets calls use the connection, or keeps them from it. The caller holds
// policy.mu.
func (c *child) serves(conn *readyConn, err error) {
	p := c.policy
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

// standing is the state that calls see, and why the endpoint can't be reached.
func (c *child) standing() (connectivity.State, error) {
	if c == nil {
		return connectivity.Idle, nil // the policy is about to hear of it
	}
	c.policy.mu.Lock()
	defer c.policy.mu.Unlock()
	return c.state, c.err
}

// look returns the connection or, if there is none, how the leaf stands, and a
// channel that is closed with the next change.
func (c *child) look() (conn *readyConn, raw connectivity.State, changed <-chan struct{}) {
	c.policy.mu.Lock()
	defer c.policy.mu.Unlock()
	if c.gone || c.policy.closed {
		return c.conn, c.raw, nothingMore
	}
	if c.news == nil {
		c.news = make(chan struct{})
	}
	return c.conn, c.raw, c.news
}

// nothingMore is what comes of a child that is given up.
var nothingMore = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// over reports whether the endpoint is no longer connected to.
func (c *child) over() bool {
	c.policy.mu.Lock()
	defer c.policy.mu.Unlock()
	return c.gone || c.policy.closed
}

// blame is what speaks against the endpoint when a call has to leave it.
func (c *child) blame() health.Outcome {
	switch state, err := c.standing(); {
	case state != connectivity.TransientFailure:
		return health.Outcome{}
	case errors.Is(err, errNotServing):
		return health.Outcome{Kind: health.Refused, Reason: reasonNotServing}
	}
	return health.Outcome{Kind: health.Refused, Reason: reasonNoConnection}
}
