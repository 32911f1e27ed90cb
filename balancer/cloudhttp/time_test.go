package cloudhttp

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
)

// TestTimeAndCancellation ends calls to a silent cloud in the ways a caller
// may.
func TestTimeAndCancellation(t *testing.T) {
	for _, test := range []struct {
		name    string
		change  func(context.Context, *http.Client) (context.Context, context.CancelFunc)
		after   time.Duration
		timeout bool
		is      error
	}{
		{"tier's timeout", func(ctx context.Context, _ *http.Client) (context.Context, context.CancelFunc) {
			return ctx, func() {}
		}, 10 * time.Second, true, context.DeadlineExceeded},
		{"context's deadline", func(ctx context.Context, _ *http.Client) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 3*time.Second)
		}, 3 * time.Second, true, context.DeadlineExceeded},
		{"client's timeout", func(ctx context.Context, c *http.Client) (context.Context, context.CancelFunc) {
			c.Timeout = 2 * time.Second
			return ctx, func() {}
		}, 2 * time.Second, true, context.DeadlineExceeded},
		{"cancel", func(ctx context.Context, _ *http.Client) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Second, cancel)
			return ctx, cancel
		}, time.Second, false, context.Canceled},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lan := network(t, map[string]http.HandlerFunc{"192.0.2.1:80": silence})
				cfg := config([]string{"http://192.0.2.1"}, nil)
				cfg.Tiers[0].Timeout = 10 * time.Second
				e := newEnv(t, cfg, WithBase(lan.base))
				ctx, cancel := test.change(t.Context(), e.client)
				defer cancel()
				req, err := http.NewRequestWithContext(ctx, "GET", "http://routing-api/", nil)
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				_, err = e.client.Do(req)
				if took := time.Since(began); took != test.after {
					t.Errorf("took %v, want %v", took, test.after)
				}
				var problem *url.Error
				if !errors.As(err, &problem) || problem.Timeout() != test.timeout || !errors.Is(err, test.is) {
					t.Errorf("timeout %v, error %v", problem.Timeout(), err)
				}
			})
		})
	}
}

// silence takes calls and doesn't answer.
func silence(w http.ResponseWriter, r *http.Request) {
	if r.UserAgent() != ProbeUserAgent {
		io.Copy(io.Discard, r.Body) // else the server doesn't see the client leave
		<-r.Context().Done()
	}
}

// TestSilentCloud makes a call whose first cloud takes it and says nothing:
// the second answers in time.
func TestSilentCloud(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := network(t, map[string]http.HandlerFunc{"192.0.2.1:80": silence, "192.0.2.2:80": say("second")})
		cfg := config([]string{"http://192.0.2.1"}, []string{"http://192.0.2.2"})
		cfg.Tiers[0].Timeout = 800 * time.Millisecond
		e := newEnv(t, cfg, WithBase(lan.base))
		began := time.Now()
		if status, body := e.get(t, "http://routing-api/"); status != 200 || body != "second" {
			t.Errorf("got %d %q", status, body)
		}
		if took := time.Since(began); took != 400*time.Millisecond { // half of the time there is
			t.Errorf("took %v", took)
		}
		e.expect(t, seen{"first", health.TimedOut, "attempt time"}, seen{"second", health.OK, "http 200"})
	})
}

// TestStreamKeepsItsTime sends a body that can't be sent again to a slow cloud:
// giving the attempt up would leave nothing to try.
func TestStreamKeepsItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := network(t, map[string]http.HandlerFunc{
			"192.0.2.1:80": calls(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				time.Sleep(700 * time.Millisecond)
			}),
			"192.0.2.2:80": say("second"),
		})
		cfg := config([]string{"http://192.0.2.1"}, []string{"http://192.0.2.2"})
		cfg.Tiers[0].Timeout = 800 * time.Millisecond
		e := newEnv(t, cfg, WithBase(lan.base))
		req, err := http.NewRequest("PUT", "http://routing-api/", stream("x"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := e.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		e.expect(t, seen{"first", health.OK, "http 200"})
	})
}
