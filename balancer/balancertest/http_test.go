package balancertest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/balancertest"
	"github.com/fairlead-go/fairlead/balancer/cloudhttp"
	"github.com/fairlead-go/fairlead/health"
)

// base returns what carries requests to a cloud of one endpoint, and its URL.
func base(clouds *balancertest.Clouds) (http.RoundTripper, string) {
	return clouds.Base("gcp", nil), clouds.Config("s").Services["s"].Clouds["gcp"].HTTP[0] + ":80"
}

func TestHandler(t *testing.T) {
	clouds := balancertest.New(1, "gcp")
	clouds.Handle(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("X", r.Header.Get("X"))
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s %s %s %s", r.Method, r.Host, r.RequestURI, body)
	}))
	rt, url := base(clouds)
	req, err := http.NewRequest("POST", url+"/a%2Fb?c=d", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "routing.example.com"
	req.Header.Set("X", "y")
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(body), "POST routing.example.com /a%2Fb?c=d hello"; got != want {
		t.Errorf("the handler saw %q, want %q", got, want)
	}
	if resp.StatusCode != http.StatusTeapot || resp.Header.Get("X") != "y" || resp.ContentLength != int64(len(body)) || resp.Request != req {
		t.Errorf("the answer is %+v", resp)
	}
}

func TestHead(t *testing.T) {
	rt, url := base(balancertest.New(1, "gcp"))
	req, err := http.NewRequest("HEAD", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := rt.RoundTrip(req)
	if err != nil || resp.Body != http.NoBody {
		t.Errorf("got %+v, %v", resp, err)
	}
}

// closing is a body that says whether it was closed.
type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }

func TestHTTPErrors(t *testing.T) {
	abort := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	gone := errors.New("gone")
	for _, test := range []struct {
		name string
		do   func(*balancertest.Clouds)
		want error
	}{
		{"crashed", func(c *balancertest.Clouds) { c.Cloud("gcp").Crash() }, syscall.ECONNREFUSED},
		{"crash while waiting", func(c *balancertest.Clouds) {
			c.Cloud("gcp").SetLatency(time.Second)
			time.AfterFunc(time.Millisecond, c.Cloud("gcp").Crash)
		}, syscall.ECONNRESET},
		{"silent", func(c *balancertest.Clouds) { c.Cloud("gcp").Silence() }, gone},
		{"aborted by the handler", func(c *balancertest.Clouds) { c.Handle(abort) }, syscall.ECONNRESET},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				clouds := balancertest.New(1, "gcp")
				test.do(clouds)
				rt, url := base(clouds)
				ctx, cancel := context.WithTimeoutCause(t.Context(), 2*time.Second, gone)
				defer cancel()
				body := &closing{Reader: strings.NewReader("x")}
				req, err := http.NewRequestWithContext(ctx, "POST", url, body)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := rt.RoundTrip(req)
				if resp != nil || !errors.Is(err, test.want) {
					t.Errorf("got %v, %v, want %v", resp, err, test.want)
				}
				if !body.closed {
					t.Error("the request's body wasn't closed")
				}
			})
		})
	}
}

func TestUnknownAddress(t *testing.T) {
	rt, _ := base(balancertest.New(1, "gcp"))
	req, err := http.NewRequest("GET", "http://198.18.9.9:80/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rt.RoundTrip(req); err == nil || !strings.Contains(err.Error(), "no endpoint has the address 198.18.9.9:80") {
		t.Errorf("got %v", err)
	}
}

// TestTry makes calls of no protocol, and lets the router probe.
func TestTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clouds := balancertest.New(2, "onprem", "gcp")
		router, err := balancer.New(clouds.Config("routing-api"))
		if err != nil {
			t.Fatal(err)
		}
		defer router.Close()
		router.SetProber(balancer.HTTP, clouds.Probe)
		call := balancer.Call{Service: "routing-api", Idempotent: true}
		try := func() (string, error) { return balancer.Do(t.Context(), router, call, clouds.Try, nil) }

		if err := router.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		clouds.Cloud("onprem").Fail(1)
		for range 10 {
			if cloud, err := try(); cloud != "gcp" || err != nil {
				t.Fatalf("one cloud fails: %q, %v", cloud, err)
			}
			time.Sleep(50 * time.Millisecond)
		}
		clouds.Cloud("gcp").Crash()
		_, err = try()
		var failed *balancer.CallError
		if !errors.As(err, &failed) || len(failed.Attempts) == 0 {
			t.Fatalf("both clouds are lost: %v", err)
		}
		for _, a := range failed.Attempts {
			if want := map[string]health.Kind{"onprem": health.Failed, "gcp": health.Refused}[a.Cloud]; a.Outcome.Kind != want {
				t.Errorf("the attempt at %s is %v, want %v", a.Cloud, a.Outcome.Kind, want)
			}
		}
	})
}

// TestRecoveryByProbe loses a cloud that gets no calls: only probes can see it
// go and come back.
func TestRecoveryByProbe(t *testing.T) {
	for name, lose := range map[string]func(*balancertest.Cloud){
		"crash": (*balancertest.Cloud).Crash, "silence": (*balancertest.Cloud).Silence,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				clouds := balancertest.New(3, "onprem", "gcp")
				router, err := balancer.New(clouds.Config("routing-api"))
				if err != nil {
					t.Fatal(err)
				}
				defer router.Close()
				cloudhttp.NewTransport(router, cloudhttp.WithBase(clouds.Base))
				clouds.Handle(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					t.Errorf("the handler got %s %s", r.Method, r.URL)
				}))
				state := func() health.State {
					for _, c := range router.Status().Services[0].Clouds {
						if c.Name == "gcp" {
							return c.State
						}
					}
					return health.Unknown
				}
				time.Sleep(5 * time.Second)
				if s := state(); s != health.Healthy {
					t.Fatalf("at first the cloud is %v", s)
				}
				lose(clouds.Cloud("gcp"))
				time.Sleep(10 * time.Second)
				if s := state(); s != health.Down {
					t.Fatalf("10 s after the loss it is %v", s)
				}
				clouds.Cloud("gcp").Restore()
				time.Sleep(time.Minute)
				if s := state(); s != health.Healthy {
					t.Fatalf("a minute after its return it is %v", s)
				}
				if n := clouds.Cloud("gcp").Counts(); n.Calls != 0 || n.Probes == 0 {
					t.Errorf("counted %+v", n)
				}
			})
		})
	}
}
