package cloudhttp

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func tierOf(name string) http.Header { return http.Header{"X-Sla-Tier": {name}} }

// TestCapOfTiers fills a server with calls that stay: each tier is refused at
// its own limit, and finds room again when as many have ended.
func TestCapOfTiers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		h := Middleware(WithCap(6), WithClassifier(classifier()), WithTrusted(everybody))(
			http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/stay" {
					<-release
				}
			}))
		inFlight := 0
		stay := func() {
			go arrive(h, "GET", "/stay", tierOf("critical"))
			inFlight++
			synctest.Wait()
		}
		check := func() {
			t.Helper()
			for name, limit := range map[string]int{"critical": 6, "standard": 5, "batch": 3, "unknown": 5} {
				want := http.StatusOK
				if inFlight >= limit {
					want = http.StatusServiceUnavailable
				}
				if got := arrive(h, "GET", "/", tierOf(name)).Code; got != want {
					t.Errorf("%s with %d in flight: %d, want %d", name, inFlight, got, want)
				}
			}
		}
		for check(); inFlight < 6; check() {
			stay()
		}
		for inFlight > 0 {
			release <- struct{}{}
			inFlight--
			synctest.Wait()
			check()
		}
	})
}

// TestRefusals: what callers are told, and what a Transport makes of it.
func TestRefusals(t *testing.T) {
	full := Middleware(WithCap(1))
	entered, release := make(chan struct{}), make(chan struct{})
	h := full(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(entered); <-release }))
	var calls sync.WaitGroup
	calls.Go(func() { arrive(h, "GET", "/", nil) })
	<-entered
	// Another handler, the same server.
	other := full(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("served") }))
	for _, test := range []struct {
		name       string
		header     http.Header
		status     int
		retryAfter string
		body       string
	}{
		{"too much", nil, http.StatusServiceUnavailable, "1", "overloaded\n"},
		{"too late", http.Header{"X-Sla-Timeout-Ms": {"0"}}, http.StatusGatewayTimeout, "", "deadline exceeded\n"},
	} {
		got := arrive(other, "GET", "/", test.header).Result()
		body, _ := io.ReadAll(got.Body)
		if after := got.Header.Get("Retry-After"); got.StatusCode != test.status || after != test.retryAfter || string(body) != test.body {
			t.Errorf("%s: %d, Retry-After %q, %q", test.name, got.StatusCode, after, body)
		}
		if load := got.Header.Get(loadHeader); load != "TEXT application_utilization=1.0000" {
			t.Errorf("%s: load %q", test.name, load)
		}
		if kind := ofResponse(got).Kind.String(); test.retryAfter != "" && kind != "overloaded" {
			t.Errorf("a Transport takes it for %s", kind)
		}
	}
	close(release)
	calls.Wait()
}

// TestHandlersThatPanic leave nothing in flight.
func TestHandlersThatPanic(t *testing.T) {
	h := Middleware(WithCap(1))(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/panic" {
			panic(http.ErrAbortHandler)
		}
	}))
	for range 3 {
		func() {
			defer func() {
				if p := recover(); p != http.ErrAbortHandler {
					t.Errorf("recovered %v", p)
				}
			}()
			arrive(h, "GET", "/panic", nil)
		}()
		if got := arrive(h, "GET", "/", nil).Code; got != http.StatusOK {
			t.Fatalf("status %d after a panic", got)
		}
	}
}

// phase is what callers get from a server for some time.
type phase struct{ calls, good int }

// metastable offers calls with 200 ms of patience to a server that does one at
// a time, in 10 ms each, and finishes also what nobody waits for. For 5 s there
// are twice as many as it can do; then 80 % of that.
func metastable(t *testing.T, opts ...ServerOption) (during, after phase) {
	synctest.Test(t, func(t *testing.T) {
		const patience = 200 * time.Millisecond
		processor := make(chan struct{}, 1)
		h := Middleware(opts...)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			processor <- struct{}{}
			time.Sleep(10 * time.Millisecond)
			<-processor
		}))
		var mu sync.Mutex
		var calls sync.WaitGroup
		offer := func(p *phase, every, length time.Duration) {
			for end := time.Now().Add(length); time.Now().Before(end); time.Sleep(every) {
				p.calls++
				began := time.Now()
				calls.Go(func() {
					w := arrive(h, "GET", "/", http.Header{"X-Sla-Timeout-Ms": {"200"}})
					if time.Since(began) <= patience && w.Code == http.StatusOK {
						mu.Lock()
						p.good++
						mu.Unlock()
					}
				})
			}
		}
		offer(&during, 5*time.Millisecond, 5*time.Second)
		time.Sleep(patience)
		offer(&after, 12500*time.Microsecond, 5*time.Second)
		calls.Wait()
	})
	return during, after
}

// TestCapPreventsMetastableState: without a cap the server is still busy with
// what nobody waits for when the overload is over, so that what comes then is too
// late as well. With a cap it always does what somebody waits for.
func TestCapPreventsMetastableState(t *testing.T) {
	during, after := metastable(t, WithCap(15)) // 150 ms of work
	if capacity := 500; during.good < capacity*95/100 {
		t.Errorf("in the overload %d good answers of the %d that the server can give", during.good, capacity)
	}
	if after.good != after.calls {
		t.Errorf("after the overload %d of %d calls got a good answer", after.good, after.calls)
	}
	during, after = metastable(t)
	if during.good > during.calls/10 || after.good > after.calls/10 {
		t.Errorf("without a cap %d of %d and %d of %d: the scenario is too easy", during.good, during.calls, after.good, after.calls)
	}
}

// TestLeastCriticalIsShedFirst offers 1,700 calls/s of three tiers where 60 may be
// in flight for 100 ms each. Critical calls lose nothing, standard ones get what is
// left up to their limit, 450/s for both, and batch ones hardly anything.
func TestLeastCriticalIsShedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := Middleware(WithCap(60), WithClassifier(classifier()), WithTrusted(everybody))(
			http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(100 * time.Millisecond) }))
		counts := map[string]*phase{"critical": {}, "standard": {}, "batch": {}}
		var mu sync.Mutex
		var calls sync.WaitGroup
		for name, c := range counts {
			every := map[string]time.Duration{"critical": 5 * time.Millisecond, "standard": 2 * time.Millisecond, "batch": time.Millisecond}[name]
			calls.Go(func() {
				for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(every) {
					calls.Go(func() {
						w := arrive(h, "GET", "/", tierOf(name))
						mu.Lock()
						defer mu.Unlock()
						c.calls++
						if w.Code == http.StatusOK {
							c.good++
						}
					})
				}
			})
		}
		calls.Wait()
		part := func(name string) float64 { return float64(counts[name].good) / float64(counts[name].calls) }
		t.Logf("served: critical %.3f, standard %.3f, batch %.3f", part("critical"), part("standard"), part("batch"))
		if part("critical") < 1 || part("standard") < 0.45 || part("batch") > 0.1 {
			t.Errorf("served: critical %.3f, standard %.3f, batch %.3f", part("critical"), part("standard"), part("batch"))
		}
	})
}

// TestMiddlewareFromManyGoroutines: nothing leaks, whatever a request is and
// however it ends.
func TestMiddlewareFromManyGoroutines(t *testing.T) {
	h := Middleware(WithCap(4), WithClassifier(classifier()), WithTrusted(everybody))(
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/panic" {
				panic("a bug")
			}
			io.WriteString(w, "well")
		}))
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 500 {
				func() {
					defer func() { recover() }()
					header := tierOf([]string{"critical", "standard", "batch", "Batch"}[i%4])
					if i%5 == 0 {
						header.Set("X-Sla-Timeout-Ms", []string{"0", "1000"}[g%2])
					}
					arrive(h, "GET", []string{"/", "/panic"}[i%3%2], header)
				}()
			}
		})
	}
	wg.Wait()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if load := w.Header().Get(loadHeader); w.Code != http.StatusOK || !strings.HasPrefix(load, "TEXT application_utilization=0.2500") {
		t.Errorf("status %d, load %s: want nothing else in flight", w.Code, load)
	}
}
