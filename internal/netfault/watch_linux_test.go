package netfault

import (
	"net/http"
	"sync"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
)

// watch notes what the router does about the cloud onprem.
type watch struct {
	mu             sync.Mutex
	struck, healed time.Time     // zero: not yet
	share          time.Duration // as in result
	canary         time.Duration
	retried        int
	first, late    int // first attempts from bound after the fault until it was healed; those of onprem
}

func (w *watch) strike() { w.mark(&w.struck) }
func (w *watch) heal()   { w.mark(&w.healed) }

func (w *watch) mark(t *time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*t = time.Now()
}

func (w *watch) isHealed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.healed.IsZero()
}

// lateShare is the share that onprem had when it shouldn't have had any.
func (w *watch) lateShare() float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return float64(w.late) / float64(max(w.first, 1))
}

// trace returns hooks that report here.
func (w *watch) trace() balancer.Trace {
	return balancer.Trace{Picked: w.picked, PlanChanged: w.planned}
}

func (w *watch) picked(a balancer.Attempt) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if a.Number() > 1 {
		w.retried++
	}
	if a.Number() > 1 || w.struck.IsZero() || !w.healed.IsZero() || time.Since(w.struck) < bound {
		return
	}
	w.first++
	if a.Cloud() == "onprem" {
		w.late++
	}
}

func (w *watch) planned(c balancer.PlanChange) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.struck.IsZero() || w.share > 0 {
		return
	}
	for _, s := range c.Plan.Tiers[0].Shares {
		if s.Cloud == "onprem" && s.Fraction < 0.01 {
			w.share = time.Since(w.struck)
		}
	}
}

// base notes the first answer of onprem, to a call or a probe, after it was
// healed.
func (w *watch) base(cloud string, t *http.Transport) http.RoundTripper {
	if cloud != "onprem" {
		return t
	}
	return noting{t, w}
}

type noting struct {
	*http.Transport
	w *watch
}

func (n noting) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := n.Transport.RoundTrip(req)
	if err == nil && resp.StatusCode == http.StatusOK {
		n.w.answered()
	}
	return resp, err
}

func (w *watch) answered() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.healed.IsZero() && w.canary == 0 {
		w.canary = time.Since(w.healed)
	}
}
