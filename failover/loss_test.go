package failover

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/fairlead-go/fairlead/sla"
)

// equals returns n clouds alike.
func equals(n int, capacity float64) (all []Cloud) {
	for i := range n {
		all = append(all, sized(healthy(fmt.Sprint("cloud", i), 1), capacity))
	}
	return all
}

// The rule of thumb: N equal clouds used to u survive the loss of one iff
// u ≤ (N−1)/N, a protected part s iff s·u·N ≤ N−1.
func TestLoseEqualClouds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 8).Draw(t, "clouds")
		// In percent, so that the limits themselves are hit: u = 1/2 for 2, 3/4 for 4.
		u, s := rapid.IntRange(1, 200).Draw(t, "u"), rapid.IntRange(0, 100).Draw(t, "s")
		demand := float64(n) * 1000 * float64(u) / 100
		protected := demand * float64(s) / 100
		in := Input{Clouds: equals(n, 1000), Demand: []float64{protected, demand - protected},
			Tiers: []sla.Tier{{Name: "critical", Protected: true}, {Name: "standard"}}}
		loss := Lose(in, "cloud0")
		if want := s*u*n <= (n-1)*100*100; loss.Survives != want {
			t.Errorf("%d clouds at %d %%, %d %% protected: survives %v, want %v", n, u, s, loss.Survives, want)
		}
		if want := u*n <= (n-1)*100; (len(loss.Short) == 0) != want {
			t.Errorf("%d clouds at %d %%: %v don't fit, want all to fit: %v", n, u, loss.Short, want)
		}
		rest := 1000 * float64(n-1)
		if want := max(0, demand-rest); math.Abs(loss.Missing-want) > 1e-6 {
			t.Errorf("%v missing, want %v", loss.Missing, want)
		}
		if want := max(0, protected-rest); math.Abs(loss.MissingProtected-want) > 1e-6 {
			t.Errorf("%v missing of the protected ones, want %v", loss.MissingProtected, want)
		}
		in.Tiers[0].Protected = false
		if got := Lose(in, "cloud0").Survives; got != (len(loss.Short) == 0) {
			t.Errorf("nothing protected: survives %v with %v short", got, loss.Short)
		}
	})
}

func TestLose(t *testing.T) {
	onprem, gcp, aws := sized(healthy("onprem", 60), 6000), growing(sized(healthy("gcp", 30), 3000), 16000), sized(healthy("aws", 10), 1000)
	three := []Cloud{onprem, gcp, aws}
	tiers := []sla.Tier{{Name: "critical", Protected: true}, {Name: "standard"}}
	only := func(names ...string) []sla.Tier {
		return []sla.Tier{{Name: "critical", Protected: true, Clouds: sla.Clouds{Only: names}}, {Name: "standard"}}
	}
	for _, tt := range []struct {
		name   string
		clouds []Cloud
		tiers  []sla.Tier
		demand []float64
		panic  Panic
		lost   string
		want   string
	}{
		{name: "the largest of unequal ones", clouds: three, tiers: tiers, demand: []float64{2000, 4000}, lost: "onprem",
			want: "survives true, short [standard], 2000 missing, 0 protected"},
		{name: "the smallest", clouds: three, tiers: tiers, demand: []float64{2000, 6500}, lost: "aws",
			want: "survives true, short [], 0 missing, 0 protected"},
		{name: "protected just fits", clouds: three, tiers: tiers, demand: []float64{4000, 1000}, lost: "onprem",
			want: "survives true, short [standard], 1000 missing, 0 protected"},
		{name: "protected doesn't fit", clouds: three, tiers: tiers, demand: []float64{4100, 1000}, lost: "onprem",
			want: "survives false, short [critical standard], 1100 missing, 100 protected"},
		{name: "a second one", clouds: []Cloud{onprem, down(gcp), aws}, tiers: tiers, demand: []float64{2000, 500}, lost: "onprem",
			want: "survives false, short [critical standard], 1500 missing, 1000 protected"},
		{name: "residency: panic sends calls to what is lost", clouds: three, tiers: only("onprem"), demand: []float64{100, 200}, lost: "onprem",
			want: "survives false, short [critical], 100 missing, 100 protected"},
		{name: "residency: panic fails", clouds: three, tiers: only("onprem"), demand: []float64{100, 200}, panic: PanicFail, lost: "onprem",
			want: "survives false, short [critical], 100 missing, 100 protected"},
		{name: "residency without demand", clouds: three, tiers: only("onprem"), lost: "onprem",
			want: "survives false, short [critical], 0 missing, 0 protected"},
		{name: "residency elsewhere", clouds: three, tiers: only("gcp"), demand: []float64{3000, 4000}, lost: "aws",
			want: "survives true, short [], 0 missing, 0 protected"},
		{name: "a hold doesn't save what is lost", clouds: []Cloud{held(onprem), gcp}, tiers: tiers, demand: []float64{3500, 0}, lost: "onprem",
			want: "survives false, short [critical], 500 missing, 500 protected"},
		{name: "nothing known", clouds: []Cloud{healthy("a", 1), healthy("b", 1)}, tiers: tiers, lost: "a",
			want: "survives true, short [], 0 missing, 0 protected"},
		{name: "a stranger", clouds: three, tiers: tiers, demand: []float64{2000, 6000}, lost: "azure",
			want: "survives true, short [], 0 missing, 0 protected"},
	} {
		before := slices.Clone(tt.clouds)
		in := Input{Clouds: tt.clouds, Tiers: tt.tiers, Demand: tt.demand, Panic: tt.panic}
		l := Lose(in, tt.lost)
		got := fmt.Sprintf("survives %v, short %v, %.6g missing, %.6g protected", l.Survives, l.Short, l.Missing, l.MissingProtected)
		if got != tt.want || l.Cloud != tt.lost {
			t.Errorf("%s: %s\ngot  %s\nwant %s", tt.name, l.Cloud, got, tt.want)
		}
		if !slices.Equal(before, tt.clouds) {
			t.Errorf("%s: the input was changed", tt.name)
		}
	}
}
