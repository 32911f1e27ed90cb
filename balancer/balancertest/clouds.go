package balancertest

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
)

// Clouds are clouds in memory.
type Clouds struct {
	names     []string
	clouds    map[string]*Cloud
	byAddress map[string]*Endpoint
	handler   atomic.Pointer[http.Handler] // nil: say the cloud's name
}

// New returns clouds with that many endpoints each. It panics unless there are
// 1 to 254 endpoints and at most 256 names, each once.
func New(endpoints int, names ...string) *Clouds {
	if endpoints < 1 || endpoints > 254 || len(names) > 256 {
		panic(fmt.Sprintf("balancertest: no room for %d clouds of %d endpoints", len(names), endpoints))
	}
	cs := &Clouds{names: names, clouds: make(map[string]*Cloud), byAddress: make(map[string]*Endpoint)}
	for i, name := range names {
		if cs.clouds[name] != nil {
			panic(fmt.Sprintf("balancertest: two clouds named %q", name))
		}
		c := &Cloud{name: name}
		for k := range endpoints {
			// Addresses for benchmarks, which lead nowhere (RFC 2544).
			e := newEndpoint(name, fmt.Sprintf("198.18.%d.%d", i, k+1))
			c.endpoints = append(c.endpoints, e)
			cs.byAddress[e.host+":80"] = e
		}
		cs.clouds[name] = c
	}
	return cs
}

// Config returns a config in which each service runs at all endpoints of all
// clouds, which have equal weights. It is the caller's, to be changed as the
// test needs.
func (cs *Clouds) Config(services ...string) *balancer.Config {
	cfg := &balancer.Config{Clouds: make(map[string]balancer.Cloud), Services: make(map[string]balancer.Service)}
	for _, name := range cs.names {
		cfg.Clouds[name] = balancer.Cloud{Weight: 1}
	}
	for _, service := range services {
		clouds := make(map[string]balancer.ServiceCloud)
		for _, name := range cs.names {
			var urls []string
			for _, e := range cs.clouds[name].endpoints {
				urls = append(urls, "http://"+e.host)
			}
			clouds[name] = balancer.ServiceCloud{HTTP: urls}
		}
		cfg.Services[service] = balancer.Service{Clouds: clouds}
	}
	return cfg
}

// Cloud returns the cloud of that name. It panics if there is none.
func (cs *Clouds) Cloud(name string) *Cloud {
	c := cs.clouds[name]
	if c == nil {
		panic(fmt.Sprintf("balancertest: no cloud %q, there are %q", name, cs.names))
	}
	return c
}

// Cloud is one of the clouds. Its methods concern all of its endpoints.
type Cloud struct {
	name      string
	endpoints []*Endpoint
}

// Endpoint returns an endpoint, counted from 0. It panics if there are fewer.
func (c *Cloud) Endpoint(i int) *Endpoint { return c.endpoints[i] }

// SetLatency sets how long answers take from now on: see
// [Endpoint.SetLatency].
func (c *Cloud) SetLatency(d time.Duration) { c.each(func(e *Endpoint) { e.SetLatency(d) }) }

// Fail makes a fraction of the answers errors: see [Endpoint.Fail].
func (c *Cloud) Fail(fraction float64) { c.each(func(e *Endpoint) { e.Fail(fraction) }) }

// Silence stops all answers: see [Endpoint.Silence].
func (c *Cloud) Silence() { c.each((*Endpoint).Silence) }

// Crash loses the cloud: see [Endpoint.Crash].
func (c *Cloud) Crash() { c.each((*Endpoint).Crash) }

// Restore makes the cloud well again: see [Endpoint.Restore].
func (c *Cloud) Restore() { c.each((*Endpoint).Restore) }

// Counts returns the sum of its endpoints' counts.
func (c *Cloud) Counts() Counts {
	var sum Counts
	c.each(func(e *Endpoint) { sum = sum.plus(e.Counts()) })
	return sum
}

func (c *Cloud) each(do func(*Endpoint)) {
	for _, e := range c.endpoints {
		do(e)
	}
}
