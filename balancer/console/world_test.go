package console

import (
	"context"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/balancertest"
	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newRouter returns a router with two clouds in memory and three tiers. It is
// closed with the test.
func newRouter(t testing.TB) (*balancer.Router, *balancertest.Clouds) {
	t.Helper()
	t.Setenv("FAIRLEAD_TEST_LEVEL_KEY", "not so secret in a test")
	clouds := balancertest.New(2, "gcp", "onprem")
	cfg := clouds.Config("routing-api")
	cfg.Clouds = map[string]balancer.Cloud{"onprem": {Weight: 70}, "gcp": {Weight: 30}}
	cfg.Tiers = []sla.Tier{{Name: "critical", Protected: true, Timeout: 800 * time.Millisecond, Attempts: 3}, {Name: "standard"}}
	cfg.Assign = []sla.Rule{{Product: "dispatch", Tier: "critical"}}
	cfg.LevelKey = "env:FAIRLEAD_TEST_LEVEL_KEY"
	router, err := balancer.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { router.Close() })
	router.SetProber(balancer.HTTP, clouds.Probe)
	return router, clouds
}

// showing returns a console that shows a snapshot instead of the router's.
func showing(t testing.TB, router *balancer.Router, s *snapshot) http.Handler {
	h := Handler(router).(*handler)
	h.hub.last, h.hub.taken = s, time.Now().Add(time.Hour)
	return h
}

// get asks a handler. Whoever asks is gone already: a stream that should have been
// refused says what it has to say, and ends.
func get(h http.Handler, path string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	ctx, gone := context.WithCancel(context.Background())
	gone()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// golden compares with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s has changed (go test -update writes it anew, and CHANGELOG.md must say so):\n%s", name, got)
	}
}

// example is a snapshot in which much is going on. what is the text of everything
// that comes from outside.
func example(what string) *snapshot {
	at := time.Date(2026, 3, 1, 2, 44, 0, 0, time.UTC)
	fell := at.Add(-70 * time.Second)
	s := &snapshot{
		status: balancer.Status{
			At: at,
			Config: balancer.Provenance{
				Path: "/etc/fairlead/" + what + ".yaml", Loaded: at.Add(-26 * time.Hour), Checked: at.Add(-time.Second), Err: "line 3: " + what,
			},
			UnknownTiers: []string{"gold", what},
			Changes:      exampleChanges(at, what),
			SLA: sla.NewReport(at, []sla.ContractStanding{
				{Name: "globex-tiles", Standing: standing(0.99, 0, 0)}, {Name: what, Standing: standing(0.9999, 10_000, 4)},
			}, nil),
			Services: []balancer.ServiceStatus{{
				Name: "routing-api", PlannedSince: fell, Held: what, RetryTokens: 12.5,
				Clouds: []balancer.CloudStatus{
					{
						Name: "gcp", State: health.Healthy, Reason: "answers", Since: at.Add(-2 * time.Hour),
						Counts: health.Counts{Begun: 9000, OK: 8990, Slow: 90, Bad: 10, Overloaded: 3},
						Endpoints: []balancer.EndpointStatus{
							{Endpoint: balancer.Endpoint{Scheme: "https", Address: "10.2.0.1:443", Host: "routing.gcp.example.com"}, Eligible: true, InFlight: 3, Load: balancer.LoadReport{At: at.Add(-time.Second), Application: 0.62}},
							{Endpoint: balancer.Endpoint{Scheme: "https", Address: "10.2.0.2:443", Host: "routing.gcp.example.com"}, Reason: what, InFlight: 1},
						},
						Capacity: balancer.CapacityStatus{PerSecond: 1200, Source: failover.CapacityReported, Since: fell, Utilization: 0.62, Demand: 300, Load: 900, Desired: 1500, InFlight: 4, Cap: 64},
					},
					{
						Name: "onprem", State: health.Down, Reason: "failing: 41 of 45 attempts, " + what, Since: fell,
						Drained: true, DrainedBy: "drain-onprem", DrainedSince: at.Add(-30 * time.Second), Gate: "waiting for a good answer",
						Endpoints: []balancer.EndpointStatus{{Endpoint: balancer.Endpoint{Scheme: "http", Address: "10.1.0.1:8080", Host: "10.1.0.1:8080"}, Eligible: true}},
					},
				},
				Tiers: []balancer.TierStatus{
					{
						Name: "critical", Protected: true, Promise: standing(0.9995, 100_000, 20), Demand: 400.25, ShedLevel: 128,
						Shares: []failover.Share{{Cloud: "gcp", Fraction: 1, Reason: failover.ReasonSpill}, {Cloud: "onprem", Reason: failover.ReasonDown}},
						P50:    []time.Duration{9100 * time.Microsecond, 0}, P99: []time.Duration{41 * time.Millisecond, 0},
					},
					{
						Name: "batch", Promise: standing(0.999, 50_000, 400), Demand: 800, Shed: 0.25, ShedLevel: 96, ShedCalls: balancer.ShedCalls{Capacity: 1234, InFlight: 5},
						Shares: []failover.Share{{Cloud: "gcp", Fraction: 1, Reason: failover.ReasonSpill}, {Cloud: "onprem", Reason: failover.ReasonDown}},
						P50:    []time.Duration{0, 0}, P99: []time.Duration{0, 0},
					},
				},
			}},
		},
		history: balancer.History{
			Since: at.Add(-3 * time.Minute), At: at,
			Services: []balancer.ServiceHistory{{Name: "routing-api", Samples: []balancer.ShareSample{
				{At: at.Add(-3 * time.Minute), Tiers: []string{"critical", "batch"}, Clouds: []string{"gcp", "onprem"}, Shares: []float32{0.3, 0.7, 0.3, 0.7}},
				{At: fell, Tiers: []string{"critical", "batch"}, Clouds: []string{"gcp", "onprem"}, Shares: []float32{1, 0, 1, 0}},
			}}},
			Events: []balancer.Event{
				{ID: 1, At: at.Add(-3 * time.Minute), Kind: balancer.EventConfig, To: "in force", Text: "a config was put in force"},
				{ID: 2, At: fell, Kind: balancer.EventState, Service: "routing-api", Cloud: "onprem", From: "healthy", To: "down", Text: what},
				{ID: 3, At: fell, Kind: balancer.EventFailover, Service: "routing-api", Cloud: "onprem", From: "weights", To: "down", Text: "share of critical 70 % → 0 %"},
				{ID: 4, At: at.Add(-30 * time.Second), Kind: balancer.EventChange, Cloud: "onprem", To: "running", Text: "drain drain-onprem is running"},
				{ID: 5, At: at.Add(-10 * time.Second), Kind: balancer.EventConfig, To: "refused", Text: what},
			},
		},
	}
	return s
}

// exampleChanges has one of each kind.
func exampleChanges(at time.Time, what string) []failover.ChangeStatus {
	began := at.Add(-20 * time.Minute)
	return []failover.ChangeStatus{
		{
			Change: failover.Change{ID: "to-gcp", Kind: failover.KindShift, Weights: map[string]uint32{"gcp": 60, "onprem": 40}, From: map[string]uint32{"gcp": 30}, Services: []string{"routing-api", what}, Ramp: 10 * time.Minute}.WithDefaults(),
			Source: failover.FromConfig, State: failover.ChangeScheduled, Since: at.Add(-time.Hour), Begins: at.Add(2 * time.Hour), Until: at.Add(26 * time.Hour),
		},
		{
			Change: failover.Change{ID: "drill-" + what, Kind: failover.KindDrill, Cloud: "onprem", Repeat: 168 * time.Hour}.WithDefaults(),
			Source: failover.FromConfig, State: failover.ChangeAborted, Reason: "the burn rate reached 15.2, " + what, Since: began.Add(4 * time.Minute), Begins: began, Until: began.Add(10 * time.Minute),
			Report: &failover.Report{
				Change: "drill-" + what, Cloud: "onprem", Outcome: failover.Failed, Reason: what, Forced: what,
				Began: began, Planned: began.Add(51 * time.Millisecond), Left: began.Add(300 * time.Millisecond), Restored: began.Add(2 * time.Second), Ended: began.Add(4 * time.Minute),
				RTO: 2 * time.Second, PeakBurn: 15.2, BudgetSpent: 0.0123,
				Tiers: []failover.TierReport{
					{Service: "routing-api", Tier: "critical", Protected: true, Calls: 96_000, Bad: 240, Shed: 20, PeakBurn: 15.2, BudgetSpent: 0.0123},
					{Service: what, Tier: "batch", Calls: 50_000, Bad: 12_500, Shed: 12_400, PeakBurn: 250},
				},
				Survivors: []failover.CloudReport{{Service: "routing-api", Cloud: "gcp", PeakUtilization: 0.93, PeakP99: 61 * time.Millisecond}, {Service: what, Protocol: "grpc", Cloud: "gcp"}},
			},
		},
		{
			Change: failover.Change{ID: "drain-onprem", Kind: failover.KindDrain, Cloud: "onprem", Force: true}.WithDefaults(),
			Source: failover.FromApply, State: failover.ChangeRunning, Reason: "its time has come", Since: at.Add(-30 * time.Second), Begins: at.Add(-30 * time.Second), Progress: 1, Forced: "minClouds: " + what,
		},
	}
}

// standing is how a promise stands after so many calls, all in the last hour.
func standing(target float64, good, bad uint64) sla.Standing {
	s := sla.Standing{
		Objective: sla.Objective{Target: target, Latency: 300 * time.Millisecond, Window: 720 * time.Hour},
		Counts:    sla.Counts{Good: good, Bad: bad},
	}
	s.Left = sla.BudgetLeft(s.Counts, target)
	for i, rule := range sla.BurnRules() {
		rate := sla.BurnRate(float64(good), float64(bad), target)
		s.Burns[i] = sla.Burn{BurnRule: rule, LongRate: rate, ShortRate: rate, Bad: float64(bad), Firing: bad > 0 && rate >= rule.Rate}
	}
	return s
}
