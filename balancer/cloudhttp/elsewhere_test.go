package cloudhttp

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fairlead-go/fairlead/balancer"
)

// TestElsewhere calls a host that is no service, with a streamed body.
func TestElsewhere(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.Method+" "+r.Host+r.RequestURI+" "+r.Header.Get("Authorization")+" ")
		io.Copy(w, r.Body)
	})
	e := newEnv(t, config([]string{nobody(t)}, nil))
	req, err := http.NewRequest("POST", server+"/a?b", stream("body"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "mine")
	resp, err := e.transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := text(t, resp), "POST "+strings.TrimPrefix(server, "http://")+"/a?b mine body"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if resp.Request != req {
		t.Error("the response is that of another request")
	}
	e.expect(t)
}

// TestElsewhereHasItsOwnBase asks WithBase for what carries such requests.
func TestElsewhereHasItsOwnBase(t *testing.T) {
	e := newEnv(t, config([]string{nobody(t)}, nil), WithBase(func(cloud string, _ *http.Transport) http.RoundTripper {
		return roundTrip(func(req *http.Request) (*http.Response, error) { return response(200, "cloud "+cloud), nil })
	}))
	if _, body := e.get(t, "http://elsewhere/"); body != "cloud " {
		t.Errorf("went to %q", body)
	}
}

func TestStrict(t *testing.T) {
	e := newEnv(t, config([]string{nobody(t)}, nil), Strict())
	_, err := e.client.Get(serve(t, say("reached")))
	var unknown *balancer.UnknownServiceError
	if !errors.As(err, &unknown) || unknown.Service != "127.0.0.1" {
		t.Errorf("got %v", err)
	}
}

// TestMisspeltService names a service that there isn't, and no such host.
func TestMisspeltService(t *testing.T) {
	e := newEnv(t, config([]string{nobody(t)}, nil), WithBase(func(string, *http.Transport) http.RoundTripper {
		return roundTrip(func(req *http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: req.URL.Hostname(), IsNotFound: true}}
		})
	}))
	_, err := e.client.Get("http://routing-apo/")
	var unknown *balancer.UnknownServiceError
	var lookup *net.DNSError
	if !errors.As(err, &unknown) || !errors.As(err, &lookup) {
		t.Fatalf("got %v", err)
	}
	if want := `no service "routing-apo" with http endpoints in the config, which has routing-api; as a host: dial tcp: lookup routing-apo: no such host`; !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %q, want %q", err, want)
	}
}

// TestRedirectElsewhere follows a redirect to another host: it goes there, not
// to the cloud that sent it, and without what is secret, but for that which a
// request straight to that host holds.
func TestRedirectElsewhere(t *testing.T) {
	var got http.Header
	other := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/again" {
			got = r.Header
			return
		}
		http.Redirect(w, r, "/again", http.StatusFound)
	})
	asked := 0
	first := serve(t, calls(func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.Redirect(w, r, other+"/", http.StatusTemporaryRedirect)
	}))
	cfg := config([]string{first}, nil)
	cfg.Sensitive = []string{"X-Acme"}
	e := newEnv(t, cfg)
	call := func(url string) {
		req, err := http.NewRequest("PUT", url, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"Authorization", "X-Api-Key", "X-Acme", "X-Other"} {
			req.Header.Set(name, "value")
		}
		resp, err := e.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if req.Header.Get("X-Api-Key") == "" {
			t.Error("the caller's header was changed")
		}
	}
	call("http://routing-api/")
	if asked != 1 {
		t.Errorf("the cloud was asked %d times", asked)
	}
	if got.Get("Authorization")+got.Get("X-Api-Key")+got.Get("X-Acme") != "" || got.Get("X-Other") == "" {
		t.Errorf("redirected with %v", got)
	}
	call(other)
	if got.Get("X-Api-Key") == "" || got.Get("X-Acme") == "" {
		t.Errorf("a request straight to the host lost its headers: %v", got)
	}
}

// TestRedirectedRequestStays has the response's Request be the one that was
// asked for, not the copy without secrets.
func TestRedirectedRequestStays(t *testing.T) {
	e := newEnv(t, config([]string{nobody(t)}, nil))
	req, err := http.NewRequest("GET", serve(t, say("")), nil)
	if err != nil {
		t.Fatal(err)
	}
	before, err := http.NewRequest("GET", "http://routing-api/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Response = &http.Response{Request: before}
	resp, err := e.transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.Request != req {
		t.Error("the response is that of another request")
	}
}

// TestRedirectToAService follows a redirect from a host that is none.
func TestRedirectToAService(t *testing.T) {
	var got http.Header
	e := newEnv(t, config([]string{serve(t, calls(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))}, nil))
	other := httptest.NewServer(http.RedirectHandler("http://routing-api/", http.StatusFound))
	defer other.Close()
	req, err := http.NewRequest("GET", other.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Api-Key", "other's")
	resp, err := e.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got == nil || got.Get("X-Api-Key") != "" {
		t.Errorf("the service got %v", got)
	}
}
