package balancer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// However services, clouds and tiers come and go, no counter falls, and nothing is
// lost that was under way.
func TestCountersNeverFall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, w := newMeters(), newWorld()
		r := w.router(t, oneEach(), WithMeterProvider(m))
		call := func(tier string) {
			if _, err := w.call(sla.WithTier(t.Context(), tier), r, Call{Service: "api"}); err != nil {
				t.Error(err)
			}
		}
		pick := func() Attempt {
			a, err := r.Pick(sla.WithTier(t.Context(), "critical"), Call{Service: "api"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		other := &Config{
			Clouds:   map[string]Cloud{"b": {}},
			Services: map[string]Service{"web": {Clouds: map[string]ServiceCloud{"b": {HTTP: []string{"http://10.0.1.9:80"}}}}},
		}
		only := oneEach()
		delete(only.Clouds, "a")
		delete(only.Services["api"].Clouds, "a")
		only.Tiers[0], only.Tiers[1], only.Default = only.Tiers[1], only.Tiers[0], "standard"
		total := func(got map[string]float64, name string) (sum float64) {
			for series, n := range got {
				if strings.HasPrefix(series, name+"{") {
					sum += n
				}
			}
			return sum
		}
		last, picked := m.read(t), 0.0
		for range 5 {
			for _, cfg := range []*Config{oneEach(), only, oneEach(), other} {
				if err := r.Update(cfg); err != nil {
					t.Fatal(err)
				}
				if cfg == other {
					continue
				}
				call("critical")
				call("standard")
				late := pick() // it ends when its service is gone
				time.AfterFunc(5*time.Second, func() { late.Done(health.Outcome{Kind: health.OK}) })
				picked += 3
				time.Sleep(2 * time.Second)
				now := m.read(t)
				for series, n := range last {
					if counts := strings.HasPrefix(series, "picks") || strings.HasPrefix(series, "attempts") || strings.HasPrefix(series, "calls"); counts {
						if after, there := now[series]; there && after < n {
							t.Fatalf("%s fell from %v to %v", series, n, after)
						}
					}
				}
				for series, n := range now {
					last[series] = n
				}
			}
		}
		if err := r.Update(oneEach()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		got := m.read(t)
		if picks, attempts, calls := total(got, "picks"), total(got, "attempts"), total(got, "calls"); picks != picked || attempts != picked || calls != picked*2/3 {
			t.Errorf("%v picks, %v attempts, %v calls, want %v, %v and %v", picks, attempts, calls, picked, picked, picked*2/3)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		for key, record := range r.records {
			if n := len(record.past); n > 2 {
				t.Errorf("%v keeps %d targets", key, n)
			}
		}
	})
}

// Configs that come and go don't fill the memory.
func TestRecordsAreBounded(t *testing.T) {
	r := newWorld().router(t, oneEach(), WithMeterProvider(newMeters()))
	for i := range 3 * mostGone / 2 {
		r.mu.Lock()
		s := &service{name: fmt.Sprint(i)}
		r.record(s, "a")
		r.endingsOf(s, "critical")
		r.mu.Unlock()
	}
	if err := r.Update(oneEach()); err != nil {
		t.Fatal(err)
	}
	if len(r.records) > mostGone+2 || len(r.endings) > mostGone+2 {
		t.Errorf("%d records, %d tallies", len(r.records), len(r.endings))
	}
}

// Whatever callers send, the number of series stays.
func TestSeriesAreBounded(t *testing.T) {
	m := newMeters()
	r := newWorld().router(t, testConfig(), WithMeterProvider(m), WithLatencyHistogram())
	use := func(i int) {
		id := fmt.Sprintf("%x", i*2654435761)
		ctx := sla.WithCaller(sla.WithTier(context.Background(), "tier-"+id), sla.Caller{Product: "p" + id, Customer: "c" + id})
		a, err := r.Pick(ctx, Call{Service: "api", Method: "GET /" + id}, nil)
		if err != nil {
			t.Fatal(err)
		}
		a.Done(health.Outcome{Kind: health.Kind(i % 8), Reason: "r" + id})
	}
	for i := range 1000 {
		use(i)
	}
	want := slices.Sorted(maps.Keys(m.read(t)))
	for i := range 100_000 {
		use(i)
	}
	// Reasons of shares follow the state of clouds, which such outcomes change.
	without := func(series []string) []string {
		return slices.DeleteFunc(series, func(s string) bool { return strings.HasPrefix(s, "cloud.share{") })
	}
	got := slices.Sorted(maps.Keys(m.read(t)))
	if len(got) != len(want) || !slices.Equal(without(got), without(want)) {
		t.Errorf("%d series became %d", len(want), len(got))
	}
}

// After Close nothing is reported, and nothing of the router is kept.
func TestCloseUnregisters(t *testing.T) {
	m := newMeters()
	r := newWorld().router(t, testConfig(), WithMeterProvider(m))
	if len(m.read(t)) == 0 {
		t.Fatal("nothing is reported")
	}
	r.Close()
	r.Close()
	if got := m.read(t); len(got) != 0 {
		t.Errorf("after Close there are %d series", len(got))
	}
}

// Two routers in one process: with a provider each, or with names.
func TestTwoRouters(t *testing.T) {
	one, two, shared := newMeters(), newMeters(), newMeters()
	for i, m := range []meters{one, two, shared, shared} {
		r := newWorld().router(t, testConfig(), WithMeterProvider(m), WithName(fmt.Sprintf("r%d", i)))
		for range i + 1 {
			a, err := r.Pick(t.Context(), Call{Service: "api"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			a.Done(health.Outcome{Kind: health.OK})
		}
	}
	picks := func(m meters, router string) (sum float64) {
		for series, n := range m.read(t) {
			if strings.HasPrefix(series, "picks{") && strings.Contains(series, "router="+router+",") {
				sum += n
			}
		}
		return sum
	}
	for i, m := range []meters{one, two, shared, shared} {
		if n := picks(m, fmt.Sprintf("r%d", i)); n != float64(i+1) {
			t.Errorf("router %d reports %v picks, want %d", i, n, i+1)
		}
	}
}
