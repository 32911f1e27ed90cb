package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"

	"github.com/fairlead-go/fairlead/balancer"
)

// memory is a network in memory with servers of the service.
type memory struct {
	mu        sync.Mutex
	listeners map[string]*bufconn.Listener // by address
}

// memoryCloud is a cloud in it.
type memoryCloud struct {
	name    string
	memory  *memory
	servers []*grpc.Server
}

// newMemory starts both clouds and returns their config.
func newMemory(t *testing.T) (*memory, map[string]*memoryCloud, *balancer.Config) {
	m := &memory{listeners: make(map[string]*bufconn.Listener)}
	all := make(map[string]*memoryCloud)
	places := make(clouds)
	for name := range paces {
		c := &memoryCloud{name: name, memory: m}
		c.start()
		t.Cleanup(func() { c.kill() })
		all[name], places[name] = c, &cloud{addresses: c.addresses()}
	}
	cfg, err := balancer.ParseConfig(places.config())
	if err != nil {
		t.Fatal(err)
	}
	return m, all, cfg
}

// addresses are invented: nothing is resolved or dialed outside.
func (c *memoryCloud) addresses() (all []string) {
	for i := range endpointsPerCloud {
		all = append(all, fmt.Sprintf("198.18.%d.%d:9090", len(c.name), i+1))
	}
	return all
}

func (c *memoryCloud) start() error {
	c.memory.mu.Lock()
	defer c.memory.mu.Unlock()
	for _, address := range c.addresses() {
		listener, server := bufconn.Listen(1<<16), newServer(c.name)
		go server.Serve(listener)
		c.memory.listeners[address] = listener
		c.servers = append(c.servers, server)
	}
	return nil
}

func (c *memoryCloud) kill() error {
	c.memory.mu.Lock()
	for _, address := range c.addresses() {
		delete(c.memory.listeners, address)
	}
	c.memory.mu.Unlock()
	for _, s := range c.servers {
		s.Stop()
	}
	c.servers = nil
	return nil
}

// dial connects in this network.
func (m *memory) dial(ctx context.Context, _, address string) (net.Conn, error) {
	m.mu.Lock()
	listener := m.listeners[address]
	m.mu.Unlock()
	if listener == nil {
		return nil, errors.New("connection refused")
	}
	return listener.DialContext(ctx)
}
