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
	"github.com/fairlead-go/fairlead/internal/clouds"
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
	places := make(clouds.Clouds)
	for name := range paces {
		c := &memoryCloud{name: name, memory: m}
		c.Start()
		t.Cleanup(func() { c.Kill() })
		all[name], places[name] = c, &clouds.Cloud{Addresses: c.addresses()}
	}
	cfg, err := balancer.ParseConfig(places.Config(configText))
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

func (c *memoryCloud) Start() error {
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

func (c *memoryCloud) Kill() error {
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
