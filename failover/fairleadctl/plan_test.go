package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/balancertest"
	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/sla"
)

// preferring is a config whose tier prefers l0, l1, … in this order.
func preferring(n int) string {
	var clouds, serves, prefer []string
	for i := range n {
		name := fmt.Sprint("l", i)
		clouds = append(clouds, name+": {}")
		serves = append(serves, fmt.Sprintf("%s: {http: [http://10.0.%d.1]}", name, i))
		prefer = append(prefer, name)
	}
	return "clouds: {" + strings.Join(clouds, ", ") + "}\nservices: {api: {clouds: {" + strings.Join(serves, ", ") +
		"}}}\ntiers: [{name: all, clouds: {prefer: [" + strings.Join(prefer, ", ") + "]}}]\n"
}

// plans runs plan -json and returns the only service.
func plans(t *testing.T, file string, flags ...string) *planned {
	t.Helper()
	stdout, stderr, _ := typed(t, filepath.Dir(file), append([]string{"plan", file, "-json"}, flags...)...)
	var out planJSON
	if err := json.Unmarshal([]byte(stdout), &out); err != nil || len(out.Services) != 1 {
		t.Fatalf("%v: %s%s", err, stdout, stderr)
	}
	return out.Services[0]
}

// Source: Envoy, priority load balancing, overprovisioning factor 1.4, and its panic
// threshold.
func TestPlanPriorities(t *testing.T) {
	for _, tt := range []struct{ healthy, traffic []int }{
		{[]int{100, 100}, []int{100, 0}},
		{[]int{72, 72}, []int{100, 0}},
		{[]int{71, 71}, []int{99, 1}},
		{[]int{50, 50}, []int{70, 30}},
		{[]int{25, 100}, []int{35, 65}},
		{[]int{0, 100}, []int{0, 100}},
		{[]int{25, 25}, []int{50, 50}},
		{[]int{50, 50, 100}, []int{70, 30, 0}},
		{[]int{25, 25, 100}, []int{35, 35, 30}},
	} {
		var flags []string
		for i, h := range tt.healthy {
			flags = append(flags, "-healthy", fmt.Sprintf("l%d=%d%%", i, h))
		}
		for i, s := range plans(t, written(t, preferring(len(tt.healthy))), flags...).Tiers[0].Shares {
			if math.Abs(100*s.Share-float64(tt.traffic[i])) > 1 {
				t.Errorf("healthy %v: %s gets %.2f %%, want %d ± 1", tt.healthy, s.Cloud, 100*s.Share, tt.traffic[i])
			}
		}
	}
}

// Source: Envoy, locality weighted load balancing: X has weight 1, Y weight 2 and
// all its endpoints.
func TestPlanLocalities(t *testing.T) {
	file := written(t, "clouds: {x: {weight: 1}, y: {weight: 2}}\nservices: {api: {clouds: {x: {http: [http://10.0.0.1]}, y: {http: [http://10.0.1.1]}}}}\n")
	for percent, want := range map[int]float64{100: 33, 70: 33, 69: 32, 50: 26, 25: 15, 0: 0} {
		got := 100 * plans(t, file, "-healthy", fmt.Sprintf("x=%v", float64(percent)/100)).Tiers[0].Shares[0].Share
		if math.Abs(got-want) > 1 {
			t.Errorf("%d %% of x healthy: it gets %.2f %%, want %v ± 1", percent, got, want)
		}
	}
	// If all panic, traffic follows weights: 1 and 2.
	if got := plans(t, file, "-down", "x", "-down", "y").Tiers[0].Shares[0].Share; math.Abs(got-1.0/3) > 0.01 {
		t.Errorf("all down: x gets %v, want a third", got)
	}
}

// agreeing is a router and the file of its config.
type agreeing struct {
	t      *testing.T
	router *balancer.Router
	clouds *balancertest.Clouds
	calls  sync.WaitGroup
	file   string
}

// call makes calls for a while: so many per second of each tier. It doesn't wait for
// the last of them: meanwhile there would be less demand, and another plan.
func (a *agreeing) call(lasts time.Duration, rates map[string]int) {
	for began := time.Now(); time.Since(began) < lasts; time.Sleep(50 * time.Millisecond) {
		for tier, rate := range rates {
			for range rate / 20 {
				a.calls.Go(func() {
					ctx := sla.WithTier(a.t.Context(), tier)
					_, _ = balancer.Do(ctx, a.router, balancer.Call{Service: "api", Idempotent: true}, a.clouds.Try, nil)
				})
			}
		}
	}
}

// compare asks plan with what the router knows, and compares each share to the
// digit.
func (a *agreeing) compare(name string, flags ...string) (planned *planned) {
	a.t.Helper()
	synctest.Wait() // a step may be under way
	s := a.router.Status().Services[0]
	for _, tier := range s.Tiers {
		if tier.Demand > 0 {
			flags = append(flags, "-demand", tier.Name+"="+strconv.FormatFloat(tier.Demand, 'g', -1, 64))
		}
	}
	for _, c := range s.Clouds {
		if c.Capacity.PerSecond > 0 {
			flags = append(flags, "-capacity", c.Name+"="+strconv.FormatFloat(c.Capacity.PerSecond, 'g', -1, 64))
		}
	}
	planned = plans(a.t, a.file, flags...)
	for i, tier := range s.Tiers {
		for k, share := range tier.Shares {
			is := planned.Tiers[i].Shares[k]
			if is.Cloud != share.Cloud || is.Share != share.Fraction || is.Reason != share.Reason || planned.Tiers[i].Shed != tier.Shed {
				a.t.Errorf("%s: tier %s: plan says %s %v (%s), shed %v; the router %s %v (%s), shed %v", name, tier.Name,
					is.Cloud, is.Share, is.Reason, planned.Tiers[i].Shed, share.Cloud, share.Fraction, share.Reason, tier.Shed)
			}
		}
	}
	return planned
}

// A router that has seen a situation for a while does what plan says of it.
func TestPlanAgreesWithRouter(t *testing.T) {
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		defer t.Chdir(home)
		clouds := balancertest.New(4, "onprem", "gcp", "aws")
		cfg := clouds.Config("api")
		cfg.Clouds = map[string]balancer.Cloud{"onprem": {Weight: 60}, "gcp": {Weight: 30}, "aws": {Weight: 7}}
		cfg.Instances = 1
		cfg.Failover.Slope = 1 // no share is on its way when it is looked at
		cfg.Tiers = []sla.Tier{
			{Name: "critical", Protected: true, Reserve: 0.3},
			{Name: "standard", Clouds: sla.Clouds{Prefer: []string{"gcp", "onprem"}}},
			{Name: "batch", Clouds: sla.Clouds{Only: []string{"aws", "onprem"}}},
		}
		capacity := map[string]float64{"onprem": 300, "gcp": 100, "aws": 100}
		for name, c := range cfg.Services["api"].Clouds {
			c.Capacity = capacity[name]
			cfg.Services["api"].Clouds[name] = c
		}
		router, err := balancer.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer router.Close()
		router.SetProber(balancer.HTTP, clouds.Probe)
		a := &agreeing{t: t, router: router, clouds: clouds, file: written(t, string(cfg.Encode()))}
		defer a.calls.Wait()

		// Calls come between two steps of the router: with one at the same moment, a
		// step might count those of two moments, and the next none.
		time.Sleep(time.Minute + 25*time.Millisecond)
		a.compare("nothing is asked for")

		rates := map[string]int{"critical": 100, "standard": 80, "batch": 40}
		a.call(20*time.Second, rates)
		if p := a.compare("all is well"); p.Tiers[1].Shares[1].Reason != failover.ReasonFull {
			t.Errorf("gcp isn't full: %+v", p.Tiers[1])
		}

		a.call(20*time.Second, map[string]int{"critical": 240, "standard": 240, "batch": 120})
		if p := a.compare("too much for all"); p.Tiers[2].Shed == 0 || p.Tiers[0].Shed > 0 {
			t.Errorf("shed: %v of critical, %v of batch", p.Tiers[0].Shed, p.Tiers[2].Shed)
		}
		a.call(40*time.Second, rates)

		clouds.Cloud("aws").Crash()
		a.call(20*time.Second, rates)
		a.compare("aws is lost", "-down", "aws")
		clouds.Cloud("aws").Restore()

		if err := router.Drain("gcp"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		next := *cfg
		next.Changes = []failover.Change{{ID: "d", Kind: failover.KindDrain, Cloud: "gcp", Start: time.Now().Add(-time.Hour)}}
		a.file = written(t, string(next.Encode()))
		a.call(40*time.Second, rates)
		p := a.compare("gcp is drained", "-at", time.Now().UTC().Format(time.RFC3339))
		if p.Tiers[0].Shares[1].Reason != failover.ReasonDrained {
			t.Errorf("gcp is %s", p.Tiers[0].Shares[1].Reason)
		}
	})
}

// What the file leaves open is what a router begins with.
func TestPlanAgreesWithNewRouter(t *testing.T) {
	for _, file := range []string{"testdata/fairlead.yaml", "../../balancer/testdata/full.yaml"} {
		t.Setenv("FAIRLEADCTL_TEST_LEVEL_KEY", "a secret of tests")
		t.Setenv("FAIRLEAD_LEVEL_KEY", "a secret of tests")
		cfg, err := balancer.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		// Names have no address before they were looked up.
		cfg.Changes = slices.DeleteFunc(cfg.Changes, func(failover.Change) bool { return true })
		for name, s := range cfg.Services {
			for cloud, c := range s.Clouds {
				if len(c.HTTP) > 0 {
					c.HTTP = []string{"http://10.0.0.1"}
				}
				c.GRPC, c.ServerName = nil, ""
				cfg.Services[name].Clouds[cloud] = c
			}
		}
		router, err := balancer.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		path := written(t, string(cfg.Encode()))
		home, _ := os.Getwd()
		for _, s := range router.Status().Services {
			p := plans(t, path, "-service", s.Name)
			for i, tier := range s.Tiers {
				for k, share := range tier.Shares {
					if is := p.Tiers[i].Shares[k]; is.Share != share.Fraction || is.Reason != share.Reason {
						t.Errorf("%s of %s: plan says %+v, the router %+v", tier.Name, s.Name, is, share)
					}
				}
			}
		}
		t.Chdir(home)
		router.Close()
	}
}
