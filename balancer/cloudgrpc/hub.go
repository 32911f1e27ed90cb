package cloudgrpc

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/fairlead-go/fairlead/balancer"
)

// hub is what all connections of one router share. It ends with the router.
type hub struct {
	router *balancer.Router
	// routed says that an interceptor has made a route: only then does a context
	// need to be searched for one.
	routed atomic.Bool

	mu       sync.Mutex
	policies map[string][]*policy // by service, those that are connected
}

type hubKey struct{}

// attach returns the router's hub. The first call makes the router probe gRPC
// endpoints through their connections, and resolve targets as gRPC does.
func attach(router *balancer.Router) *hub {
	return router.Adapter(hubKey{}, func() any {
		h := &hub{router: router, policies: make(map[string][]*policy)}
		router.SetProber(balancer.GRPC, h.probe)
		router.SetTargetResolver(resolveTarget)
		return h
	}).(*hub)
}

func (h *hub) add(p *policy) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.policies[p.service] = append(h.policies[p.service], p)
}

func (h *hub) remove(p *policy) {
	h.mu.Lock()
	defer h.mu.Unlock()
	others := slices.DeleteFunc(h.policies[p.service], func(other *policy) bool { return other == p })
	if len(others) == 0 {
		delete(h.policies, p.service)
		return
	}
	h.policies[p.service] = others
}

// children returns the connections to an endpoint: each ClientConn has its own,
// unless it is idle.
func (h *hub) children(service string, e *balancer.Endpoint) (all []*child) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.policies[service] {
		if c := p.child(e); c != nil {
			all = append(all, c)
		}
	}
	return all
}
