package cloudhttp

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/sla"
)

// classifier knows three tiers and gives critical to a product.
func classifier() *sla.Classifier {
	c, err := sla.NewClassifier([]sla.Tier{{Name: "critical"}, {Name: "standard"}, {Name: "batch"}}, []sla.Rule{
		{Product: "dispatch", Tier: "critical"}, {Method: "POST /bulk", Tier: "batch"},
	}, "standard", sla.LevelKey{})
	if err != nil {
		panic(err)
	}
	return c
}

func everybody(*http.Request) bool { return true }

// arrive makes a request with headers arrive at a handler.
func arrive(h http.Handler, method, path string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	maps.Copy(r.Header, header)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestMiddlewareRestoresTheClass(t *testing.T) {
	claims := http.Header{"X-Sla-Tier": {"batch"}, "X-Sla-Level": {"7"}}
	byKey := WithCaller(func(r *http.Request) sla.Caller {
		return map[string]sla.Caller{"k1": {Product: "dispatch", Customer: "acme"}}[r.Header.Get("X-Api-Key")]
	})
	const unsaid = -1
	for _, test := range []struct {
		name   string
		opts   []ServerOption
		path   string
		header http.Header
		tier   string
		level  int
		caller sla.Caller
	}{
		{"nobody is trusted by default", nil, "/", claims, "", unsaid, sla.Caller{}},
		{"trusted", []ServerOption{WithTrusted(everybody)}, "/", claims, "batch", 7, sla.Caller{}},
		{"trusted, by the server's tiers", []ServerOption{WithTrusted(everybody), WithClassifier(classifier())}, "/", claims, "batch", 7, sla.Caller{}},
		{"another is trusted", []ServerOption{WithTrusted(func(r *http.Request) bool { return r.RemoteAddr == "192.0.2.9:80" }), WithClassifier(classifier())},
			"/", claims, "standard", unsaid, sla.Caller{}},
		{"rule for the method", []ServerOption{WithClassifier(classifier())}, "/bulk", claims, "batch", unsaid, sla.Caller{}},
		{"rule for the caller", []ServerOption{WithClassifier(classifier()), byKey}, "/", http.Header{"X-Api-Key": {"k1"}, "X-Sla-Tier": {"batch"}},
			"critical", unsaid, sla.Caller{Product: "dispatch", Customer: "acme"}},
		{"unknown caller", []ServerOption{WithClassifier(classifier()), byKey}, "/", nil, "standard", unsaid, sla.Caller{}},
		{"malformed", []ServerOption{WithTrusted(everybody), WithClassifier(classifier())}, "/",
			http.Header{"X-Sla-Tier": {"batch "}, "X-Sla-Level": {"+7"}}, "standard", unsaid, sla.Caller{}},
		{"repeated", []ServerOption{WithTrusted(everybody), WithClassifier(classifier())}, "/",
			http.Header{"X-Sla-Tier": {"batch", "critical"}, "X-Sla-Level": {"7", "7"}}, "standard", unsaid, sla.Caller{}},
		{"huge", []ServerOption{WithTrusted(everybody), WithClassifier(classifier())}, "/",
			http.Header{"X-Sla-Tier": {strings.Repeat("a", 1<<20)}, "X-Sla-Level": {strings.Repeat("1", 1<<20)}}, "standard", unsaid, sla.Caller{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			served := false
			h := Middleware(test.opts...)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				served = true
				tier, _ := sla.TierFrom(r.Context())
				caller, _ := sla.CallerFrom(r.Context())
				level := unsaid
				if l, ok := sla.LevelFrom(r.Context()); ok {
					level = int(l)
				}
				if tier != test.tier || level != test.level || caller != test.caller {
					t.Errorf("%q, level %d, %+v; want %q, level %d, %+v", tier, level, caller, test.tier, test.level, test.caller)
				}
			}))
			arrive(h, "POST", test.path, test.header)
			if !served {
				t.Error("the handler wasn't called")
			}
		})
	}
}

// TestMiddlewareTakesItsHeadersAway: a handler that forwards the header of a
// request forwards no class that the server doesn't believe. Who wraps the
// middleware sees what came.
func TestMiddlewareTakesItsHeadersAway(t *testing.T) {
	for name, opts := range map[string][]ServerOption{"trusted": {WithTrusted(everybody)}, "not trusted": nil} {
		t.Run(name, func(t *testing.T) {
			var left []string
			h := Middleware(opts...)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				left = slices.Sorted(maps.Keys(r.Header))
				r.Header.Set("Accept", "changed")
			}))
			r := httptest.NewRequest("GET", "/", nil)
			came := http.Header{"X-Sla-Tier": {"batch"}, "X-Sla-Level": {"7"}, "X-Sla-Timeout-Ms": {"50"}, "X-Sla-Attempt": {"2"}, "Accept": {"*/*"}}
			r.Header = came.Clone()
			h.ServeHTTP(httptest.NewRecorder(), r)
			if want := []string{"Accept", "X-Sla-Attempt"}; !slices.Equal(left, want) {
				t.Errorf("the handler sees %q, want %q", left, want)
			}
			if !maps.EqualFunc(r.Header, came, slices.Equal) {
				t.Errorf("the request that came is now %v", r.Header)
			}
		})
	}
}

// TestTrustIsAskedForWhatIsClaimed: certificates need not be looked at for
// requests that claim nothing.
func TestTrustIsAskedForWhatIsClaimed(t *testing.T) {
	asked := 0
	h := Middleware(WithTrusted(func(*http.Request) bool { asked++; return true }))(http.NotFoundHandler())
	for _, test := range []struct {
		header http.Header
		want   int
	}{
		{nil, 0},
		{http.Header{"X-Sla-Timeout-Ms": {"50"}, "X-Sla-Attempt": {"2"}}, 0},
		{http.Header{"X-Sla-Tier": {"batch"}}, 1},
		{http.Header{"X-Sla-Level": {"7"}}, 1},
		{http.Header{"X-Sla-Tier": {"batch"}, "X-Sla-Level": {"7"}}, 1},
	} {
		asked = 0
		if arrive(h, "GET", "/", test.header); asked != test.want {
			t.Errorf("%v: asked %d times, want %d", test.header, asked, test.want)
		}
	}
}

func TestMiddlewareDeadline(t *testing.T) {
	const none = 0
	upgrade := func(to string, h http.Header) http.Header {
		h["Connection"], h["Upgrade"] = []string{"Upgrade"}, []string{to}
		return h
	}
	timeout := func(values ...string) http.Header { return http.Header{"X-Sla-Timeout-Ms": values} }
	for _, test := range []struct {
		name   string
		method string
		header http.Header
		outer  time.Duration // a deadline that the context had already
		left   time.Duration // in the handler
		status int
	}{
		{"none", "GET", nil, none, none, 200},
		{"usual", "GET", timeout("800"), none, 800 * time.Millisecond, 200},
		{"earlier than the server's", "GET", timeout("800"), time.Second, 800 * time.Millisecond, 200},
		{"later than the server's", "GET", timeout("800"), 500 * time.Millisecond, 500 * time.Millisecond, 200},
		{"longest", "GET", timeout("86400000"), none, 24 * time.Hour, 200},
		{"longer", "GET", timeout("86400001"), none, none, 200},
		{"malformed", "GET", timeout("800ms"), none, none, 200},
		{"repeated", "GET", timeout("800", "900"), none, none, 200},
		{"overflow", "GET", timeout("9223372036854775808"), none, none, 200},
		{"nothing left", "GET", timeout("0"), none, none, 504},
		{"less than nothing left", "GET", timeout("-1"), none, none, 504},
		{"the server's own is over", "GET", timeout("800"), -1, none, 504},
		{"WebSocket", "GET", upgrade("websocket", timeout("800")), none, none, 200},
		{"WebSocket, too late", "GET", upgrade("websocket", timeout("0")), none, none, 504},
		{"CONNECT", "CONNECT", timeout("800"), none, none, 200},
		{"only an offer", "GET", upgrade("h2c", timeout("800")), none, 800 * time.Millisecond, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				served := false
				var ctx context.Context
				h := Middleware()(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					served, ctx = true, r.Context()
					deadline, ok := r.Context().Deadline()
					if left := time.Until(deadline); ok != (test.left != none) || ok && left != test.left {
						t.Errorf("%v left, %v; want %v", left, ok, test.left)
					}
				}))
				r := httptest.NewRequest(test.method, "http://routing-api/", nil)
				maps.Copy(r.Header, test.header)
				if test.outer != none {
					ctx, cancel := context.WithTimeout(t.Context(), test.outer)
					defer cancel()
					r = r.WithContext(ctx)
				}
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if w.Code != test.status || served != (test.status == 200) {
					t.Errorf("status %d, served %v; want %d", w.Code, served, test.status)
				}
				if served && test.left != none && test.outer == none && ctx.Err() == nil {
					t.Error("the context's timer goes on after the handler")
				}
			})
		})
	}
}

// TestDeadlineOverServers: a chain of servers, each of which takes its time and
// passes its context on. What the last one has left is what the first one had,
// less the time that passed; what comes too late never reaches a handler.
func TestDeadlineOverServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []time.Duration
		var next http.Handler
		for hop := range 4 {
			following := next
			next = Middleware(WithTrusted(everybody))(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				tier, _ := sla.TierFrom(r.Context())
				level, _ := sla.LevelFrom(r.Context())
				if tier != "batch" || level != 9 {
					t.Errorf("%d hops before the end: %q, level %d", hop, tier, level)
				}
				deadline, _ := r.Context().Deadline()
				seen = append(seen, time.Until(deadline))
				time.Sleep(70 * time.Millisecond) // and doesn't look at its context
				if following != nil {
					answer := arrive(following, "GET", "/", http.Header{
						"X-Sla-Tier": {tier}, "X-Sla-Level": {sla.FormatLevel(level)}, "X-Sla-Timeout-Ms": {sla.FormatTimeout(time.Until(deadline))},
					})
					w.WriteHeader(answer.Code)
				}
			}))
		}
		answer := arrive(next, "GET", "/", http.Header{"X-Sla-Tier": {"batch"}, "X-Sla-Level": {"9"}, "X-Sla-Timeout-Ms": {"200"}})
		if want := []time.Duration{200 * time.Millisecond, 130 * time.Millisecond, 60 * time.Millisecond}; !slices.Equal(seen, want) {
			t.Errorf("left: %v, want %v", seen, want)
		}
		if answer.Code != http.StatusGatewayTimeout {
			t.Errorf("status %d, want 504", answer.Code)
		}
	})
}

// FuzzMiddleware lets strangers write anything: they get no class, the headers
// don't reach the handler, and a request is served or too late.
func FuzzMiddleware(f *testing.F) {
	f.Add("critical", "127", "800", 1)
	f.Add("critical", "0", "-1", 2)
	f.Add("", "128", "99999999999999999999", 1)
	f.Add("a b\r\n", "-0", "0", 3)
	f.Fuzz(func(t *testing.T, tier, level, timeout string, copies int) {
		header := http.Header{}
		for range 1 + copies&3 {
			header.Add("X-Sla-Tier", tier)
			header.Add("X-Sla-Level", level)
			header.Add("X-Sla-Timeout-Ms", timeout)
		}
		for _, trusted := range []bool{false, true} {
			h := Middleware(WithClassifier(classifier()), WithCap(1), WithTrusted(func(*http.Request) bool { return trusted }))(
				http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if len(r.Header) != 0 {
						t.Errorf("the handler sees %v", r.Header)
					}
					got, _ := sla.TierFrom(r.Context())
					if _, ok := sla.LevelFrom(r.Context()); (ok || got != "standard") && !trusted {
						t.Errorf("a stranger got tier %q and a level: %v", got, ok)
					}
					if _, ok := sla.ParseTier([]string{got}); !ok {
						t.Errorf("%q can't be sent on", got)
					}
					if deadline, ok := r.Context().Deadline(); ok && time.Until(deadline) > 24*time.Hour {
						t.Errorf("deadline %v", deadline)
					}
					w.WriteHeader(http.StatusOK)
				}))
			for range 2 { // nothing stays behind
				if w := arrive(h, "GET", "/", header); w.Code != http.StatusOK && w.Code != http.StatusGatewayTimeout {
					t.Errorf("status %d", w.Code)
				}
			}
		}
	})
}
