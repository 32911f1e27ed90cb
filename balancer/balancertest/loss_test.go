package balancertest_test

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/balancertest"
	"github.com/fairlead-go/fairlead/balancer/cloudhttp"
	"github.com/fairlead-go/fairlead/sla"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// load is what a test sends through a router to two clouds.
type load struct {
	t      *testing.T
	clouds *balancertest.Clouds
	router *balancer.Router
	client *http.Client
	calls  sync.WaitGroup
	sent   int
	failed map[string]*atomic.Int64 // by tier
}

const (
	callsEvery = 2 * time.Millisecond
	latency    = 5 * time.Millisecond
)

// turns is the order in which tiers take turns. Half of the calls are critical.
var turns = []string{"critical", "standard", "critical", "batch"}

func newLoad(t *testing.T) *load {
	clouds := balancertest.New(3, "onprem", "gcp")
	cfg := clouds.Config("routing-api")
	cfg.Clouds["onprem"] = balancer.Cloud{Weight: 70}
	cfg.Clouds["gcp"] = balancer.Cloud{Weight: 30}
	cfg.Tiers = []sla.Tier{
		{Name: "critical", Protected: true, Timeout: 800 * time.Millisecond, Attempts: 3},
		{Name: "standard", Timeout: time.Second},
		{Name: "batch", Timeout: 2 * time.Second},
	}
	router, err := balancer.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l := &load{
		t: t, clouds: clouds, router: router,
		client: &http.Client{Transport: cloudhttp.NewTransport(router, cloudhttp.WithBase(clouds.Base))},
		failed: map[string]*atomic.Int64{"critical": {}, "standard": {}, "batch": {}},
	}
	clouds.Cloud("onprem").SetLatency(latency)
	clouds.Cloud("gcp").SetLatency(latency)
	return l
}

// run sends 500 calls/s for a while, or until done, which is asked every
// 100 ms, says so.
func (l *load) run(d time.Duration, done func() bool) {
	for spent := time.Duration(0); spent < d; spent += callsEvery {
		if done != nil && spent%(100*time.Millisecond) == 0 && done() {
			return
		}
		tier := turns[l.sent%len(turns)]
		l.sent++
		l.calls.Go(func() {
			if err := l.call(tier); err != nil {
				l.failed[tier].Add(1)
				l.t.Logf("%s: %v", tier, err)
			}
		})
		time.Sleep(callsEvery)
	}
}

func (l *load) call(tier string) error {
	req, err := http.NewRequestWithContext(sla.WithTier(context.Background(), tier), "GET", "http://routing-api/v1/route", nil)
	if err != nil {
		return err
	}
	resp, err := l.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}

// share returns the part of the calls that went to a cloud while do ran.
func (l *load) share(cloud string, do func()) float64 {
	count := func() (of, all uint64) {
		for _, name := range []string{"onprem", "gcp"} {
			n := l.clouds.Cloud(name).Counts().Calls
			if all += n; name == cloud {
				of = n
			}
		}
		return of, all
	}
	of, all := count()
	do()
	ofAfter, allAfter := count()
	return float64(ofAfter-of) / float64(allAfter-all)
}

// planned returns the share of a cloud in the plan for a tier.
func (l *load) planned(cloud, tier string) float64 {
	for _, t := range l.router.Status().Services[0].Tiers {
		for _, s := range t.Shares {
			if t.Name == tier && s.Cloud == cloud {
				return s.Fraction
			}
		}
	}
	l.t.Fatalf("no plan for %s of tier %s", cloud, tier)
	return 0
}

// end waits for what is under way and checks what holds for every test.
func (l *load) end() {
	l.calls.Wait()
	if err := l.router.Close(); err != nil {
		l.t.Error(err)
	}
	if n := l.failed["critical"].Load(); n != 0 {
		l.t.Errorf("%d critical calls failed", n)
	}
	attempts := l.clouds.Cloud("onprem").Counts().Calls + l.clouds.Cloud("gcp").Counts().Calls
	if most := 1.1 * float64(l.sent); float64(attempts) > most {
		l.t.Errorf("%d attempts for %d calls", attempts, l.sent)
	}
}

// TestLossOfCloud loses the cloud that has most of the traffic in each of the
// ways a cloud can be lost, and brings it back.
func TestLossOfCloud(t *testing.T) {
	for _, test := range []struct {
		name string
		lose func(*balancertest.Cloud)
	}{
		{"crash", (*balancertest.Cloud).Crash},
		{"silence", (*balancertest.Cloud).Silence},
		{"errors", func(c *balancertest.Cloud) { c.Fail(1) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLoad(t)
				l.run(3*time.Second, nil)

				test.lose(l.clouds.Cloud("onprem"))
				l.run(time.Second, nil)
				if got := l.share("onprem", func() { l.run(time.Second, nil) }); got >= 0.01 {
					t.Errorf("a second after the loss, the lost cloud gets %.1f %% of the attempts", 100*got)
				}

				l.clouds.Cloud("onprem").Restore()
				checkRamp(t, l)
				// The standard deviation is 0.9 points.
				if got := l.share("onprem", func() { l.run(5*time.Second, nil) }); math.Abs(got-0.7) > 0.05 {
					t.Errorf("in the end the cloud gets %.1f %% of the calls, and should get 70", 100*got)
				}
				l.end()
			})
		})
	}
}

// checkRamp sends calls until all tiers are back to the usual split, and
// checks that shares come back by at most 10 points per second.
func checkRamp(t *testing.T, l *load) {
	t.Helper()
	const slope, window = 0.1, 10 // per second; samples in a second
	var samples [3][]float64
	back := false
	l.run(40*time.Second, func() bool {
		back = true
		for i, tier := range []string{"critical", "standard", "batch"} {
			now := l.planned("onprem", tier)
			samples[i] = append(samples[i], now)
			back = back && now == 0.7
			// Steps are 50 ms apart, so a second can hold one more than 20.
			if n := len(samples[i]) - 1; n >= window && now-samples[i][n-window] > slope*1.05+1e-9 {
				t.Errorf("tier %s: from %.3f to %.3f in a second", tier, samples[i][n-window], now)
			}
		}
		return back
	})
	t.Logf("back after %d ms", 100*(len(samples[0])-1))
	if !back {
		t.Errorf("40 s after the cloud came back: %+v", l.router.Status())
	}
}
