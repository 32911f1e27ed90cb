package cloudhttp_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/fairlead-go/fairlead/balancer/cloudhttp"
	"github.com/fairlead-go/fairlead/sla"
)

// A server for two calls at a time is busy with one. A batch call has to wait, a
// critical one need not, and what is too late isn't begun.
func ExampleMiddleware() {
	tiers := []sla.Tier{{Name: "critical"}, {Name: "batch"}}
	classifier, err := sla.NewClassifier(tiers, []sla.Rule{{Method: "POST /reports", Tier: "batch"}}, "critical", sla.LevelKey{})
	if err != nil {
		panic(err)
	}
	middleware := cloudhttp.Middleware(cloudhttp.WithClassifier(classifier), cloudhttp.WithCap(2))

	var handler http.Handler
	call := func(method, path, timeout string) {
		r := httptest.NewRequest(method, path, nil)
		r.Header.Set(sla.TimeoutHeader, timeout)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Println(method, path, w.Code, http.StatusText(w.Code))
	}
	handler = middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/busy" { // one call is in flight, others come
			call("POST", "/reports", "800")
			call("GET", "/route", "800")
			call("GET", "/route", "-3")
		}
	}))
	call("GET", "/busy", "800")
	// Output:
	// POST /reports 503 Service Unavailable
	// GET /route 200 OK
	// GET /route 504 Gateway Timeout
	// GET /busy 200 OK
}

// Everybody may claim to be critical. The word of one's own servers counts.
func ExampleWithTrusted() {
	tiers := []sla.Tier{{Name: "critical"}, {Name: "standard"}}
	classifier, err := sla.NewClassifier(tiers, nil, "standard", sla.LevelKey{})
	if err != nil {
		panic(err)
	}
	handler := cloudhttp.Middleware(
		cloudhttp.WithClassifier(classifier),
		cloudhttp.WithTrusted(func(r *http.Request) bool { return r.TLS != nil && len(r.TLS.VerifiedChains) > 0 }),
	)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		tier, _ := sla.TierFrom(r.Context()) // as calls made with this context see it
		fmt.Println(tier)
	}))

	r := httptest.NewRequest("GET", "https://routing-api/", nil)
	r.Header.Set(sla.TierHeader, "critical")
	handler.ServeHTTP(httptest.NewRecorder(), r)

	r.TLS.VerifiedChains = append(r.TLS.VerifiedChains, nil) // by a certificate of the client
	handler.ServeHTTP(httptest.NewRecorder(), r)
	// Output:
	// standard
	// critical
}
