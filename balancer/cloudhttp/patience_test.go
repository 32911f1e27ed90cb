package cloudhttp

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

// TestFirstLookup waits for the first answer of DNS no longer than the caller
// or the tier does.
func TestFirstLookup(t *testing.T) {
	for _, test := range []struct{ caller, tier, want time.Duration }{
		{300 * time.Millisecond, 0, 300 * time.Millisecond},
		{time.Hour, 400 * time.Millisecond, 400 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			never := balancer.WithResolver(func(ctx context.Context, _ string) ([]netip.Addr, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			})
			cfg := config([]string{"http://routing.example.com"}, nil)
			cfg.Tiers[0].Timeout = test.tier
			e := newEnvWith(t, cfg, []balancer.Option{never})
			ctx, cancel := context.WithTimeout(t.Context(), test.caller)
			defer cancel()
			body := stream("x")
			req, err := http.NewRequestWithContext(ctx, "POST", "http://routing-api/", body)
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			_, err = e.client.Do(req)
			var timeout net.Error
			var call *balancer.CallError
			if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() || !errors.As(err, &call) {
				t.Errorf("got %v", err)
			}
			if took := time.Since(began); took != test.want {
				t.Errorf("took %v, want %v", took, test.want)
			}
			if !body.isClosed() {
				t.Error("the body wasn't closed")
			}
		})
	}
}

// TestErrorTypes looks at the errors that callers look for.
func TestErrorTypes(t *testing.T) {
	e := newEnv(t, config([]string{nobody(t)}, nil))
	_, err := e.client.Get("http://routing-api/")
	var call *balancer.CallError
	var op *net.OpError
	var network net.Error
	if !errors.As(err, &call) || !errors.As(err, &op) || op.Op != "dial" || !errors.As(err, &network) || network.Timeout() {
		t.Errorf("refused: got %v", err)
	}
	e = newEnv(t, config([]string{serve(t, silence)}, nil))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", "http://routing-api/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = e.client.Do(req); !errors.As(err, &call) || !errors.Is(err, context.Canceled) || call.Timeout() {
		t.Errorf("canceled: got %v", err)
	}
}

// TestHalfOpen has a connection that was used and then leads nowhere: the
// attempt on it is given up in time for another.
func TestHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var frozen atomic.Bool
		lan := network(t, map[string]http.HandlerFunc{
			"192.0.2.1:80": func(w http.ResponseWriter, r *http.Request) {
				if frozen.Load() {
					<-r.Context().Done()
					return
				}
				time.Sleep(5 * time.Millisecond)
			},
			"192.0.2.2:80": say("second"),
		})
		cfg := config([]string{"http://192.0.2.1"}, []string{"http://192.0.2.2"})
		cfg.Tiers[0].Timeout = 800 * time.Millisecond
		e := newEnv(t, cfg, WithBase(lan.base))
		for range 200 {
			e.get(t, "http://routing-api/")
			time.Sleep(10 * time.Millisecond)
		}
		frozen.Store(true)
		began := time.Now()
		if _, body := e.get(t, "http://routing-api/"); body != "second" {
			t.Errorf("got %q", body)
		}
		if took := time.Since(began); took > 100*time.Millisecond { // 4 × p99 is less, the least is 50 ms
			t.Errorf("took %v", took)
		}
	})
}

// TestRetryAfterIsObeyed has one endpoint, which names the time of the next try:
// it is left alone until then, or, if that is far off, the answer is the
// caller's.
func TestRetryAfterIsObeyed(t *testing.T) {
	for after, want := range map[string]time.Duration{"1": time.Second, "3": 0} {
		synctest.Test(t, func(t *testing.T) {
			var times []time.Time
			lan := network(t, map[string]http.HandlerFunc{"192.0.2.1:80": calls(func(w http.ResponseWriter, _ *http.Request) {
				if times = append(times, time.Now()); len(times) == 1 {
					w.Header().Set("Retry-After", after)
					w.WriteHeader(http.StatusServiceUnavailable)
				}
			})})
			e := newEnv(t, config([]string{"http://192.0.2.1"}, nil), WithBase(lan.base))
			resp, err := e.client.Get("http://routing-api/")
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			switch {
			case want == 0:
				if resp.StatusCode != 503 || resp.Header.Get("Retry-After") != after || len(times) != 1 {
					t.Errorf("after %s s: status %d after %d attempts", after, resp.StatusCode, len(times))
				}
			case resp.StatusCode != 200 || len(times) != 2:
				t.Errorf("after %s s: status %d after %d attempts", after, resp.StatusCode, len(times))
			case times[1].Sub(times[0]) != want:
				t.Errorf("tried again after %v, want %v", times[1].Sub(times[0]), want)
			}
		})
	}
}

// TestClientTimeoutIsNobodysFault ends calls by http.Client.Timeout, which
// cancels requests by a channel and a deadline at the same moment.
func TestClientTimeoutIsNobodysFault(t *testing.T) {
	cancel := make(chan struct{})
	close(cancel)
	e := newEnv(t, config([]string{serve(t, silence)}, []string{serve(t, silence)}))
	req, err := http.NewRequestWithContext(context.Background(), "GET", "http://routing-api/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Cancel = cancel //lint:ignore SA1019 http.Client uses it
	if _, err := e.transport.RoundTrip(req); err == nil {
		t.Error("a canceled request was answered")
	}
	e.expect(t, seen{"first", health.Neutral, "given up"})
}
