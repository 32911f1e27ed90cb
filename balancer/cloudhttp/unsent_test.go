package cloudhttp

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
)

// A POST that never left, because its connection wasn't made in time, is no
// mystery; one that was sent and not answered is.
func TestWhatNeverLeftIsNotAmbiguous(t *testing.T) {
	mute := httptest.NewServer(calls(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer mute.Close()
	for _, connects := range []bool{false, true} {
		cfg := config([]string{mute.URL}, nil)
		cfg.Tiers[0].Timeout = 200 * time.Millisecond
		e := newEnv(t, cfg, WithBase(func(_ string, base *http.Transport) http.RoundTripper {
			if !connects {
				base.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
					<-ctx.Done()
					return nil, ctx.Err()
				}
			}
			return base
		}))
		_, err := e.client.Post("http://routing-api/", "text/plain", strings.NewReader("x"))
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, balancer.ErrAmbiguous) != connects {
			t.Errorf("connects %v: %v", connects, err)
		}
	}
}

// An upload whose stream the server resets is no fault of the body, though
// net/http closes it under its reader.
func TestBrokenUploadSpeaksAgainstTheCloud(t *testing.T) {
	server := serveH2C(t, calls(func(_ http.ResponseWriter, r *http.Request) {
		io.ReadFull(r.Body, make([]byte, 5))
		panic(http.ErrAbortHandler)
	}))
	e := newEnv(t, config([]string{server}, nil))
	read, write := io.Pipe()
	defer write.Close()
	go write.Write([]byte("hello"))
	_, err := e.client.Post("http://routing-api/", "text/plain", read)
	var call *balancer.CallError
	if !errors.As(err, &call) || !errors.Is(err, balancer.ErrAmbiguous) {
		t.Fatalf("error is %v", err)
	}
	if o := call.Attempts[0].Outcome; !o.Kind.Bad() {
		t.Errorf("outcome is %v (%s)", o.Kind, o.Reason)
	}
}

// While a retry is on its way the config changes: what is a secret is decided
// by the config that also says whom to trust.
func TestSecretsGoByOneConfig(t *testing.T) {
	var e *env
	leaked := ""
	first := httptest.NewServer(calls(func(w http.ResponseWriter, _ *http.Request) {
		next := config([]string{"http://127.0.0.1:9"}, []string{"http://127.0.0.1:10"})
		next.Services = map[string]balancer.Service{"other": next.Services["routing-api"]}
		if err := e.router.Update(next); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer first.Close()
	second := httptest.NewServer(calls(func(_ http.ResponseWriter, r *http.Request) { leaked = r.Header.Get("X-Token-Of-Ours") }))
	defer second.Close()
	cfg := config([]string{first.URL}, []string{second.URL})
	cfg.Sensitive = []string{"X-Token-Of-Ours"}
	for name, group := range map[string]string{"first": "one", "second": "two"} {
		cloud := cfg.Clouds[name]
		cloud.Trust = group
		cfg.Clouds[name] = cloud
	}
	service := cfg.Services["routing-api"]
	service.Trust = "one"
	cfg.Services["routing-api"] = service
	e = newEnv(t, cfg)
	req, err := http.NewRequest(http.MethodGet, "http://routing-api/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Token-Of-Ours", "secret")
	resp, err := e.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if leaked != "" {
		t.Errorf("the cloud that isn't trusted got %q", leaked)
	}
}
