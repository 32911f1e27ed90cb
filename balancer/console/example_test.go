package console_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/balancertest"
	"github.com/fairlead-go/fairlead/balancer/console"
)

// A program mounts the console beside its own handlers.
func Example() {
	clouds := balancertest.New(2, "gcp", "onprem")
	router, err := balancer.New(clouds.Config("routing-api"))
	if err != nil {
		panic(err)
	}
	defer router.Close()

	mux := http.NewServeMux()
	mux.Handle("/debug/fairlead/", console.Handler(router))
	server := httptest.NewServer(mux)
	defer server.Close()

	// People open it in a browser; programs ask for JSON.
	resp, err := http.Get(server.URL + "/debug/fairlead/explain?service=routing-api&format=json")
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	var call balancer.Explanation
	if err := json.NewDecoder(resp.Body).Decode(&call); err != nil {
		panic(err)
	}
	for _, c := range call.Clouds {
		fmt.Printf("%s %.0f %%: %s\n", c.Cloud, 100*c.Share, c.Text)
	}
	// Output:
	// gcp 50 %: its part by weight
	// onprem 50 %: its part by weight
}

// Only operators may look.
func ExampleWithAuthorizer() {
	router, err := balancer.New(balancertest.New(1, "gcp").Config("routing-api"))
	if err != nil {
		panic(err)
	}
	defer router.Close()
	handler := console.Handler(router, console.WithAuthorizer(func(r *http.Request) error {
		user, password, ok := r.BasicAuth()
		switch {
		case !ok:
			return &console.Unauthenticated{Challenge: `Basic realm="fairlead"`}
		case user != "operator" || password != "a secret from elsewhere":
			return errors.New("no operator")
		}
		return nil
	}))
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"))
	// Output: 401 Basic realm="fairlead"
}
