package balancer

import (
	"errors"
	"fmt"
)

// Place is an endpoint and the cloud that it is in.
type Place struct {
	Cloud    string
	Endpoint *Endpoint

	router   *Router
	endpoint *endpoint
}

// Places returns all endpoints of a service that speak a protocol, well or
// not, and a channel that is closed when there are others or the router is
// closed. It is for adapters that keep connections of their own. The slice is
// shared and must not be changed; an endpoint that stays keeps its pointer. The
// error is an [*UnknownServiceError] or [ErrClosed].
func (r *Router) Places(service string, p Protocol) (places []Place, changed <-chan struct{}, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := r.table.Load().service(service, p); err != nil {
		return nil, r.reconfigured(), err
	}
	s := r.services[serviceKey{service, p}]
	if s.movedNews == nil {
		s.movedNews = make(chan struct{})
		n := 0
		for _, c := range s.clouds {
			n += len(c.endpoints)
		}
		s.places = make([]Place, 0, n)
		for _, c := range s.clouds {
			for _, e := range c.endpoints {
				s.places = append(s.places, Place{Cloud: c.name, Endpoint: &e.Endpoint, router: r, endpoint: e})
			}
		}
	}
	return s.places, s.movedNews, nil
}

// moved tells those who have asked for the places that they have changed.
func (s *service) moved() {
	if s.movedNews != nil {
		close(s.movedNews)
		s.movedNews, s.places = nil, nil
	}
}

// reconfigured returns a channel that is closed with the next config, or when
// the router is closed.
func (r *Router) reconfigured() <-chan struct{} {
	if r.closed() {
		return r.closing
	}
	if r.newConfig == nil {
		r.newConfig = make(chan struct{})
	}
	return r.newConfig
}

// configured tells those who wait for another config that there is one, or that
// there won't be any.
func (r *Router) configured() {
	if r.newConfig != nil {
		close(r.newConfig)
		r.newConfig = nil
	}
}

// LookAgain asks DNS, or whatever resolves the endpoints of a service, for their
// addresses now and not when it is time. Lookups of one name are at least 1 s
// apart. It doesn't wait.
func (r *Router) LookAgain(service string, p Protocol) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.services[serviceKey{service, p}]; s != nil {
		for _, c := range s.clouds {
			c.lookAgain()
		}
	}
}

// Unresolved returns why no address of a service is known, or nil if one is or
// the first lookups are under way.
func (r *Router) Unresolved(service string, p Protocol) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.services[serviceKey{service, p}]
	if s == nil {
		return nil
	}
	var why []error
	for _, c := range s.clouds {
		if len(c.endpoints) > 0 || c.asking() {
			return nil
		}
		why = append(why, fmt.Errorf("%s: %s", c.name, c.withoutAddress()))
	}
	return fmt.Errorf("%s has no address in any cloud: %w", service, errors.Join(why...))
}
