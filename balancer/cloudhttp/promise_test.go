package cloudhttp

import (
	"context"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/sla"
)

// What an answer is to the caller who was promised one within a second: the
// headers say when it came, its end whether it was whole.
func TestPromise(t *testing.T) {
	bye := func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "bye\n") }
	abort := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	after := func(wait time.Duration, code int) http.HandlerFunc {
		return calls(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(wait)
			w.WriteHeader(code)
		})
	}
	good, bad := sla.Totals{Good: 1}, sla.Totals{Bad: 1}
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		leaves  time.Duration // after the headers
		want    sla.Totals
	}{
		"200":             {after(0, 200), 0, good},
		"404":             {after(0, 404), 0, good},
		"500":             {after(0, 500), 0, bad},
		"late":            {after(1001*time.Millisecond, 200), 0, bad},
		"a long answer":   {streaming(time.Minute, bye), 0, good},
		"broken off":      {streaming(time.Second, abort), 0, bad},
		"the reader left": {streaming(time.Minute, bye), time.Second, good},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lan := network(t, map[string]http.HandlerFunc{"192.0.2.1:80": test.handler})
				cfg := config([]string{"http://192.0.2.1"}, nil)
				cfg.Tiers[0].Objective.Latency = time.Second
				e := newEnv(t, cfg, WithBase(lan.base))
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				req, err := http.NewRequestWithContext(ctx, "GET", "http://routing-api/", nil)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := e.client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				if test.leaves > 0 {
					time.AfterFunc(test.leaves, cancel)
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if got := e.router.Status().Services[0].Tiers[0].Calls; got != test.want {
					t.Errorf("got %+v, want %+v", got, test.want)
				}
			})
		})
	}
}
