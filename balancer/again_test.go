package balancer

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// The order in which a retry looks for a place.
func TestRetryGoes(t *testing.T) {
	tests := []struct {
		name     string
		only     []string
		drained  string
		tried    []string // addresses
		attempts int      // of the tier, if not 3
		sick     string   // an endpoint that is no longer eligible
		want     string   // prefix of the address; empty: error
	}{
		{name: "to the other cloud", tried: []string{"10.0.0.1:80"}, want: "10.0.1."},
		{name: "to the other cloud from there", tried: []string{"10.0.1.2:80"}, want: "10.0.0."},
		{name: "to an untried endpoint when both clouds were tried", tried: []string{"10.0.0.1:80", "10.0.1.1:80"}, want: "10.0."},
		{name: "to the last untried endpoint", tried: []string{"10.0.0.1:80", "10.0.1.1:80", "10.0.0.2:80"}, want: "10.0.1.2:80"},
		{name: "anywhere when all were tried", tried: []string{"10.0.0.1:80", "10.0.1.1:80", "10.0.0.2:80", "10.0.1.2:80"}, want: "10.0."},
		{name: "nowhere that residency forbids", only: []string{"a"}, tried: []string{"10.0.0.1:80"}, want: "10.0.0.2:80"},
		{name: "nowhere that is drained", drained: "b", tried: []string{"10.0.0.1:80"}, want: "10.0.0.2:80"},
		{name: "next door when only the endpoint is sick", tried: []string{"10.0.0.1:80"}, sick: "10.0.0.1:80", want: "10.0.0.2:80"},
		{name: "away with the last attempt", attempts: 2, tried: []string{"10.0.0.1:80"}, sick: "10.0.0.1:80", want: "10.0.1."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := testConfig()
				cfg.Tiers[0].Clouds.Only = test.only
				cfg.Tiers[0].Attempts = cmp.Or(test.attempts, 3)
				cfg.Retry.Floor = 100 // enough for all rounds
				r := newWorld().router(t, cfg)
				if test.drained != "" {
					if err := r.Drain(test.drained); err != nil {
						t.Fatal(err)
					}
				}
				ctx := sla.WithTier(t.Context(), "critical")
				rounds := 50
				if test.sick != "" {
					rounds = 1 // then the endpoint is gone from the table
				}
				for range rounds {
					tried := pickAll(t, r, ctx, test.tried)
					if test.sick != "" {
						makeSick(t, tried[len(tried)-1])
					}
					a, err := r.Pick(ctx, Call{Service: "api"}, tried)
					if err != nil {
						t.Fatal(err)
					}
					a.End()
					if got := a.Endpoint().Address; !strings.HasPrefix(got, test.want) {
						t.Fatalf("went to %s, want %s", got, test.want)
					}
					if a.Number() != len(tried)+1 {
						t.Fatalf("number is %d after %d attempts", a.Number(), len(tried))
					}
				}
			})
		})
	}
}

// pickAll returns attempts at these addresses, by picking until they come up.
func pickAll(t *testing.T, r *Router, ctx context.Context, addresses []string) (tried []Attempt) {
	t.Helper()
	for _, address := range addresses {
		s := r.table.Load().find("api", HTTP)
		for i := range s.clouds {
			for _, e := range s.clouds[i].endpoints {
				if e.Address == address {
					var a Attempt
					a.begin(&s.clouds[i], e)
					a.Done(health.Outcome{Kind: health.Refused})
					tried = append(tried, a)
				}
			}
		}
	}
	if len(tried) != len(addresses) {
		t.Fatalf("%d attempts for %v", len(tried), addresses)
	}
	return tried
}

// makeSick lets an endpoint fail, and the others of its cloud answer well, until
// the router has noticed.
func makeSick(t *testing.T, a Attempt) {
	t.Helper()
	for range 100 {
		if !a.endpoint.live.Eligible() {
			return
		}
		for _, e := range a.cloud.endpoints {
			o := health.Outcome{Kind: health.OK}
			if e == a.endpoint {
				o.Kind = health.Refused
			}
			for range 3 {
				var b Attempt
				b.begin(a.cloud, e)
				b.Done(o)
			}
		}
		time.Sleep(stepEvery)
	}
	t.Fatal("the endpoint stays eligible")
}

// A retry is paid for, and the one that isn't possible costs nothing.
func TestPickPaysForRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		budget := r.services[serviceKey{name: "api"}].budget
		ctx := t.Context() // standard: unprotected
		first, err := r.Pick(ctx, Call{Service: "api"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		first.Done(health.Outcome{Kind: health.Refused})
		before, paid := budget.Balance(), 0
		for {
			a, err := r.Pick(ctx, Call{Service: "api"}, []Attempt{first})
			if errors.Is(err, ErrBudget) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			a.Done(health.Outcome{Kind: health.OK})
			paid++
		}
		if got := before - budget.Balance(); got != float64(paid) || paid == 0 {
			t.Errorf("%d retries cost %g", paid, got)
		}
		// Half of the bank is kept for protected tiers.
		if _, err := r.Pick(sla.WithTier(ctx, "critical"), Call{Service: "api"}, []Attempt{first}); err != nil {
			t.Errorf("critical: %v", err)
		}
	})
}

// TestAlternative asks, attempt by attempt, whether there is an endpoint left
// that was not tried: there are two in each of two clouds, of which one is drained in the end.
func TestAlternative(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.Retry.Floor = 100
		r := newWorld().router(t, cfg)
		var tried []Attempt
		for i, want := range []bool{true, true, true, false} {
			a, err := r.Pick(t.Context(), Call{Service: "api"}, tried)
			if err != nil {
				t.Fatal(err)
			}
			defer a.End()
			tried = append(tried, a)
			if got := a.Alternative(tried); got != want {
				t.Errorf("after %d attempts: %t, want %t", i+1, got, want)
			}
		}
		if err := r.Drain("b"); err != nil {
			t.Fatal(err)
		}
		var there []Attempt // in the cloud that serves
		for _, a := range tried {
			if a.Cloud() == "a" {
				there = append(there, a)
			}
		}
		if there[0].Alternative(there) || !there[0].Alternative(there[:1]) {
			t.Error("a drained cloud counts, or the last endpoint doesn't")
		}
	})
}

// Room for a retry may be taken between the moment in which it is seen and that in
// which it is used.
func TestRoomThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		s := r.table.Load().find("api", HTTP)
		limits := []int{1, 1}
		for i := range s.clouds {
			s.clouds[i].live.limits.Store(&limits)
		}
		ctx, c := sla.WithTier(t.Context(), "critical"), &s.clouds[0]
		for range len(c.endpoints) {
			if e := c.chosen(0, 0); e.live.InFlight() != 0 {
				t.Error("an endpoint without room was chosen")
			} else {
				e.live.Begin(0)
				defer e.live.End()
			}
		}
		if i := c.choose(0, 0); i >= 0 || c.chosen(0, 0) == nil {
			t.Errorf("there is room at endpoint %d", i)
		}
		// And with many at once: no pick may panic.
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 2000 {
					first, err := r.Pick(ctx, Call{Service: "api"}, nil)
					if err != nil {
						continue
					}
					if again, err := r.Pick(ctx, Call{Service: "api"}, []Attempt{first}); err == nil {
						again.Done(health.Outcome{Kind: health.OK})
					}
					first.Done(health.Outcome{Kind: health.OK})
				}
			})
		}
		wg.Wait()
	})
}
