package cloudhttp

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

func mustParse(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestSign signs two attempts over header, URL and body: each for its cloud,
// and nothing of it stays in the caller's request.
func TestSign(t *testing.T) {
	var got, query, body string
	second := serve(t, calls(func(_ http.ResponseWriter, r *http.Request) {
		got, query = r.Header.Get("Authorization"), r.URL.RawQuery
		content, _ := io.ReadAll(r.Body)
		body = string(content)
	}))
	e := newEnv(t, config([]string{nobody(t)}, []string{second}), WithSign(func(at balancer.Attempt, req *http.Request) error {
		content, err := req.GetBody()
		if err != nil {
			return err
		}
		text, _ := io.ReadAll(content)
		req.Header.Set("Authorization", at.Cloud()+" signed "+string(text)+" for "+req.URL.Host)
		req.URL.RawQuery += "&by=" + at.Cloud()
		return nil
	}))
	req, err := http.NewRequest("POST", "http://routing-api/?a=b", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "mine")
	resp, err := e.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if want := "second signed body for " + strings.TrimPrefix(second, "http://"); got != want || query != "a=b&by=second" || body != "body" {
		t.Errorf("got %q, %q, %q, want %q", got, query, body, want)
	}
	if req.Header.Get("Authorization") != "mine" || req.URL.RawQuery != "a=b" {
		t.Error("the caller's request was changed")
	}
}

// TestSignInPlace has a hook that replaces values where they are and appends to
// them: neither the caller nor the next cloud, which is of another trust group, sees it.
func TestSignInPlace(t *testing.T) {
	got := map[string][]string{}
	answer := func(cloud string) roundTrip {
		return func(req *http.Request) (*http.Response, error) {
			got[cloud] = req.Header["X-Token"]
			return response(http.StatusInternalServerError, ""), nil
		}
	}
	cfg := config([]string{"http://192.0.2.1"}, []string{"http://192.0.2.2"})
	cfg.Clouds["second"] = balancer.Cloud{Weight: 1, Trust: "theirs"}
	e := newEnv(t, cfg, fake(map[string]roundTrip{"first": answer("first"), "second": answer("second")}),
		WithSign(func(at balancer.Attempt, req *http.Request) error {
			values := req.Header["X-Token"]
			values[0] += " for " + at.Cloud()
			req.Header["X-Token"] = append(values, "more")
			if other := req.Header["X-Other"]; len(other) != 1 || other[0] != "z" {
				t.Errorf("another header became %q", other)
			}
			if values, ok := req.Header["User-Agent"]; !ok || values != nil { // which means none
				t.Errorf("no User-Agent became %q", values)
			}
			return nil
		}))
	req, err := http.NewRequest("GET", "http://routing-api/", nil)
	if err != nil {
		t.Fatal(err)
	}
	mine := []string{"mine", "behind"}
	req.Header["X-Token"], req.Header["X-Other"], req.Header["User-Agent"] = mine[:1], []string{"z"}, nil
	resp, err := e.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	for cloud, values := range got {
		if want := []string{"mine for " + cloud, "more"}; !slices.Equal(values, want) {
			t.Errorf("%s got %q, want %q", cloud, values, want)
		}
	}
	if len(got) != 2 || !slices.Equal(mine, []string{"mine", "behind"}) {
		t.Errorf("the caller has %q after %v", mine, got)
	}
}

// TestUnsignedIsNotSent has no credentials for the first cloud.
func TestUnsignedIsNotSent(t *testing.T) {
	gone := errors.New("no token")
	cfg := config([]string{serve(t, say("first"))}, []string{serve(t, say("second"))})
	sign := func(fails func(cloud string) bool) Option {
		return WithSign(func(at balancer.Attempt, req *http.Request) error {
			if fails(at.Cloud()) {
				return gone
			}
			return nil
		})
	}
	e := newEnv(t, cfg, sign(func(cloud string) bool { return cloud == "first" }))
	body := stream("x")
	resp, err := e.client.Post("http://routing-api/", "", body)
	if err != nil {
		t.Fatal(err)
	}
	if got := text(t, resp); got != "second" || !body.isClosed() {
		t.Errorf("got %q, body closed: %v", got, body.isClosed())
	}
	e.expect(t, seen{"first", health.Refused, "not signed"}, seen{"second", health.OK, "http 200"})

	e = newEnv(t, cfg, sign(func(string) bool { return true }))
	body = stream("x")
	if _, err := e.client.Post("http://routing-api/", "", body); !errors.Is(err, gone) || !body.isClosed() {
		t.Errorf("got %v, body closed: %v", err, body.isClosed())
	}

	ctx, cancel := context.WithCancel(t.Context())
	e = newEnv(t, cfg, WithSign(func(_ balancer.Attempt, req *http.Request) error {
		cancel()
		return req.Context().Err()
	}))
	req, err := http.NewRequestWithContext(ctx, "GET", "http://routing-api/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.client.Do(req); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	e.expect(t, seen{"first", health.Neutral, "canceled"})
}

// TestForeignBaseChangesItsOwn has a base that changes the header, which it
// shouldn't: neither the caller nor the next cloud sees it.
func TestForeignBaseChangesItsOwn(t *testing.T) {
	var got http.Header
	e := newEnv(t, config([]string{"http://192.0.2.1"}, []string{"http://192.0.2.2"}), fake(map[string]roundTrip{
		"first": func(req *http.Request) (*http.Response, error) {
			req.Header.Set("Authorization", "first's")
			req.Header.Del("X")
			return response(500, ""), nil
		},
		"second": func(req *http.Request) (*http.Response, error) {
			got = req.Header
			return response(200, ""), nil
		},
	}))
	req, err := http.NewRequest("GET", "http://routing-api/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X", "y")
	resp, err := e.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got.Get("Authorization") != "" || got.Get("X") != "y" || req.Header.Get("Authorization") != "" {
		t.Errorf("the second cloud got %v, the caller has %v", got, req.Header)
	}
}

// TestSparseBase has bases that return less than they should.
func TestSparseBase(t *testing.T) {
	e := newEnv(t, config([]string{"http://192.0.2.1"}, []string{"http://192.0.2.2"}), fake(map[string]roundTrip{
		"first":  func(*http.Request) (*http.Response, error) { return nil, nil },
		"second": func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 404}, nil },
	}))
	if status, _ := e.get(t, "http://routing-api/"); status != 404 {
		t.Errorf("status %d", status)
	}
}

// TestForeignBaseSeesNoPassword calls a cloud outside the trust group through a
// base that looks at the URL's user, as net/http's doesn't.
func TestForeignBaseSeesNoPassword(t *testing.T) {
	var got *url.Userinfo
	cfg := config([]string{"http://192.0.2.1"}, nil)
	cfg.Clouds["first"], cfg.Clouds["second"] = balancer.Cloud{Trust: "theirs"}, balancer.Cloud{Trust: "mine"}
	cfg.Services["routing-api"].Clouds["second"] = balancer.ServiceCloud{HTTP: []string{"http://192.0.2.2"}}
	service := cfg.Services["routing-api"]
	service.Trust = "mine"
	cfg.Services["routing-api"] = service
	cfg.Tiers[0].Clouds.Only = []string{"first"}
	e := newEnv(t, cfg, fake(map[string]roundTrip{"first": func(req *http.Request) (*http.Response, error) {
		got = req.URL.User
		return response(200, ""), nil
	}}))
	e.get(t, "http://user:password@routing-api/")
	if got != nil {
		t.Errorf("the base got %v", got)
	}
}

// TestCallersHost sends the host that the caller asked for, where the cloud is
// configured so, and the endpoint's elsewhere.
func TestCallersHost(t *testing.T) {
	for _, test := range []struct {
		mode balancer.Host
		host string // of the request
		want string // empty: the endpoint's
	}{
		{"", "", ""},
		{"", "maps.example.com", ""},
		{balancer.HostEndpoint, "maps.example.com", ""},
		{balancer.HostCaller, "", "routing-api:8080"},
		{balancer.HostCaller, "maps.example.com", "maps.example.com"},
	} {
		var got string
		server := serve(t, calls(func(_ http.ResponseWriter, r *http.Request) { got = r.Host }))
		cfg := config([]string{server}, nil)
		cfg.Clouds["first"] = balancer.Cloud{Host: test.mode}
		e := newEnv(t, cfg)
		req, err := http.NewRequest("GET", "http://routing-api:8080/", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = test.host
		resp, err := e.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		want := test.want
		if want == "" {
			want = strings.TrimPrefix(server, "http://")
		}
		if got != want {
			t.Errorf("%q, asked for %q: got %q, want %q", test.mode, test.host, got, want)
		}
	}
}
