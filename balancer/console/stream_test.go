package console

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// reader is a viewer of a stream: it keeps what it is sent.
type reader struct {
	header  http.Header
	stuck   chan struct{} // if not nil, writing waits until it is closed
	cancel  context.CancelFunc
	ended   chan struct{}
	mu      sync.Mutex
	code    int
	written [][]byte
}

// watch begins to follow a stream.
func watch(h http.Handler, path string, change ...func(*http.Request, *reader)) *reader {
	ctx, cancel := context.WithCancel(context.Background())
	v := &reader{header: make(http.Header), cancel: cancel, ended: make(chan struct{}), code: http.StatusOK}
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	for _, c := range change {
		c(r, v)
	}
	go func() {
		defer close(v.ended)
		h.ServeHTTP(v, r)
	}()
	return v
}

func (v *reader) Header() http.Header { return v.header }

func (v *reader) WriteHeader(code int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.code = code
}

func (v *reader) Write(p []byte) (int, error) {
	if v.stuck != nil {
		<-v.stuck
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.written = append(v.written, p)
	return len(p), nil
}

func (v *reader) Flush() {}

func (v *reader) all() [][]byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.written
}

func (v *reader) text() string { return string(bytes.Join(v.all(), nil)) }

func (v *reader) leave() {
	v.cancel()
	<-v.ended
}

// A hundred viewers get the same bytes, rendered once per second, and leave no
// goroutine.
func TestManyViewers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		router, _ := newRouter(t)
		h := Handler(router)
		var all []*reader
		for range 100 {
			all = append(all, watch(h, "/live?view=overview"))
		}
		time.Sleep(10*time.Second + tick/2)
		if goroutines() == "" {
			t.Error("the goroutines of streams go unnoticed")
		}
		for _, v := range all {
			if n := len(v.all()); n != 11 { // one at first
				t.Fatalf("%d messages in 10 s", n)
			}
		}
		for i := range 10 {
			shared := &all[0].all()[i+1][0]
			for _, v := range all {
				if &v.all()[i+1][0] != shared {
					t.Fatal("a message was rendered again for another viewer")
				}
			}
		}
		if text := all[0].text(); !strings.HasPrefix(text, "retry: 2000\n\nevent: body\ndata: {") || !strings.Contains(text, "routing-api") {
			t.Errorf("%.300s", text)
		}
		for _, v := range all {
			v.leave()
		}
		synctest.Wait()
		if left := goroutines(); left != "" {
			t.Errorf("left behind:\n%s", left)
		}
		router.Close()
	})
}

// goroutines returns the stacks of those that serve streams or take snapshots.
func goroutines() (left string) {
	buf := make([]byte, 4<<20)
	for _, stack := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(stack, "console.(*hub)") || strings.Contains(stack, "console.(*handler)") {
			left += stack + "\n\n"
		}
	}
	return left
}

// As long as nobody looks nothing is computed; one who comes back finds all as it
// is.
func TestNobodyLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		router, _ := newRouter(t)
		h := Handler(router).(*handler)
		v := watch(h, "/live?view=overview")
		time.Sleep(3 * time.Second)
		v.leave()
		last := h.hub.last
		time.Sleep(5 * time.Minute)
		if h.hub.last != last || h.hub.stop != nil || len(h.hub.rooms) > 0 || h.hub.viewers != 0 {
			t.Errorf("%+v", h.hub)
		}
		v = watch(h, "/live?view=overview")
		time.Sleep(tick + tick/2)
		if n := len(v.all()); n != 2 {
			t.Errorf("%d messages", n)
		}
		if h.hub.last == last {
			t.Error("the snapshot is old")
		}
		v.leave()
		router.Close()
	})
}

// One who doesn't read is dropped, and the others don't notice.
func TestSlowViewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		router, _ := newRouter(t)
		h := Handler(router).(*handler)
		stuck := make(chan struct{})
		slow := watch(h, "/live?view=overview", func(_ *http.Request, v *reader) { v.stuck = stuck })
		quick := watch(h, "/live?view=overview")
		time.Sleep((mostMissed+2)*tick + tick/2)
		h.hub.mu.Lock()
		viewers := h.hub.viewers
		h.hub.mu.Unlock()
		if viewers != 1 || len(quick.all()) != mostMissed+3 {
			t.Errorf("%d viewers, %d messages", viewers, len(quick.all()))
		}
		close(stuck)
		<-slow.ended // without being told to
		quick.leave()
		router.Close()
	})
}

func TestTooManyViewers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		router, _ := newRouter(t)
		h := Handler(router)
		var all []*reader
		for range mostViewers {
			all = append(all, watch(h, "/events?format=sse"))
		}
		synctest.Wait()
		late := watch(h, "/live?view=overview")
		<-late.ended
		if late.code != http.StatusServiceUnavailable || late.header.Get("Retry-After") == "" || late.header.Get("Content-Type") == eventStream {
			t.Errorf("%d %v", late.code, late.header)
		}
		if w := get(h, "/"); w.Code != http.StatusOK {
			t.Errorf("the page itself: %d", w.Code)
		}
		all[0].leave()
		late = watch(h, "/live?view=overview")
		synctest.Wait()
		if late.code != http.StatusOK {
			t.Errorf("after one left: %d", late.code)
		}
		late.leave()
		for _, v := range all[1:] {
			v.leave()
		}
		router.Close()
	})
}

// Viewers leave with the router, and are told.
func TestRouterCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		router, _ := newRouter(t)
		h := Handler(router).(*handler)
		v, w := watch(h, "/live?view=overview"), watch(h, "/events?format=sse")
		time.Sleep(2 * time.Second)
		router.Close()
		<-v.ended
		<-w.ended
		if !strings.Contains(v.text(), "The router is closed") || h.hub.viewers != 0 {
			t.Errorf("%d viewers", h.hub.viewers)
		}
	})
}

// A stream doesn't last for ever: who may look is asked again.
func TestStreamEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		router, _ := newRouter(t)
		v := watch(Handler(router), "/live?view=events")
		began := time.Now()
		<-v.ended
		if took := time.Since(began); took != streamLasts {
			t.Errorf("it lasted %v", took)
		}
		router.Close()
	})
}

// Whoever follows the events gets each once, also after a break.
func TestEventStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		router, _ := newRouter(t)
		h := Handler(router)
		first := watch(h, "/events", func(r *http.Request, _ *reader) { r.Header.Set("Accept", eventStream) })
		time.Sleep(2*time.Second + tick/2)
		if err := router.Drain("gcp"); err != nil {
			t.Fatal(err)
		}
		late := watch(h, "/events?format=sse") // between the drain and the next tick
		again := watch(h, "/events?format=sse", func(r *http.Request, _ *reader) { r.Header.Set("Last-Event-ID", "1") })
		other := watch(h, "/events?format=sse", func(r *http.Request, _ *reader) { r.Header.Set("Last-Event-ID", "480") })
		time.Sleep(3 * time.Second)
		var want []string
		for _, e := range router.History().Events {
			want = append(want, fmt.Sprintf("id: %d", e.ID))
		}
		ids := func(v *reader) (ids []string) {
			for _, line := range strings.Split(v.text(), "\n") {
				if strings.HasPrefix(line, "id: ") {
					ids = append(ids, line)
				}
			}
			return ids
		}
		for name, test := range map[string]struct{ got, want []string }{
			"first": {ids(first), want}, "late": {ids(late), want}, "again": {ids(again), want[1:]}, "of a process before": {ids(other), want},
		} {
			if fmt.Sprint(test.got) != fmt.Sprint(test.want) {
				t.Errorf("%s got %v, want %v", name, test.got, test.want)
			}
		}
		if text := first.text(); !strings.Contains(text, `"kind":"change"`) || !strings.Contains(text, "event: overview\ndata: {") {
			t.Errorf("%s", text)
		}
		first.leave()
		late.leave()
		again.leave()
		other.leave()
		router.Close()
	})
}

// A service that leaves the config is gone from its page, too.
func TestServiceGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		router, cs := newRouter(t)
		v := watch(Handler(router), "/live?view=service&name=routing-api")
		time.Sleep(2 * time.Second)
		if err := router.Update(cs.Config("another")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if text := v.text(); !strings.Contains(text, "event: gone\ndata: \"routing-api isn't in the config any more\"\n\n") {
			t.Errorf("%s", text[max(0, len(text)-300):])
		}
		v.leave()
		router.Close()
	})
}

// A server that shuts down doesn't wait for those who look.
func TestServerShutsDown(t *testing.T) {
	router, _ := newRouter(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/debug/fairlead/", Handler(router))
	server := &http.Server{Handler: mux}
	var wg sync.WaitGroup
	wg.Go(func() { server.Serve(listener) })
	client := &http.Client{Transport: &http.Transport{}}
	resp, err := client.Get("http://" + listener.Addr().String() + "/debug/fairlead/live?view=overview")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if kind := resp.Header.Get("Content-Type"); kind != eventStream {
		t.Errorf("%s", kind)
	}
	wg.Go(func() { io.Copy(io.Discard, resp.Body) })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	wg.Wait()
	client.CloseIdleConnections()
}
