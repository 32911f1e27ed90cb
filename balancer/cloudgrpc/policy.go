package cloudgrpc

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
	"unique"

	grpcbalancer "google.golang.org/grpc/balancer"
	"google.golang.org/grpc/balancer/pickfirst"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/serviceconfig"

	"github.com/fairlead-go/fairlead/balancer"
)

// PolicyName is the name of the load balancing policy in a service config.
const PolicyName = "fairlead.v1.CloudPolicy"

func init() { grpcbalancer.Register(builder{}) } // grpc knows policies by name alone

// builder makes policies. It is stateless: a policy learns from the resolver's
// state which router it belongs to.
type builder struct{}

func (builder) Name() string { return PolicyName }

func (builder) Build(cc grpcbalancer.ClientConn, opts grpcbalancer.BuildOptions) grpcbalancer.Balancer {
	p := &policy{cc: cc, opts: opts, leaf: grpcbalancer.Get(pickfirst.Name), state: connectivity.Connecting}
	p.slots.Store(&[]*child{})
	return p
}

// policyConfig is the policy's own part of a service config, which has nothing.
type policyConfig struct {
	serviceconfig.LoadBalancingConfig `json:"-"`
}

// ParseConfig accepts any object: gRPC demands that unknown fields be ignored.
func (builder) ParseConfig(data json.RawMessage) (serviceconfig.LoadBalancingConfig, error) {
	var config policyConfig
	if err := json.Unmarshal(data, &config); err != nil {
		return nil, fmt.Errorf("%s: %w", PolicyName, err)
	}
	return config, nil
}

// policy holds a connection to every endpoint of a service, in every cloud. The
// router chooses among them; what it knows outlives the policy, which gRPC
// discards when the ClientConn is idle.
//
// gRPC calls the methods of a balancer one after another. Connections report
// from other goroutines as well, and picks run in those of the calls.
type policy struct {
	cc   grpcbalancer.ClientConn
	opts grpcbalancer.BuildOptions
	leaf grpcbalancer.Builder

	// Set by the first good UpdateClientConnState, before any pick.
	*link
	slots atomic.Pointer[[]*child]                  // by Endpoint.Slot; replaced, never changed
	pool  sync.Pool                                 // of *done
	last  atomic.Pointer[balancer.Call]             // never changed: see call
	calls atomic.Pointer[map[string]*balancer.Call] // by method

	// blocked says that a call waits for another state of the connections.
	blocked atomic.Bool
	// anyReady and anyComing say whether it is worth looking for such a
	// connection.
	anyReady, anyComing atomic.Bool

	// mu guards the states of all children, too. The order of locks is: a child's
	// own, its pick_first's, this one, and gRPC's. gRPC is told of a new state
	// under it: states must come in their order.
	mu     sync.Mutex
	counts [connectivity.Shutdown + 1]int
	state  connectivity.State
	told   bool // gRPC has a picker
	closed bool
	alarm  *time.Timer // wakes blocked calls; nil unless set

	wg sync.WaitGroup // goroutines of the children
}

// UpdateClientConnState takes the endpoints that the resolver has found. Those
// that stay keep their connections.
func (p *policy) UpdateClientConnState(s grpcbalancer.ClientConnState) error {
	l, ok := s.ResolverState.Attributes.Value(linkKey{}).(*link)
	if !ok {
		p.fail(fmt.Errorf("%s serves targets of the scheme %s only", PolicyName, Scheme))
		return grpcbalancer.ErrBadResolverState
	}
	l.inUse.Store(true)
	if p.link == nil && len(s.ResolverState.Endpoints) == 0 {
		return nil // the resolver asks who is in use; the endpoints come next
	}
	if p.link == nil {
		p.link = l
		l.hub.add(p)
	}
	was := *p.slots.Load()
	is := make([]*child, 0, max(len(was), len(s.ResolverState.Endpoints)))
	var fresh []*child
	for _, endpoint := range s.ResolverState.Endpoints {
		place, ok := endpoint.Attributes.Value(placeKey{}).(balancer.Place)
		if !ok {
			continue // can't be: the resolver marks each
		}
		slot := place.Endpoint.Slot
		for slot >= len(is) {
			is = append(is, nil)
		}
		if slot < len(was) && was[slot] != nil && was[slot].place.Endpoint == place.Endpoint {
			is[slot] = was[slot]
			continue
		}
		is[slot] = &child{policy: p, place: place, endpoint: endpoint, state: connectivity.Idle}
		is[slot].coming.Store(true)
		fresh = append(fresh, is[slot])
	}
	gone := p.replace(was, is, len(fresh))
	for _, c := range fresh {
		c.renew()
	}
	for _, c := range gone {
		c.close()
	}
	p.mu.Lock()
	p.publish(true) // also if all endpoints have gone
	p.mu.Unlock()
	if len(s.ResolverState.Endpoints) == 0 {
		return grpcbalancer.ErrBadResolverState
	}
	return nil
}

// replace makes other children those that picks see and states are counted of, some
// of them fresh. It returns those that have gone.
func (p *policy) replace(was, is []*child, fresh int) (gone []*child) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for slot, c := range was {
		if c != nil && (slot >= len(is) || is[slot] != c) {
			p.counts[c.state]--
			c.gone = true
			gone = append(gone, c)
		}
	}
	p.counts[connectivity.Idle] += fresh
	p.slots.Store(&is)
	return gone
}

// child returns the endpoint's, nil if it has none (yet).
func (p *policy) child(e *balancer.Endpoint) *child {
	slots := *p.slots.Load()
	if uint(e.Slot) < uint(len(slots)) {
		if c := slots[e.Slot]; c != nil && c.place.Endpoint == e {
			return c
		}
	}
	return nil
}

// changed takes note of a child's new state. The caller holds mu.
func (p *policy) changed(c *child, to connectivity.State) {
	from := c.state
	c.state = to
	c.coming.Store(to == connectivity.Connecting || to == connectivity.Idle)
	if c.gone || p.closed {
		return
	}
	p.counts[from]--
	p.counts[to]++
	// A call may have picked a connection that was lost before anybody knew. It
	// waits for the next picker.
	p.publish(from == connectivity.Ready)
}

// publish tells gRPC the state of all connections together. Picks read those of
// each from the child itself, so that n connections that come up cost n and not
// n² steps: gRPC is told of one only if the whole changes with it or a call waits.
// The caller holds mu.
func (p *policy) publish(always bool) {
	state := connectivity.TransientFailure
	for _, s := range []connectivity.State{connectivity.Idle, connectivity.Connecting, connectivity.Ready} {
		if p.counts[s] > 0 {
			state = s
		}
	}
	p.anyReady.Store(p.counts[connectivity.Ready] > 0)
	p.anyComing.Store(p.counts[connectivity.Connecting]+p.counts[connectivity.Idle] > 0)
	waiting := p.blocked.Swap(false)
	if p.closed || p.told && state == p.state && !waiting && !always {
		return
	}
	p.state, p.told = state, true
	p.cc.UpdateState(grpcbalancer.State{ConnectivityState: state, Picker: (*picker)(p)})
}

// fail makes all calls fail.
func (p *policy) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.state, p.told = connectivity.TransientFailure, true
		p.cc.UpdateState(grpcbalancer.State{ConnectivityState: p.state, Picker: brokenPicker{err}})
	}
}

// brokenPicker fails all calls.
type brokenPicker struct{ err error }

func (b brokenPicker) Pick(grpcbalancer.PickInfo) (grpcbalancer.PickResult, error) {
	return grpcbalancer.PickResult{}, b.err
}

// wakeLater has blocked calls pick again soon: what they wait for is the router's
// business, of which gRPC hears nothing.
func (p *policy) wakeLater() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.alarm != nil {
		return
	}
	p.wg.Add(1)
	p.alarm = time.AfterFunc(wakeEvery, func() {
		defer p.wg.Done()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.alarm = nil
		p.publish(true)
	})
}

const wakeEvery = 50 * time.Millisecond // the period of the router's controller

// ResolverError is told when the router has no such service, or no address for
// it. Endpoints that were known go on.
func (p *policy) ResolverError(err error) {
	if len(*p.slots.Load()) == 0 {
		p.fail(err)
	}
}

// UpdateSubConnState is never called: the connections are the children's.
func (p *policy) UpdateSubConnState(grpcbalancer.SubConn, grpcbalancer.SubConnState) {}

// ExitIdle connects what isn't.
func (p *policy) ExitIdle() {
	for _, c := range *p.slots.Load() {
		if c != nil {
			c.exitIdle()
		}
	}
}

// Close ends all connections. Calls under way may finish.
func (p *policy) Close() {
	p.mu.Lock()
	p.closed = true
	if p.alarm != nil && p.alarm.Stop() {
		p.wg.Done()
	}
	p.mu.Unlock()
	if p.link != nil {
		p.hub.remove(p)
	}
	for _, c := range *p.slots.Load() {
		if c != nil {
			c.close()
		}
	}
	p.wg.Wait()
}

// link is what the connections of one resolver have in common. The resolver hands
// it to the policy.
type link struct {
	*settings
	hub      *hub
	service  string
	interned unique.Handle[string] // the service: picks compare its pointer with that of the router's
	inUse    atomic.Bool           // a policy has got it
	// ownConfig is what the resolver says if the default service config names
	// no policy. Nil until then. Only the resolver uses it.
	ownConfig *serviceconfig.ParseResult
}

type linkKey struct{}

// placeKey marks a resolver.Endpoint and its address with the balancer.Place.
type placeKey struct{}

var errNoConnection = errors.New("no connection")

// endpointOf returns the place as gRPC has it.
func endpointOf(place balancer.Place) resolver.Endpoint {
	address := resolver.Address{Addr: place.Endpoint.Address, ServerName: place.Endpoint.Host}
	address.Attributes = address.Attributes.WithValue(placeKey{}, place)
	return resolver.Endpoint{Addresses: []resolver.Address{address}, Attributes: address.Attributes}
}
