package console

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

// What one second of looking costs: a snapshot and its page, which all viewers
// share.
func BenchmarkTick(b *testing.B) {
	router, _ := newRouter(b)
	h := newHub(router)
	b.ReportAllocs()
	for b.Loop() {
		h.take()
		if len(h.last.state(room{view: "overview"})) == 0 {
			b.Fatal("no message")
		}
	}
}

// What a hundred viewers cost the calls, over real connections: attempts are made
// by all cores, without viewers and with, and the processor time that is left to
// them is compared. It takes about 20 s.
//
// The time of calls is that of the whole process, less what viewers took; each
// round makes the same number of calls, so that their cost is compared and not the
// machine's speed at the moment.
func BenchmarkViewers(b *testing.B) {
	if processorTime() == 0 {
		b.Skip("this system doesn't tell the processor time of a process")
	}
	router, _ := newRouter(b)
	for b.Loop() {
		alone := attempts(router, 10*time.Second)
		stop := viewers(b, router, 100)
		watched := attempts(router, 10*time.Second)
		stop()
		b.ReportMetric(100*(watched/alone-1), "%more-cpu/attempt")
	}
	b.ReportMetric(0, "ns/op")
}

// attempts makes attempts on all cores for a time, and returns the processor time
// that the process took for each, in nanoseconds.
func attempts(router *balancer.Router, lasts time.Duration) float64 {
	before, end := processorTime(), time.Now().Add(lasts)
	var wg sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			n := 0
			for time.Now().Before(end) {
				for range 1000 {
					if attempt(router) != nil {
						return
					}
					n++
				}
			}
			mu.Lock()
			defer mu.Unlock()
			made += n
		})
	}
	wg.Wait()
	return float64(processorTime()-before) / float64(made)
}

// attempt picks an endpoint and reports a good answer.
func attempt(router *balancer.Router) error {
	a, err := router.Pick(context.Background(), balancer.Call{Service: "routing-api"}, nil)
	if err == nil {
		a.Done(health.Outcome{Kind: health.OK})
	}
	return err
}

// viewers follow the overview over real connections until stop is called.
func viewers(t testing.TB, router *balancer.Router, n int) (stop func()) {
	server := httptest.NewServer(Handler(router))
	transport := &http.Transport{}
	client := &http.Client{Transport: transport}
	var wg sync.WaitGroup
	for range n {
		resp, err := client.Get(server.URL + "/live?view=overview")
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			defer resp.Body.Close()
			io.Copy(io.Discard, resp.Body)
		})
	}
	return func() {
		server.CloseClientConnections()
		wg.Wait()
		transport.CloseIdleConnections()
		server.Close()
	}
}
