package cloudhttp

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// recorder is a base that keeps the header of each attempt and answers with a
// status.
type recorder struct {
	status int
	came   []http.Header
}

func (r *recorder) option() Option {
	answer := func(req *http.Request) (*http.Response, error) {
		r.came = append(r.came, req.Header)
		return response(r.status, ""), nil
	}
	return fake(map[string]roundTrip{"first": answer, "second": answer})
}

func (r *recorder) take() []http.Header {
	came := r.came
	r.came = nil
	return came
}

// TestAttemptsTellTheirClass, each its own number, and nothing of what the caller
// was told of another call. What the caller holds stays as it is.
func TestAttemptsTellTheirClass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{status: http.StatusBadGateway}
		cfg := config([]string{"http://10.1.0.11"}, []string{"http://10.2.0.11"})
		cfg.Tiers = append(cfg.Tiers, tier("standard"))
		cfg.Default = "standard"
		e := newEnv(t, cfg, r.option())
		most := 0 // attempts of a call
		for _, test := range []struct{ tier, want string }{
			{"", "standard"}, {"critical", "critical"},
			{"gold", "gold"},    // known to others
			{"No!", "standard"}, // to nobody
		} {
			req, err := http.NewRequestWithContext(sla.WithLevel(sla.WithTier(t.Context(), test.tier), 101), "GET", "http://routing-api/", nil)
			if err != nil {
				t.Fatal(err)
			}
			forwarded := http.Header{"X-Sla-Tier": {"batch", "batch"}, "X-Sla-Level": {"1"}, "X-Sla-Attempt": {"9"}, "X-Sla-Timeout-Ms": {"5"}, "X-Request-Id": {"r1"}}
			req.Header = forwarded.Clone()
			resp, err := e.transport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			came := r.take()
			most = max(most, len(came))
			for i, h := range came {
				want := http.Header{"X-Sla-Tier": {test.want}, "X-Sla-Level": {"101"}, "X-Sla-Attempt": {strconv.Itoa(i + 1)}, "X-Request-Id": {"r1"}}
				if !equal(h, want) {
					t.Errorf("tier %q: attempt %d has %v, want %v", test.tier, i+1, h, want)
				}
			}
			if !equal(req.Header, forwarded) {
				t.Errorf("the caller's header is now %v", req.Header)
			}
		}
		if most < 2 { // the retry budget may be spent in the end
			t.Error("no call had a second attempt")
		}
	})
}

// TestOneTierTellsNothing but the time: where there is but one class, the context
// may still give a call its own, and what the caller was told of another call isn't
// forwarded.
func TestOneTierTellsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var came http.Header
		e := newEnv(t, config([]string{"http://10.1.0.11"}, nil), WithBase(func(_ string, base *http.Transport) http.RoundTripper {
			base.RegisterProtocol("http", roundTrip(func(req *http.Request) (*http.Response, error) {
				if req.UserAgent() != ProbeUserAgent {
					came = req.Header
				}
				return response(http.StatusOK, ""), nil
			}))
			return base
		}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		own := http.Header{"X-Request-Id": {"r1"}}
		forwarded := http.Header{"X-Sla-Tier": {"batch"}, "X-Sla-Level": {"1"}, "X-Sla-Attempt": {"9"}, "X-Sla-Timeout-Ms": {"5"}}
		for name, test := range map[string]struct {
			ctx          context.Context
			header, want http.Header
		}{
			"nothing":   {t.Context(), own, own},
			"forwarded": {t.Context(), forwarded, http.Header{}},
			"deadline":  {ctx, own, http.Header{"X-Request-Id": {"r1"}, "X-Sla-Timeout-Ms": {"995"}}},
			"tier":      {sla.WithLevel(sla.WithTier(t.Context(), "gold"), 7), own, http.Header{"X-Request-Id": {"r1"}, "X-Sla-Tier": {"gold"}, "X-Sla-Level": {"7"}, "X-Sla-Attempt": {"1"}}},
			"level":     {sla.WithLevel(t.Context(), 7), forwarded, http.Header{"X-Sla-Tier": {"critical"}, "X-Sla-Level": {"7"}, "X-Sla-Attempt": {"1"}}},
		} {
			req, err := http.NewRequestWithContext(test.ctx, "GET", "http://routing-api/", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header = test.header.Clone()
			resp, err := e.transport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if !equal(came, test.want) || !equal(req.Header, test.header) {
				t.Errorf("%s: sent %v, want %v; the caller's is now %v", name, came, test.want, req.Header)
			}
		}
	})
}

func equal(a, b http.Header) bool {
	if len(a) != len(b) {
		return false
	}
	for name, values := range a {
		if !slices.Equal(values, b[name]) {
			return false
		}
	}
	return true
}

// TestAttemptsTellWhatIsLeft of the call, the way back taken off.
func TestAttemptsTellWhatIsLeft(t *testing.T) {
	for _, test := range []struct {
		name          string
		callers, tier time.Duration // 0: none
		upgrade       string
		want          string // "": not sent
	}{
		{"no deadline", 0, 0, "", ""},
		{"the caller's", 200 * time.Millisecond, 0, "", "195"},
		{"the tier's", 0, 60 * time.Millisecond, "", "57"},
		{"the earlier is the caller's", 20 * time.Millisecond, time.Second, "", "19"},
		{"the earlier is the tier's", time.Hour, 20 * time.Millisecond, "", "19"},
		{"days", 100 * time.Hour, 0, "", "86400000"},
		{"hardly any", 1100 * time.Microsecond, 0, "", "1"},
		{"of a WebSocket", time.Second, 0, "websocket", ""},
		{"with an offer of h2c", time.Second, 0, "h2c", "995"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &recorder{status: http.StatusOK}
				cfg := config([]string{"http://10.1.0.11"}, nil)
				cfg.Tiers[0].Timeout = test.tier
				e := newEnv(t, cfg, r.option())
				ctx := t.Context()
				if test.callers > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.callers)
					defer cancel()
				}
				req, err := http.NewRequestWithContext(ctx, "GET", "http://routing-api/", nil)
				if err != nil {
					t.Fatal(err)
				}
				if test.upgrade != "" {
					req.Header.Set("Upgrade", test.upgrade)
				}
				resp, err := e.transport.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if got := strings.Join(r.take()[0]["X-Sla-Timeout-Ms"], ", "); got != test.want {
					t.Errorf("%q, want %q", got, test.want)
				}
			})
		})
	}
}

// TestTooLateIsNotSent: a server would only drop it.
func TestTooLateIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{status: http.StatusOK}
		e := newEnv(t, config([]string{"http://10.1.0.11"}, []string{"http://10.2.0.11"}), r.option())
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		body := &closer{Reader: strings.NewReader("an order")}
		req, err := http.NewRequestWithContext(ctx, "POST", "http://routing-api/", body)
		if err != nil {
			t.Fatal(err)
		}
		_, err = e.client.Do(req)
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, balancer.ErrAmbiguous) || len(r.take()) > 0 || !body.isClosed() {
			t.Errorf("%v; body closed: %v", err, body.isClosed())
		}
		e.expect(t, seen{"first", health.Neutral, reasonGivenUp})
	})
}

// TestServerMayFailWhenTimeIsOver: what a caller has no patience for says nothing
// of a server, unless that had longer than it usually takes.
func TestServerMayFailWhenTimeIsOver(t *testing.T) {
	for _, test := range []struct {
		name          string
		callers, tier time.Duration // 0: none
		takes         time.Duration
		status        int
		want          health.Kind
	}{
		{"caller in a hurry", 20 * time.Millisecond, 0, 19 * time.Millisecond, 504, health.Neutral},
		{"other failure", 20 * time.Millisecond, time.Hour, 19 * time.Millisecond, 500, health.Neutral},
		{"in time", 20 * time.Millisecond, 0, 10 * time.Millisecond, 504, health.Failed},
		{"good answer", 20 * time.Millisecond, 0, 19 * time.Millisecond, 200, health.OK},
		{"patient caller", 2 * time.Second, 0, 1996 * time.Millisecond, 504, health.Failed},
		{"the tier's time", 0, 20 * time.Millisecond, 19 * time.Millisecond, 504, health.Failed},
		{"the tier's time is earlier", time.Second, 20 * time.Millisecond, 19 * time.Millisecond, 504, health.Failed},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := config([]string{"http://10.1.0.11"}, nil)
				cfg.Tiers[0].Timeout, cfg.Tiers[0].Attempts = test.tier, 1
				e := newEnv(t, cfg, fake(map[string]roundTrip{"first": func(*http.Request) (*http.Response, error) {
					time.Sleep(test.takes)
					return response(test.status, ""), nil
				}}))
				ctx := t.Context()
				if test.callers > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.callers)
					defer cancel()
				}
				req, err := http.NewRequestWithContext(ctx, "GET", "http://routing-api/", nil)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := e.transport.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				e.mu.Lock()
				defer e.mu.Unlock()
				if got := e.outcomes[0]; got.kind != test.want || resp.StatusCode != test.status {
					t.Errorf("%v, status %d, want %v", got, resp.StatusCode, test.want)
				}
			})
		})
	}
}

// TestSignaturesCoverTheClass: whoever signs a request signs all of it.
func TestSignaturesCoverTheClass(t *testing.T) {
	r := &recorder{status: http.StatusOK}
	var signed http.Header
	cfg := config([]string{"http://10.1.0.11"}, nil)
	cfg.Tiers, cfg.Default = append(cfg.Tiers, tier("standard")), "critical"
	e := newEnv(t, cfg, r.option(), WithSign(func(_ balancer.Attempt, req *http.Request) error {
		signed = req.Header.Clone()
		return nil
	}))
	e.get(t, "http://routing-api/")
	if !slices.Equal(signed["X-Sla-Tier"], []string{"critical"}) || !equal(signed, r.take()[0]) {
		t.Errorf("signed %v", signed)
	}
}

// TestMiddlewareUnderstandsAttempts: the class that a Transport tells is the one
// that a Middleware restores.
func TestMiddlewareUnderstandsAttempts(t *testing.T) {
	var level uint8
	var name string
	var left time.Duration
	server := httptest.NewServer(Middleware(WithTrusted(everybody))(calls(func(_ http.ResponseWriter, r *http.Request) {
		name, _ = sla.TierFrom(r.Context())
		level, _ = sla.LevelFrom(r.Context())
		deadline, _ := r.Context().Deadline()
		left = time.Until(deadline)
	})))
	defer server.Close()
	e := newEnv(t, config([]string{server.URL}, nil))
	ctx, cancel := context.WithTimeout(sla.WithLevel(sla.WithTier(t.Context(), "gold"), 127), time.Hour)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", "http://routing-api/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := e.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if name != "gold" || level != 127 || left > time.Hour-5*time.Millisecond || left < time.Hour-time.Minute {
		t.Errorf("tier %q, level %d, %v left", name, level, left)
	}
}
