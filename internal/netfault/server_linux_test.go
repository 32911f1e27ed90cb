package netfault

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

const (
	pace       = 5 * time.Millisecond // of an answer
	answer     = "a route from Pangyo to Jeju\n"
	stoodStill = "stood still for " // begins what a server tells of itself
)

// serve is what a server process does. It says on standard output that it
// listens and then one line for each call that reaches it, which counts them
// also when it is killed: the id in the body of an order, and nothing for
// others. Further lines say for how long it stood still, whenever that was longer
// than mostStall. Each flaw-th call over HTTP fails, none if that is 0. It ends when
// standard input does.
func serve(address string, flaw int64) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	if err := serveGRPC(address); err != nil {
		return err
	}
	os.Stdout.Write([]byte{'!'})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	go watchPulse(func(since time.Duration) { fmt.Fprintf(os.Stdout, "%s%v\n", stoodStill, since) })
	var calls atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/route", func(w http.ResponseWriter, r *http.Request) {
		id, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		os.Stdout.Write(append(id, '\n')) // whole: it is short
		if n := calls.Add(1); flaw > 0 && n%flaw == 0 {
			http.Error(w, "flawed", http.StatusInternalServerError)
			return
		}
		done := time.NewTimer(pace)
		defer done.Stop()
		select {
		case <-done.C:
			io.WriteString(w, answer)
		case <-r.Context().Done(): // nobody waits any more
		}
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	return http.Serve(listener, mux)
}

// watchPulse tells whenever this process stood still for longer than mostStall. It
// goes on for ever.
func watchPulse(tell func(time.Duration)) {
	var p pulse
	for range time.Tick(beat) {
		if since := p.beat(time.Now()); since > mostStall {
			tell(since)
		}
	}
}
