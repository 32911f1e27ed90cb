package cloudhttp

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/fairlead-go/fairlead/balancer"
)

func TestClosedRouter(t *testing.T) {
	e := newEnv(t, config([]string{nobody(t)}, nil))
	e.router.Close()
	if _, err := e.client.Get("http://routing-api/"); !errors.Is(err, balancer.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// TestErrorSaysWhat reads the error of a call to two dead clouds.
func TestErrorSaysWhat(t *testing.T) {
	first, second := nobody(t), nobody(t)
	e := newEnv(t, config([]string{first}, []string{second}))
	_, err := e.client.Get("http://routing-api/v1/route")
	var failed *balancer.CallError
	if !errors.As(err, &failed) {
		t.Fatalf("got %T: %v", err, err)
	}
	for _, want := range []string{
		"routing-api", "critical", "connection refused",
		"attempt 1 at first " + first, "attempt 2 at second " + second, "cloud first is", "cloud second is",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %q", want, err)
		}
	}
}

// TestLastAnswerIsAResponse has every cloud answer 503: so does the call.
func TestLastAnswerIsAResponse(t *testing.T) {
	unavailable := func(text string) http.HandlerFunc {
		return calls(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, text, http.StatusServiceUnavailable) })
	}
	e := newEnv(t, config([]string{serve(t, unavailable("first"))}, []string{serve(t, unavailable("second"))}))
	req, err := http.NewRequest("GET", "http://routing-api/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := e.transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if body := text(t, resp); resp.StatusCode != http.StatusServiceUnavailable || resp.Request != req || body == "" {
		t.Errorf("got %d %q of request %p, want that of %p", resp.StatusCode, body, resp.Request, req)
	}
}

// TestRedirect follows a redirect within the service.
func TestRedirect(t *testing.T) {
	e := newEnv(t, config([]string{serve(t, calls(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/old" {
			http.Redirect(w, r, "/new", http.StatusFound)
			return
		}
		io.WriteString(w, r.URL.Path)
	}))}, nil))
	if status, body := e.get(t, "http://routing-api/old"); status != 200 || body != "/new" {
		t.Errorf("got %d %q", status, body)
	}
}
