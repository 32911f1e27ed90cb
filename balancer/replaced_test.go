package balancer

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
)

// A new name costs no call, whether it resolves late or never.
func TestRenamedHostKeepsTheCloud(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &names{addrs: map[string][]string{"api.example.com": {"192.0.2.1"}}, delay: 50 * time.Millisecond}
		w := newWorld()
		r := w.router(t, mixedConfig(), WithResolver(n.lookup))
		w.load(r, "default", 200, 5*time.Millisecond)
		for _, step := range []struct {
			host string
			want []string
		}{
			{"mistyped.example.com", []string{"192.0.2.1:443"}},
			{"new.example.com", []string{"192.0.2.8:443"}},
		} {
			n.set("new.example.com", "192.0.2.8")
			cfg := mixedConfig()
			cfg.Services["api"].Clouds["a"] = ServiceCloud{HTTP: []string{"https://" + step.host + "/v1"}}
			if err := r.Update(cfg); err != nil {
				t.Fatal(err)
			}
			if s := share(r, "default", "a"); math.Abs(s.Fraction-0.7) > 1e-9 {
				t.Errorf("%s: share is %v", step.host, s)
			}
			if errs := w.load(r, "default", 200, 5*time.Millisecond); len(errs) > 0 {
				t.Errorf("%s: %d calls failed, such as %v", step.host, len(errs), errs[0])
			}
			if got := addresses(r); !slices.Equal(got, step.want) {
				t.Errorf("%s: endpoints are %v, want %v", step.host, got, step.want)
			}
		}
	})
}

// An endpoint that the config no longer names is gone, although another name of the
// cloud still has no address.
func TestRemovedEndpointIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &names{addrs: map[string][]string{}}
		cfg := mixedConfig()
		runs := func(endpoints ...string) {
			cfg.Services["api"].Clouds["a"] = ServiceCloud{HTTP: endpoints}
		}
		runs("http://10.0.0.1", "http://10.0.0.2", "http://unknown.example.com")
		r := newWorld().router(t, cfg, WithResolver(n.lookup))
		synctest.Wait()
		for _, step := range []struct {
			endpoints, want []string
		}{
			{[]string{"http://10.0.0.1", "http://unknown.example.com"}, []string{"10.0.0.1:80"}},
			{[]string{"http://unknown.example.com"}, []string{"10.0.0.1:80"}}, // better than nothing
			{[]string{"http://10.0.0.3", "http://unknown.example.com"}, []string{"10.0.0.3:80"}},
			{[]string{"http://unknown.example.com", "http://mistyped.example.com"}, []string{"10.0.0.3:80"}},
			{[]string{"http://10.0.0.4"}, []string{"10.0.0.4:80"}},
		} {
			runs(step.endpoints...)
			if err := r.Update(cfg); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Second)
			if got := addresses(r); !slices.Equal(got, step.want) {
				t.Errorf("%q: endpoints are %v, want %v", step.endpoints, got, step.want)
			}
		}
	})
}

// Where endpoints are replaced one after the other DNS is asked as soon as one of
// them is found dead, and the cloud is never lost.
func TestRollingDeploy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := func(i int) string { return fmt.Sprintf("192.0.2.%d", i) }
		n := &names{addrs: map[string][]string{"api.example.com": {host(1), host(2), host(3)}}}
		w := newWorld()
		r := w.router(t, mixedConfig(), WithResolver(n.lookup), WithTrace(Trace{StateChanged: func(c StateChange) {
			if c.To == health.Down {
				t.Errorf("%s is down: %s", c.Cloud, c.Reason)
			}
		}}))
		w.load(r, "default", 2000, 5*time.Millisecond)
		for i := 1; i <= 3; i++ {
			n.set("api.example.com", host(i+1), host(i+2), host(i+3))
			w.set(host(i)+":443", refuses)
			if errs := w.load(r, "default", 1200, 5*time.Millisecond); len(errs) > 0 {
				t.Errorf("%d calls failed, such as %v", len(errs), errs[0])
			}
			if slices.Contains(addresses(r), host(i)+":443") {
				t.Errorf("6 s after %s was replaced: %v", host(i), addresses(r))
			}
		}
	})
}
