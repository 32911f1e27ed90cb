package balancer

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"unique"
	"unsafe"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

func TestPickSplitsByWeight(t *testing.T) {
	cfg := testConfig()
	cfg.Clouds = map[string]Cloud{"a": {Weight: 70}, "b": {Weight: 20}, "c": {Weight: 10}}
	clouds := cfg.Services["api"].Clouds
	clouds["c"] = ServiceCloud{HTTP: []string{"http://10.0.2.1"}}
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, cfg)
		for _, tier := range []string{"critical", "standard"} {
			ctx := sla.WithTier(t.Context(), tier)
			chiSquare(t, []float64{70, 20, 10}, 100_000, func(*rand.Rand) int {
				a, err := r.Pick(ctx, Call{Service: "api"}, nil)
				if err != nil {
					t.Fatal(err)
				}
				a.Done(health.Outcome{Kind: health.OK})
				return strings.Index("abc", a.Cloud())
			})
		}
	})
}

// A level says who waits while a tier is shed. If it went with the cloud, then
// shedding would move traffic between clouds.
func TestPickIsIndependentOfLevel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		for _, low := range []bool{true, false} {
			chiSquare(t, []float64{70, 30}, 100_000, func(*rand.Rand) int {
				for {
					a, err := r.Pick(t.Context(), Call{Service: "api"}, nil)
					if err != nil {
						t.Fatal(err)
					}
					a.Done(health.Outcome{Kind: health.OK})
					if (a.level < 64) == low {
						return strings.Index("ab", a.Cloud())
					}
				}
			})
		}
	})
}

func TestTwoChoicesPreferTheShorterQueue(t *testing.T) {
	c := &cloudTable{}
	var records []*health.Endpoint
	for range 4 {
		e := new(endpoint)
		c.endpoints, records = append(c.endpoints, e), append(records, &e.live)
	}
	health.NewTarget(health.Settings{}, nil, 0).SetEndpoints(0, records)
	for range 3 {
		records[2].Begin(0)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	counts := make([]int, 4)
	for range 60_000 {
		counts[c.twoChoices(rng.Uint32())]++
	}
	if counts[2] != 0 {
		t.Errorf("the endpoint with the longest queue was chosen %d times", counts[2])
	}
	// A pair of the others is as likely as any: each wins a third.
	for _, i := range []int{0, 1, 3} {
		if counts[i] < 19_000 || counts[i] > 21_000 {
			t.Errorf("counts are %v, want 20,000 ± 1,000 but for the third", counts)
		}
	}
}

func TestPickErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		_, err := r.Pick(t.Context(), Call{Service: "apu"}, nil)
		var unknown *UnknownServiceError
		if !errors.As(err, &unknown) || !slices.Equal(unknown.Known, []string{"api"}) {
			t.Errorf("unknown service: %v", err)
		}
		r.Close()
		if _, err := r.Pick(t.Context(), Call{Service: "api"}, nil); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

func TestUnknownTierIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		a, err := r.Pick(sla.WithTier(t.Context(), "gold"), Call{Service: "api"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		a.Done(health.Outcome{Kind: health.OK})
		if a.Tier() != "standard" {
			t.Errorf("tier is %s, want the default", a.Tier())
		}
		if got := r.Status().UnknownTiers; !slices.Equal(got, []string{"gold"}) {
			t.Errorf("unknown tiers are %v", got)
		}
	})
}

// Whoever interns the name of a service has the very string that picks compare.
func TestServiceNamesAreInterned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		a, err := r.Pick(t.Context(), Call{Service: "api"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Done(health.Outcome{})
		name := unique.Make(strings.Clone("api")).Value()
		if unsafe.StringData(a.Service()) != unsafe.StringData(name) {
			t.Error("another string")
		}
	})
}
