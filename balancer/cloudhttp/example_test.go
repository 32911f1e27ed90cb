package cloudhttp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/balancertest"
	"github.com/fairlead-go/fairlead/balancer/cloudhttp"
	"github.com/fairlead-go/fairlead/sla"
)

// A service runs in two clouds, one of which is lost.
func Example() {
	route := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "a route from %s", r.FormValue("from"))
	})
	onprem, gcp := httptest.NewServer(route), httptest.NewServer(route)
	defer gcp.Close()
	onprem.Close()

	router, err := balancer.New(&balancer.Config{
		Clouds: map[string]balancer.Cloud{"onprem": {Weight: 70}, "gcp": {Weight: 30}},
		Services: map[string]balancer.Service{"routing-api": {Clouds: map[string]balancer.ServiceCloud{
			"onprem": {HTTP: []string{onprem.URL}},
			"gcp":    {HTTP: []string{gcp.URL}},
		}}},
	})
	if err != nil {
		panic(err)
	}
	defer router.Close()
	client := &http.Client{Transport: cloudhttp.NewTransport(router)}
	defer client.CloseIdleConnections()

	// The URL's host names the service.
	resp, err := client.Get("http://routing-api/v1/route?from=Seoul")
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	fmt.Println(resp.Status, string(body))
	// Output: 200 OK a route from Seoul
}

// Each cloud has its own credentials, attached when the cloud is known.
func ExampleWithSign() {
	whoami := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, r.Header.Get("Authorization"))
	})
	gcp := httptest.NewServer(whoami)
	defer gcp.Close()
	router, err := balancer.New(&balancer.Config{
		Clouds: map[string]balancer.Cloud{"gcp": {}},
		Services: map[string]balancer.Service{"routing-api": {Clouds: map[string]balancer.ServiceCloud{
			"gcp": {HTTP: []string{gcp.URL}},
		}}},
	})
	if err != nil {
		panic(err)
	}
	defer router.Close()
	tokens := map[string]string{"onprem": "token for onprem", "gcp": "token for gcp"}
	client := &http.Client{Transport: cloudhttp.NewTransport(router, cloudhttp.WithSign(
		func(at balancer.Attempt, req *http.Request) error {
			req.Header.Set("Authorization", "Bearer "+tokens[at.Cloud()])
			return nil
		},
	))}
	defer client.CloseIdleConnections()

	resp, err := client.Get("http://routing-api/")
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	io.Copy(os.Stdout, resp.Body)
	// Output: Bearer token for gcp
}

// A search by POST may be carried out twice. It survives a cloud that dies while
// it answers.
func ExampleWithIdempotent() {
	clouds := balancertest.New(1, "onprem", "gcp")
	cfg := clouds.Config("search")
	cfg.Tiers = []sla.Tier{{Name: "all", Clouds: sla.Clouds{Prefer: []string{"onprem", "gcp"}}}}
	router, err := balancer.New(cfg)
	if err != nil {
		panic(err)
	}
	defer router.Close()
	client := &http.Client{Transport: cloudhttp.NewTransport(router, cloudhttp.WithBase(clouds.Base))}

	clouds.Cloud("onprem").Fail(1) // answers 500 from now on
	ctx := cloudhttp.WithIdempotent(context.Background())
	req, err := http.NewRequestWithContext(ctx, "POST", "http://search/", strings.NewReader("from=Seoul"))
	if err != nil {
		panic(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status)
	// Output: 200 OK
}

// A reverse proxy in front of a service that runs in several clouds.
func ExampleTransport_reverseProxy() {
	clouds := balancertest.New(1, "gcp")
	router, err := balancer.New(clouds.Config("routing-api"))
	if err != nil {
		panic(err)
	}
	defer router.Close()
	service := &url.URL{Scheme: "http", Host: "routing-api"}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(service) },
		Transport: cloudhttp.NewTransport(router, cloudhttp.WithBase(clouds.Base)),
	})
	defer proxy.Close()

	resp, err := http.Get(proxy.URL + "/v1/route")
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	fmt.Println(resp.Status, string(body))
	// Output: 200 OK gcp
}

// What an error says: each attempt, each cloud, and whether the call may have
// been carried out all the same.
func ExampleTransport_RoundTrip_error() {
	clouds := balancertest.New(1, "onprem", "gcp")
	cfg := clouds.Config("orders")
	cfg.Tiers = []sla.Tier{{Name: "all", Timeout: 50 * time.Millisecond}}
	router, err := balancer.New(cfg)
	if err != nil {
		panic(err)
	}
	defer router.Close()
	client := &http.Client{Transport: cloudhttp.NewTransport(router, cloudhttp.WithBase(clouds.Base))}

	clouds.Cloud("onprem").Silence()
	clouds.Cloud("gcp").Silence()
	_, err = client.Post("http://orders/", "text/plain", strings.NewReader("two tickets"))
	var call *balancer.CallError
	if errors.As(err, &call) {
		fmt.Println(call.Service, "after", len(call.Attempts), "attempt")
	}
	fmt.Println("timed out:", errors.Is(err, context.DeadlineExceeded))
	fmt.Println("perhaps carried out:", errors.Is(err, balancer.ErrAmbiguous))
	// Output:
	// orders after 1 attempt
	// timed out: true
	// perhaps carried out: true
}

// The caller's credentials are for the company's own clouds. When those are
// lost, the partner's gets the request without them.
func ExampleTransport_trust() {
	clouds := balancertest.New(1, "onprem", "partner")
	clouds.Handle(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "credentials: %q", r.Header.Get("Authorization"))
	}))
	cfg := clouds.Config("routing-api")
	cfg.Clouds["onprem"] = balancer.Cloud{Trust: "internal"}
	cfg.Clouds["partner"] = balancer.Cloud{Trust: "partner"}
	service := cfg.Services["routing-api"]
	service.Trust = "internal"
	cfg.Services["routing-api"] = service
	router, err := balancer.New(cfg)
	if err != nil {
		panic(err)
	}
	defer router.Close()
	client := &http.Client{Transport: cloudhttp.NewTransport(router, cloudhttp.WithBase(clouds.Base))}

	for _, lost := range []string{"partner", "onprem"} {
		clouds.Cloud(lost).Crash()
		req, err := http.NewRequest("GET", "http://routing-api/", nil)
		if err != nil {
			panic(err)
		}
		req.Header.Set("Authorization", "mine")
		resp, err := client.Do(req)
		if err != nil {
			panic(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		fmt.Println(lost, "is lost,", string(body))
		clouds.Cloud(lost).Restore()
	}
	// Output:
	// partner is lost, credentials: "mine"
	// onprem is lost, credentials: ""
}
