package cloudhttp_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudhttp"
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

// The transport of one cloud signs what goes there.
func ExampleWithBase() {
	router, err := balancer.New(&balancer.Config{
		Clouds: map[string]balancer.Cloud{"onprem": {}, "gcp": {}},
		Services: map[string]balancer.Service{"routing-api": {Clouds: map[string]balancer.ServiceCloud{
			"onprem": {HTTP: []string{"http://10.1.0.11:8080"}},
			"gcp":    {HTTP: []string{"http://10.2.0.11:8080"}},
		}}},
	})
	if err != nil {
		panic(err)
	}
	defer router.Close()
	transport := cloudhttp.NewTransport(router, cloudhttp.WithBase(func(cloud string, t *http.Transport) http.RoundTripper {
		if cloud != "gcp" {
			return t
		}
		return signer{t}
	}))
	client := &http.Client{Transport: transport}
	client.CloseIdleConnections()
	// Output:
}

// signer adds a token to each attempt. The request is the attempt's own, so it
// may be changed.
type signer struct{ *http.Transport }

func (s signer) RoundTrip(req *http.Request) (*http.Response, error) {
	req.Header.Set("Authorization", "Bearer …")
	return s.Transport.RoundTrip(req)
}
