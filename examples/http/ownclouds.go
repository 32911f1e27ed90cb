package main

import (
	"fmt"
	"net"
	"net/http"

	"github.com/fairlead-go/fairlead/balancer"
)

// ownClouds starts two clouds of two servers each, which live as long as the
// program, and returns the config for them.
func ownClouds() (*balancer.Config, error) {
	onprem, err := servers("onprem", 2)
	if err != nil {
		return nil, err
	}
	gcp, err := servers("gcp", 2)
	if err != nil {
		return nil, err
	}
	return &balancer.Config{
		Clouds: map[string]balancer.Cloud{"onprem": {Weight: 70}, "gcp": {Weight: 30}},
		Services: map[string]balancer.Service{
			"routing-api": {Clouds: map[string]balancer.ServiceCloud{
				"onprem": {HTTP: onprem},
				"gcp":    {HTTP: gcp},
			}},
		},
	}, nil
}

// servers starts n servers on loopback and returns their URLs.
func servers(cloud string, n int) (urls []string, err error) {
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "hello from %s\n", cloud)
		}))
		urls = append(urls, "http://"+listener.Addr().String())
	}
	return urls, nil
}
