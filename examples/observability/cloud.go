package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"
)

// clouds are the clouds by name.
type clouds map[string]*cloud

// cloud is a cloud of two servers on loopback.
type cloud struct {
	mu      sync.Mutex
	servers []*server
}

type server struct {
	address string
	http    *http.Server // nil while it is dead
	done    chan struct{}
}

// startClouds starts a cloud of each name.
func startClouds(names ...string) (clouds, error) {
	all := clouds{}
	for _, name := range names {
		c := &cloud{servers: []*server{{address: "127.0.0.1:0"}, {address: "127.0.0.1:0"}}}
		all[name] = c
		if err := c.start(); err != nil {
			all.stop()
			return nil, err
		}
	}
	return all, nil
}

func (c clouds) stop() {
	for _, cloud := range c {
		_ = cloud.kill()
	}
}

// start starts the servers that are dead, at the addresses that they had.
func (c *cloud) start() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.servers {
		if s.http != nil {
			continue
		}
		listener, err := net.Listen("tcp", s.address)
		if err != nil {
			return err
		}
		s.address, s.done = listener.Addr().String(), make(chan struct{})
		s.http = &http.Server{Handler: http.HandlerFunc(route), ReadHeaderTimeout: 5 * time.Second}
		go func(server *http.Server, done chan struct{}) {
			defer close(done)
			_ = server.Serve(listener)
		}(s.http, s.done)
	}
	return nil
}

// kill ends all servers at once, and the calls that they are at.
func (c *cloud) kill() (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.servers {
		if s.http == nil {
			continue
		}
		if e := s.http.Close(); e != nil {
			err = e
		}
		<-s.done
		s.http = nil
	}
	return err
}

// route answers in 2 to 10 ms.
func route(w http.ResponseWriter, r *http.Request) {
	timer := time.NewTimer(2*time.Millisecond + rand.N(8*time.Millisecond))
	defer timer.Stop()
	select {
	case <-timer.C:
		fmt.Fprintln(w, "turn left")
	case <-r.Context().Done():
	}
}

// config is the config file of these clouds. Either can carry the critical and the
// standard calls alone; gcp can grow.
func (c clouds) config() []byte {
	var b bytes.Buffer
	b.WriteString(`version: 1
clouds:
  onprem: {weight: 70}
  gcp:    {weight: 30, ready: 30s}
instances: 1
services:
  routing-api:
    clouds:
`)
	capacities := map[string]string{"onprem": "capacity: 200", "gcp": "capacity: 100, ceiling: 800"}
	for _, name := range []string{"onprem", "gcp"} {
		s := c[name].servers
		fmt.Fprintf(&b, "      %s: {http: [http://%s, http://%s], %s}\n", name, s[0].address, s[1].address, capacities[name])
	}
	b.WriteString(`tiers:
  - {name: critical, protected: true, timeout: 1s, attempts: 3, objective: {target: 0.9995, latency: 300ms}}
  - {name: standard, timeout: 2s, objective: {target: 0.999, latency: 1s}}
  - {name: batch, timeout: 5s, objective: {target: 0.99}}
`)
	return b.Bytes()
}
