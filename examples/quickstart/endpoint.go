package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"time"
)

// endpointsPerCloud is the number of processes of each cloud.
const endpointsPerCloud = 3

// pace is how long an answer takes: from least to least + spread.
type pace struct{ least, spread time.Duration }

// paces are those of the clouds. gcp is further away.
var paces = map[string]pace{
	"onprem": {least: 3 * time.Millisecond, spread: 4 * time.Millisecond},
	"gcp":    {least: 8 * time.Millisecond, spread: 6 * time.Millisecond},
}

// serve is what a process that is an endpoint does.
func serve(cloud string, on net.Listener) error {
	server := &http.Server{Handler: handler(cloud, paces[cloud]), ReadHeaderTimeout: 5 * time.Second}
	return server.Serve(on)
}

// handler answers calls at the given pace, and probes at once.
func handler(cloud string, p pace) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/route", func(w http.ResponseWriter, r *http.Request) {
		answer := time.NewTimer(p.least + rand.N(p.spread))
		defer answer.Stop()
		select {
		case <-answer.C:
		case <-r.Context().Done(): // nobody waits any more
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, "{\"cloud\":%q,\"meters\":%d}\n", cloud, 1000+rand.IntN(9000))
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "ok")
	})
	return mux
}
