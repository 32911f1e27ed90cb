package cloudhttp

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

// streaming is a handler that sends a line, waits, and then goes on.
func streaming(wait time.Duration, then http.HandlerFunc) http.HandlerFunc {
	return calls(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "hello\n")
		http.NewResponseController(w).Flush()
		select {
		case <-time.After(wait):
			then(w, r)
		case <-r.Context().Done():
		}
	})
}

// TestBody reads an answer in some way and looks at what is reported when.
func TestBody(t *testing.T) {
	bye := func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "bye\n") }
	abort := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	all := func(body io.ReadCloser, _ context.CancelFunc) error {
		_, err := io.ReadAll(body)
		return err
	}
	good := seen{"first", health.OK, "http 200"}
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		read    func(io.ReadCloser, context.CancelFunc) error
		want    string // part of the error
		after   time.Duration
		rest    []seen // outcomes after that of the header
	}{
		{"whole", streaming(time.Second, bye), all, "", time.Second, nil},
		{"closed early", streaming(time.Second, bye), func(body io.ReadCloser, _ context.CancelFunc) error {
			return body.Close()
		}, "", 0, nil},
		{"closed under the reader", streaming(time.Second, bye), func(body io.ReadCloser, c context.CancelFunc) error {
			time.AfterFunc(300*time.Millisecond, func() { body.Close() })
			return all(body, c)
		}, "closed", 300 * time.Millisecond, nil},
		{"canceled", streaming(time.Second, bye), func(body io.ReadCloser, cancel context.CancelFunc) error {
			time.AfterFunc(300*time.Millisecond, cancel)
			return all(body, cancel)
		}, "canceled", 300 * time.Millisecond, nil},
		{"broken off", streaming(time.Second, abort), all, "unexpected EOF", time.Second,
			[]seen{{"first", health.Broken, "eof"}}},
		{"stalled", streaming(time.Minute, bye), all, "deadline", 5 * time.Second,
			[]seen{{"first", health.TimedOut, "body stalled"}}},
		{"slow reader", streaming(time.Minute, bye), func(body io.ReadCloser, c context.CancelFunc) error {
			time.Sleep(4950 * time.Millisecond)
			return all(body, c)
		}, "deadline", 5 * time.Second, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lan := network(t, map[string]http.HandlerFunc{"192.0.2.1:80": test.handler})
				e := newEnv(t, config([]string{"http://192.0.2.1"}, nil), WithBase(lan.base))
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				req, err := http.NewRequestWithContext(ctx, "GET", "http://routing-api/", nil)
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				resp, err := e.client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				e.expect(t, good)
				if n := e.inFlight(); n != 1 {
					t.Errorf("%d attempts while the answer is read", n)
				}
				err = test.read(resp.Body, cancel)
				if (test.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %v, want %q", err, test.want)
				}
				if took := time.Since(began); took != test.after {
					t.Errorf("took %v, want %v", took, test.after)
				}
				e.expect(t, test.rest...)
				if n := e.inFlight(); n != 0 {
					t.Errorf("%d attempts when the answer is over", n)
				}
				resp.Body.Close()
				e.expect(t)
			})
		})
	}
}

// TestTierTimeoutCoversTheBody gives the whole call, body included, the time
// of its tier, and not only one attempt's.
func TestTierTimeoutCoversTheBody(t *testing.T) {
	for _, wait := range []time.Duration{900 * time.Millisecond, 1100 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			lan := network(t, map[string]http.HandlerFunc{
				"192.0.2.1:80": streaming(wait, func(http.ResponseWriter, *http.Request) {}),
				"192.0.2.2:80": say("second"),
			})
			cfg := config([]string{"http://192.0.2.1"}, []string{"http://192.0.2.2"})
			cfg.Tiers[0].Timeout = time.Second
			e := newEnv(t, cfg, WithBase(lan.base))
			resp, err := e.client.Get("http://routing-api/")
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if _, err := io.ReadAll(resp.Body); (err == nil) != (wait < time.Second) || err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("an answer of %v in a tier of 1s: %v", wait, err)
			}
		})
	}
}

// TestBodyEndsWhenItsCloudIsDrained reads an answer that goes on for ever. When the
// cloud's grace is over it ends with an error that says so.
func TestBodyEndsWhenItsCloudIsDrained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := network(t, map[string]http.HandlerFunc{
			"192.0.2.1:80": streaming(time.Hour, func(http.ResponseWriter, *http.Request) {}),
			"192.0.2.2:80": say("second"),
		})
		e := newEnv(t, config([]string{"http://192.0.2.1"}, []string{"http://192.0.2.2"}), WithBase(lan.base))
		resp, err := e.client.Get("http://routing-api/")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		e.expect(t, seen{"first", health.OK, "http 200"})
		if err := e.router.Drain("first", balancer.WithGrace(5*time.Second)); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		text, err := io.ReadAll(resp.Body)
		var drained *balancer.DrainedError
		if took := time.Since(began); !errors.As(err, &drained) || drained.Cloud != "first" || string(text) != "hello\n" || took < 5*time.Second || took > 5100*time.Millisecond {
			t.Errorf("%q and %v after %v", text, err, took)
		}
		if !errors.As(err, new(*balancer.CallError)) {
			t.Errorf("%v doesn't say how the clouds stand", err)
		}
		e.expect(t) // nothing is held against the cloud
		if n := e.inFlight(); n != 0 {
			t.Errorf("%d attempts when the answer is over", n)
		}
	})
}

// slowToClose is a body whose reader notices that it was closed before Close
// returns.
type slowToClose struct{ *stuck }

func (s slowToClose) Close() error {
	s.stuck.Close()
	time.Sleep(time.Millisecond)
	return nil
}

// TestCloseBeforeReader closes an answer under its reader, who comes first to
// report how it ended: that is no failure.
func TestCloseBeforeReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t, config([]string{"http://192.0.2.1"}, nil), fake(map[string]roundTrip{
			"first": func(*http.Request) (*http.Response, error) {
				resp := response(200, "")
				resp.Body = slowToClose{&stuck{begun: strings.NewReader(""), closed: make(chan struct{})}}
				return resp, nil
			},
		}))
		resp, err := e.client.Get("http://routing-api/")
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, func() { resp.Body.Close() })
		if _, err := io.ReadAll(resp.Body); err == nil {
			t.Error("a closed body was read to its end")
		}
		synctest.Wait()
		time.Sleep(time.Second)
		e.expect(t, seen{"first", health.OK, "http 200"})
	})
}

// TestNoGoroutineOutlivesTheCall leaves nothing behind when the router was
// closed while an answer is still being read.
func TestNoGoroutineOutlivesTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := network(t, map[string]http.HandlerFunc{"192.0.2.1:80": streaming(time.Second, func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "bye\n")
		})})
		e := newEnv(t, config([]string{"http://192.0.2.1"}, nil), WithBase(lan.base))
		resp, err := e.client.Get("http://routing-api/")
		if err != nil {
			t.Fatal(err)
		}
		e.router.Close()
		if got := text(t, resp); got != "hello\nbye\n" {
			t.Errorf("got %q", got)
		}
		if _, err := e.client.Get("http://routing-api/"); !errors.Is(err, balancer.ErrClosed) {
			t.Errorf("got %v", err)
		}
	})
}
