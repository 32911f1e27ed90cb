package netfault

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
)

// fault is something that happens to a cloud.
type fault struct {
	name    string
	inflict func(*cloud) error
	heal    func(*cloud) error
}

var faults = []fault{
	{
		"packets to it dropped",
		func(c *cloud) error { return c.filter("input", "drop") },
		(*cloud).unfilter,
	}, {
		"answers dropped",
		func(c *cloud) error { return c.filter("output", "drop") },
		(*cloud).unfilter,
	}, {
		"connections reset",
		func(c *cloud) error { return c.filter("input", "meta l4proto tcp reject with tcp reset") },
		(*cloud).unfilter,
	}, {
		"packets prohibited",
		func(c *cloud) error { return c.filter("input", "reject with icmpx type admin-prohibited") },
		(*cloud).unfilter,
	}, {
		"its link down",
		func(c *cloud) error { return c.run("ip", "link", "set", "eth0", "down") },
		func(c *cloud) error { return c.run("ip", "link", "set", "eth0", "up") },
	}, {
		"our link down",
		func(c *cloud) error { return run("ip", "link", "set", c.link, "down") },
		func(c *cloud) error { return run("ip", "link", "set", c.link, "up") },
	}, {
		"frozen",
		func(c *cloud) error { return c.signal(syscall.SIGSTOP) },
		func(c *cloud) error { return c.signal(syscall.SIGCONT) },
	}, {
		"killed",
		(*cloud).kill,
		(*cloud).start,
	},
}

// The phases of a case.
const (
	before = 1500 * time.Millisecond // until latencies are known
	during = 2 * time.Second
	after  = 1500 * time.Millisecond
	// within that time the dead cloud must have lost its calls, and the healed
	// one must have answered.
	bound = time.Second
	// A case that fails while the machine couldn't carry the load proves nothing:
	// the test itself or a server of the healthy cloud stood still for longer than
	// mostStall, or the test lost more than mostLost of the time. It is tried
	// again at half the rate, so often at most, but not below leastRate. What is
	// promised stays the same.
	mostStall = 50 * time.Millisecond
	mostLost  = 0.05
	tries     = 4
	leastRate = 250
)

// The cloud with 70 % of the calls fails under load in every way there is, and
// comes back. No call fails, the cloud has lost its calls within a second, no
// storm of attempts reaches the servers, and once it is healed the cloud's first
// good answer comes within a second.
func TestFaults(t *testing.T) {
	everyFault(t, func() caller { return new(httpCaller) })
}

// everyFault runs all cases, with a new caller for each.
func everyFault(t *testing.T, with func() caller) {
	need(t)
	rates := []int{500, 2000}
	if raceEnabled {
		rates = rates[:1] // one that leaves two cores idle time
	}
	for _, rate := range rates {
		for _, f := range faults {
			t.Run(fmt.Sprintf("%s, %d per second", f.name, rate), func(t *testing.T) {
				keep(t, f, during, rate, with)
			})
		}
	}
}

// keep checks that the promises are kept in one case.
func keep(t *testing.T, f fault, lasts time.Duration, rate int, with func() caller) {
	prove(t, rate, func(t *testing.T, rate int) proof {
		return strike(t, f, lasts, &load{rate: rate, caller: with()})
	})
}

// proof is what came of one try of a case.
type proof interface {
	fmt.Stringer
	broken() []error // the promises that weren't kept
	starved() bool   // the machine couldn't carry the load
}

// prove lets a case happen, and again at a lower rate if it proved nothing.
func prove(t *testing.T, rate int, try func(t *testing.T, rate int) proof) {
	for n := 1; ; n++ {
		var p proof
		if !t.Run("try", func(t *testing.T) { p = try(t, rate) }) {
			return
		}
		t.Log(p)
		broken := p.broken()
		if len(broken) > 0 && p.starved() && n < tries {
			rate = max(rate/2, min(rate, leastRate))
			t.Logf("tried again at %d per second: the machine was too busy for what was promised: %v", rate, broken)
			continue
		}
		for _, promise := range broken {
			t.Error(promise)
		}
		return
	}
}

// result is what came of a case.
type result struct {
	calls, reached int64 // made, and counted at the servers
	failures       []error
	late           float64        // the cloud's share of first attempts from bound after the fault until it was healed
	share          time.Duration  // from the fault until the plan gave it less than 1 %; 0: it never did
	canary         time.Duration  // from healing until the first good answer; 0: there was none
	stood          time.Duration  // how long the test or a server of the healthy cloud stood still
	lost           float64        // the share of the time that the test lost
	retried        int            // attempts after a call's first
	effects        map[string]int // of orders
}

func (r result) String() string {
	return fmt.Sprintf("%d calls, %d failed, %.3f attempts each; share under 1 %% after %v, then %.2f %%; first good answer %v after healing; stood still for %v, lost %.1f %% of the time",
		r.calls, len(r.failures), r.amplification(), r.share.Round(time.Millisecond), 100*r.late, r.canary.Round(time.Millisecond), r.stood.Round(time.Millisecond), 100*r.lost)
}

func (r result) amplification() float64 { return float64(r.reached) / float64(r.calls) }

func (r result) starved() bool { return r.stood > mostStall || r.lost > mostLost }

func (r result) broken() (all []error) {
	if n := len(r.failures); n > 0 {
		all = append(all, fmt.Errorf("%d calls failed, such as %w", n, r.failures[0]))
	}
	if r.share == 0 || r.share > bound || r.late >= 0.01 {
		all = append(all, fmt.Errorf("the cloud still has calls %v after the fault", bound))
	}
	if r.amplification() > 1.1 {
		all = append(all, fmt.Errorf("%d attempts reached the servers, for %d calls", r.reached, r.calls))
	}
	if r.canary == 0 || r.canary > bound {
		all = append(all, fmt.Errorf("no good answer within %v after healing", bound))
	}
	return all
}

// strike runs one case under some load. It fails the test only if there can be
// no result.
func strike(t *testing.T, f fault, lasts time.Duration, l *load) (r result) {
	onprem, gcp := newCloud(t, 1), newCloud(t, 2)
	cfg, err := balancer.ParseConfig(fmt.Appendf(nil, `
clouds:
  onprem: {weight: 70}
  gcp:    {weight: 30}
services:
  routing-api:
    clouds:
      onprem: {%[1]v: [%[2]s]}
      gcp:    {%[1]v: [%[3]s]}
tiers:
  - {name: critical, protected: true, attempts: 3, timeout: 800ms}
`, l.caller.protocol(), strings.Join(l.caller.endpoints(onprem), ", "), strings.Join(l.caller.endpoints(gcp), ", ")))
	if err != nil {
		t.Fatal(err)
	}
	w := &watch{}
	router, err := balancer.New(cfg, balancer.WithTrace(w.trace()))
	if err != nil {
		t.Fatal(err)
	}
	defer router.Close()
	if err := l.caller.connect(router, w); err != nil {
		t.Fatal(err)
	}
	defer l.caller.disconnect()

	ctx, cancel := context.WithCancel(t.Context())
	var loading sync.WaitGroup
	loading.Go(func() { l.run(ctx) })
	defer func() {
		cancel()
		loading.Wait()
		r = result{
			calls: l.calls.Load(), reached: onprem.calls.Load() + gcp.calls.Load(), failures: l.failures, stood: max(l.pulse.longest, time.Duration(gcp.stood.Load())), lost: l.pulse.lostShare(),
			late: w.lateShare(), share: w.share, canary: w.canary, retried: w.retried, effects: onprem.carriedOut(),
		}
		for id, n := range gcp.carriedOut() {
			r.effects[id] += n
		}
	}()
	<-time.After(before)
	w.strike()
	if err := f.inflict(onprem); err != nil {
		t.Fatal(err)
	}
	<-time.After(lasts)
	if err := f.heal(onprem); err != nil {
		t.Fatal(err)
	}
	w.heal()
	<-time.After(after)
	return r
}
