package cloudhttp

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/sla"
)

// A request that is shed fails before anything is sent; its error, which the
// client wraps, says of what tier it was and when to try again.
func TestShedRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		ps := network(t, map[string]http.HandlerFunc{"10.0.0.1:80": calls(func(http.ResponseWriter, *http.Request) { asked.Add(1) })})
		cfg := config([]string{"http://10.0.0.1:80"}, nil)
		cfg.Instances = 1
		cfg.Tiers = append(cfg.Tiers, tier("standard"))
		cfg.Default = "standard"
		c := cfg.Services["routing-api"].Clouds["first"]
		c.Capacity = 40
		cfg.Services["routing-api"].Clouds["first"] = c
		e := newEnv(t, cfg, WithBase(ps.base))
		shed, served := 0, int64(0)
		for range 1000 { // 200 a second
			resp, err := e.client.Get("http://routing-api/")
			var says *sla.ShedError
			switch {
			case err == nil:
				resp.Body.Close()
				served++
			case !errors.As(err, &says) || says.Tier != "standard" || says.Service != "routing-api" || says.RetryAfter < time.Second:
				t.Fatal(err)
			default:
				shed++
			}
			time.Sleep(5 * time.Millisecond)
		}
		if shed < 500 || asked.Load() != served {
			t.Errorf("%d requests were shed, %d served, the server had %d", shed, served, asked.Load())
		}
	})
}
