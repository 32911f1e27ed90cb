package balancer

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/sla"
)

func TestExplain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.Assign = []sla.Rule{{Product: "dispatch", Tier: "critical"}}
		cfg.Contracts = []sla.Contract{{Name: "other", Product: "x", Customer: "y", Target: 0.9}, {Name: "acme-dispatch", Product: "dispatch", Customer: "acme", Target: 0.999}}
		w := newWorld()
		r := w.router(t, cfg)
		time.Sleep(time.Second)
		ctx := sla.WithCaller(t.Context(), sla.Caller{Product: "dispatch", Customer: "acme"})
		e, err := r.Explain(ctx, Call{Service: "api", Method: "GET /"})
		if err != nil {
			t.Fatal(err)
		}
		if e.Tier != "critical" || e.TierBy != sla.ByRule || e.Rule != 0 || e.RuleText != "{product: dispatch, tier: critical}" {
			t.Errorf("tier %s by %s, rule %d: %s", e.Tier, e.TierBy, e.Rule, e.RuleText)
		}
		if e.LevelBy != sla.ByCustomer || e.Timeout != 800*time.Millisecond || e.TimeoutBy != "tier" || e.Attempts != 3 {
			t.Errorf("level by %s, %v by the %s, %d attempts", e.LevelBy, e.Timeout, e.TimeoutBy, e.Attempts)
		}
		if e.Contract != "acme-dispatch" || *e.BudgetLeft != 1 || !strings.Contains(e.String(), "contract   acme-dispatch, with 100 % of its") {
			t.Errorf("contract %q\n%v", e.Contract, e)
		}
		if a := e.Clouds[0]; a.Share != 0.7 || a.Reason != failover.ReasonWeights || a.State != "healthy" || len(a.Endpoints) != 2 || !a.Endpoints[0].Eligible || !a.Retries {
			t.Errorf("a: %+v", a)
		}

		// A caller with less time than the tier.
		short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		if e, _ := r.Explain(short, Call{Service: "api"}); e.Timeout != 100*time.Millisecond || e.TimeoutBy != "caller" {
			t.Errorf("%v by the %s", e.Timeout, e.TimeoutBy)
		}
		if e, _ := r.Explain(ctx, Call{Service: "api", Stream: ServerStream}); e.Timeout != 0 {
			t.Errorf("a stream has %v", e.Timeout)
		}

		// One cloud is lost, the other drained: why not is told of each.
		w.set("a", refuses)
		w.load(r, "critical", 300, 5*time.Millisecond)
		e, _ = r.Explain(ctx, Call{Service: "api"})
		if a := e.Clouds[0]; a.Share != 0 || a.Reason != failover.ReasonDown || !strings.Contains(a.Text, "connection refused") || a.Retries {
			t.Errorf("a: %+v", a)
		}
		w.set("a", fine)
		time.Sleep(30 * time.Second)
		if err := r.Drain("b"); err != nil {
			t.Fatal(err)
		}
		e, _ = r.Explain(ctx, Call{Service: "api"})
		if b := e.Clouds[1]; b.Share != 0 || b.Reason != failover.ReasonDrained || !b.Drained || b.Retries {
			t.Errorf("b: %+v", b)
		}
	})
}

// A call that would be shed is told so, and why.
func TestExplainShed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.Instances = 1
		for _, name := range []string{"a", "b"} {
			c := cfg.Services["api"].Clouds[name]
			c.Capacity = 20
			cfg.Services["api"].Clouds[name] = c
		}
		w := newWorld()
		r := w.router(t, cfg)
		w.load(r, "standard", 2000, 5*time.Millisecond) // 200 a second, for 40
		standard := sla.WithTier(t.Context(), "standard")
		e, err := r.Explain(sla.WithLevel(standard, 127), Call{Service: "api"})
		if err != nil || e.Shed != sla.ShedCapacity || e.ShedFraction < 0.5 || e.ShedLevel > 100 || e.Clouds[0].Retries {
			t.Errorf("%v\n%v", e, err)
		}
		if e, _ := r.Explain(sla.WithLevel(standard, 0), Call{Service: "api"}); e.Shed != "" || !strings.Contains(e.String(), "shed       no: there is no room for ") {
			t.Errorf("%v", e)
		}
		if e, _ := r.Explain(sla.WithLevel(sla.WithTier(t.Context(), "critical"), 127), Call{Service: "api"}); e.Shed != "" {
			t.Errorf("%v", e)
		}
	})
}

// Explaining changes nothing and fails as calls do.
func TestExplainLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		tokens := r.Status().Services[0].RetryTokens
		for range 100 {
			if e, err := r.Explain(sla.WithTier(t.Context(), "gold"), Call{Service: "api"}); err != nil || e.UnknownTier != "gold" || e.TierBy != sla.ByDefault {
				t.Fatalf("%+v, %v", e, err)
			}
		}
		status := r.Status()
		if len(status.UnknownTiers) > 0 || status.Services[0].RetryTokens != tokens || status.Services[0].Clouds[0].Endpoints[0].InFlight != 0 {
			t.Errorf("left %+v", status)
		}
		var unknown *UnknownServiceError
		if _, err := r.Explain(t.Context(), Call{Service: "none"}); !errors.As(err, &unknown) {
			t.Errorf("an unknown service: %v", err)
		}
		r.Close()
		if _, err := r.Explain(t.Context(), Call{Service: "api"}); !errors.Is(err, ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	})
}

// What is explained is what happens: calls go to the clouds in the shares that
// were told.
func TestExplainAgreesWithPick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.router(t, testConfig())
		e, err := r.Explain(t.Context(), Call{Service: "api"})
		if err != nil {
			t.Fatal(err)
		}
		const n = 20000
		seen := make(map[string]int)
		for range n {
			a, err := r.Pick(t.Context(), Call{Service: "api"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if a.Tier() != e.Tier {
				t.Fatalf("tier %s, explained %s", a.Tier(), e.Tier)
			}
			seen[a.Cloud()]++
			a.End()
		}
		for _, c := range e.Clouds {
			if got := float64(seen[c.Cloud]) / n; got < c.Share-0.02 || got > c.Share+0.02 {
				t.Errorf("%s got %.3f, explained %.3f", c.Cloud, got, c.Share)
			}
		}
	})
}

// A config explains itself without a network and without its secret.
func TestConfigExplain(t *testing.T) {
	cfg := testConfig()
	cfg.LevelKey = "env:FAIRLEAD_TEST_NOT_SET"
	cfg.Services["api"].Clouds["b"] = ServiceCloud{
		HTTP: []string{"https://api.example.com/v1"}, GRPC: []string{"unix:///run/api.sock"},
	}
	e, err := cfg.Explain(sla.WithTier(t.Context(), "critical"), Call{Service: "api"})
	if err != nil {
		t.Fatal(err)
	}
	if b := e.Clouds[1]; b.Share != 0.3 || b.State != "unknown" || b.Endpoints[0].Endpoint != "https://api.example.com:443/v1" {
		t.Errorf("%+v", b)
	}
	if e, err := cfg.Explain(t.Context(), Call{Service: "api", Protocol: GRPC}); err != nil || e.Clouds[0].Share != 1 || e.Waits {
		t.Errorf("%+v, %v", e, err)
	}
	cfg.Tiers[0].Attempts = -1
	var faults *ConfigError
	if _, err := cfg.Explain(t.Context(), Call{Service: "api"}); !errors.As(err, &faults) {
		t.Errorf("a faulty config: %v", err)
	}
}

// The time decides on the changes of the config and on a customer's level.
func TestConfigExplainAt(t *testing.T) {
	start := time.Date(2026, 12, 8, 3, 0, 0, 0, time.UTC)
	cfg := testConfig()
	cfg.Changes = []failover.Change{{ID: "weekly", Kind: failover.KindDrill, Cloud: "a", Start: start, End: start.Add(30 * time.Minute), Repeat: 168 * time.Hour}}
	ctx := sla.WithCaller(t.Context(), sla.Caller{Customer: "acme"})
	explain := func(at time.Time) Explanation {
		t.Helper()
		e, err := cfg.ExplainAt(ctx, Call{Service: "api"}, at)
		if err != nil {
			t.Fatal(err)
		}
		if !e.At.Equal(at) {
			t.Errorf("it is of %v, not of %v", e.At, at)
		}
		return e
	}
	t.Setenv("FAIRLEAD_TEST_LEVEL_KEY", "a secret of tests")
	cfg.LevelKey = "env:FAIRLEAD_TEST_LEVEL_KEY"
	levels := map[int]bool{}
	for week := range 4 {
		drill := start.Add(time.Duration(week) * 168 * time.Hour)
		before, during := explain(drill.Add(-time.Minute)), explain(drill.Add(time.Minute))
		if before.Clouds[0].Share != 0.7 || before.Clouds[0].DrainedBy != "" {
			t.Errorf("before: %+v", before.Clouds[0])
		}
		if a := during.Clouds[0]; a.Share != 0 || a.DrainedBy != "weekly" || a.Text != "nothing, because an operator took it out, by change weekly" {
			t.Errorf("during the drill: %+v", a)
		}
		if during.Level != before.Level {
			t.Errorf("the level of one day is %d and %d", before.Level, during.Level)
		}
		levels[during.Level] = true
	}
	if len(levels) < 2 {
		t.Errorf("levels of four days: %v", levels)
	}
}

func TestExplanationText(t *testing.T) {
	at := time.Date(2026, 3, 1, 2, 40, 11, 0, time.UTC)
	e := Explanation{
		At: at, Service: "routing-api", Protocol: "http", Method: "GET /v1/route\x1b[2J\n",
		Tier: "critical", TierBy: sla.ByRule, RuleText: "{product: dispatch, tier: critical}", Protected: true,
		Level: 37, LevelBy: sla.ByCustomer, Timeout: 800 * time.Millisecond, TimeoutBy: "tier", Attempts: 3, RetryTokens: 12.25,
		Clouds: []CloudExplanation{
			{Cloud: "gcp", Share: 1, Reason: failover.ReasonWeights, Text: failover.ReasonWeights.Text(), State: "healthy",
				StateReason: "answers", Since: at.Add(-time.Hour), Retries: true, Room: true, P50: 4 * time.Millisecond, P99: 9 * time.Millisecond,
				Endpoints: []EndpointExplanation{{Endpoint: "http://10.2.0.1:80", Eligible: true, InFlight: 2}}},
			{Cloud: "onprem", Reason: failover.ReasonDown, Text: failover.ReasonDown.Text() + ": failing: 41 of 45 attempts in the last 200ms, connection refused",
				StateReason: "failing: 41 of 45 attempts in the last 200ms, connection refused", State: "down", Since: at.Add(-time.Minute), Room: true,
				Endpoints: []EndpointExplanation{{Endpoint: "http://10.1.0.1:80", Reason: "5 failures in a row"}}},
		},
	}
	const want = `call       GET /v1/route\u001b[2J\u000a to routing-api over http, at 2026-03-01
           02:40:11.000Z
tier       critical, protected: rule 0 says so, {product: dispatch, tier:
           critical}
level      37 of 0…127: a keyed hash of the customer and the day
time       800ms, the tier's timeout; at most 3 attempts; the retry budget holds
           12.2
hedging    none
shed       no
gcp        100 %, weights: its part by weight; healthy since 01:40:11.000Z
           (answers); p50 4ms, p99 9ms
           http://10.2.0.1:80 may be chosen, 2 in flight
onprem     0 %, down: nothing, because it is down or has no usable endpoint:
           failing: 41 of 45 attempts in the last 200ms, connection refused;
           down since 02:39:11.000Z; no retry goes there
           http://10.1.0.1:80 is out: 5 failures in a row, 0 in flight`
	if got := e.String(); got != want {
		t.Errorf("got:\n%s", got)
	}
	data, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"timeoutMs":800`, `"p50Ms":4`, `"rule":0`, `"share":1`} {
		if !strings.Contains(string(data), part) {
			t.Errorf("no %s in %s", part, data)
		}
	}
}

// Whatever is in it, an explanation fits 80 columns and controls no terminal.
func TestExplanationFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.SampledFrom([]rune("ab →\x1b\n\u202e世")), 0, 200, -1)
		e := Explanation{
			Service: text.Draw(t, "service"), Method: text.Draw(t, "method"), UnknownTier: text.Draw(t, "unknown"), Held: text.Draw(t, "held"),
			Clouds: []CloudExplanation{{Cloud: rapid.StringMatching(`[a-z]{1,63}`).Draw(t, "cloud"), Text: text.Draw(t, "text")}},
		}
		for _, line := range strings.Split(e.String(), "\n") {
			if utf8.RuneCountInString(line) > textWidth || strings.ContainsAny(line, "\x1b\u202e\r") {
				t.Fatalf("line %q", line)
			}
		}
	})
}
