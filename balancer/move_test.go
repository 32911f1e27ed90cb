package balancer

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// An attempt leaves what isn't usable, as long as something is.
func TestMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		usable := map[string]bool{}
		pick := func(tried ...Attempt) string {
			t.Helper()
			a, err := r.Pick(t.Context(), Call{Service: "api"}, tried)
			if err != nil {
				t.Fatal(err)
			}
			was := a.Endpoint()
			if ready := func(e *Endpoint) bool { return usable[e.Address] }; !ready(was) {
				moved := false
				if a, moved = a.Move(health.Outcome{}, tried, ready); !moved && a.Endpoint() != was {
					t.Fatal("it went somewhere and denies it")
				}
			}
			a.Done(health.Outcome{Kind: health.OK})
			return a.Endpoint().Address
		}
		for range 50 {
			pick() // nothing is usable
		}
		usable["10.0.1.2:80"] = true
		for range 50 {
			if at := pick(); at != "10.0.1.2:80" {
				t.Fatalf("went to %s", at)
			}
		}
		// The plan's cloud has the first word.
		usable["10.0.0.1:80"] = true
		seen := map[string]int{}
		for range 1000 {
			seen[pick()]++
		}
		if a, b := seen["10.0.0.1:80"], seen["10.0.1.2:80"]; a+b != 1000 || a < 600 || a > 800 {
			t.Errorf("went to %v, want 70 %% and 30 %% at the two that are usable", seen)
		}
		for _, c := range r.Status().Services[0].Clouds {
			for _, e := range c.Endpoints {
				if e.InFlight != 0 {
					t.Errorf("%d in flight at %s", e.InFlight, e.Address)
				}
			}
		}
	})
}

// Residency is hard, and what speaks against an endpoint is remembered.
func TestMoveWithinTheTiersClouds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.Tiers[0].Clouds.Only = []string{"a"}
		r := newWorld().router(t, cfg)
		ctx := sla.WithTier(t.Context(), "critical")
		elsewhere := func(e *Endpoint) bool { return e.Address == "10.0.1.1:80" }
		for range 4 { // fewer than eject an endpoint
			a, err := r.Pick(ctx, Call{Service: "api"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, moved := a.Move(health.Outcome{}, nil, elsewhere); moved {
				t.Fatal("moved to a cloud that the tier may not use")
			}
			next := func(e *Endpoint) bool { return e != a.Endpoint() }
			b, moved := a.Move(health.Outcome{Kind: health.Refused, Reason: "no connection"}, nil, next)
			if !moved || b.Cloud() != "a" || b.Endpoint() == a.Endpoint() {
				t.Fatalf("moved %v to %s", moved, b.Endpoint())
			}
			b.Done(health.Outcome{Kind: health.OK})
		}
		time.Sleep(100 * time.Millisecond)
		if c := state(r, "a").Counts; c.Bad != 4 || c.OK != 4 {
			t.Errorf("counted %+v", c)
		}
	})
}

// Do goes on with the attempt where the adapter moved it.
func TestDoFollowsTheMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		var at []Attempt
		_, err := Do(t.Context(), r, Call{Service: "api", Idempotent: true}, func(_ context.Context, a Attempt) (int, health.Outcome, error) {
			if len(at) == 0 {
				first := a.Endpoint()
				a, _ = a.Move(health.Outcome{}, nil, func(e *Endpoint) bool { return e != first })
			}
			at = append(at, a)
			return len(at), health.Outcome{Kind: health.Failed, Reason: "fault"}, errors.New("fault")
		}, nil)
		var failed *CallError
		if !errors.As(err, &failed) || len(failed.Attempts) != 2 {
			t.Fatal(err)
		}
		for i, a := range at {
			if failed.Attempts[i].Endpoint != a.Endpoint().String() {
				t.Errorf("attempt %d is reported at %s, was at %s", i+1, failed.Attempts[i].Endpoint, a.Endpoint())
			}
		}
		if at[0].Cloud() == at[1].Cloud() {
			t.Errorf("the retry stayed in %s, where the first attempt was moved", at[1].Cloud())
		}
		for _, c := range r.Status().Services[0].Clouds {
			for _, e := range c.Endpoints {
				if e.InFlight != 0 {
					t.Errorf("%d in flight at %s", e.InFlight, e.Address)
				}
			}
		}
	})
}
