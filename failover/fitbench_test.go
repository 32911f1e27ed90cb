package failover

import (
	"fmt"
	"testing"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// ten is ten clouds and four tiers.
func ten(capacity float64) Input {
	in := Input{Tiers: []sla.Tier{
		{Name: "critical", Protected: true, Reserve: 0.3},
		{Name: "standard"},
		{Name: "batch", Clouds: sla.Clouds{Prefer: []string{"cloud3", "cloud1"}}},
		{Name: "resident", Clouds: sla.Clouds{Only: []string{"cloud2", "cloud4", "cloud6"}}, Spill: sla.SpillNever},
	}, Demand: []float64{1000, 4000, 3000, 500}}
	for i := range 10 {
		in.Clouds = append(in.Clouds, growing(sized(healthy(fmt.Sprint("cloud", i), uint32(i+1)), capacity), 2*capacity))
	}
	in.Clouds[3] = recovering(in.Clouds[3], 0.1, 0.01)
	in.Clouds[5] = down(in.Clouds[5])
	in.Clouds[7] = degraded(in.Clouds[7], 0.5)
	return in
}

func BenchmarkFit(b *testing.B) {
	for _, bm := range []struct {
		name string
		in   Input
	}{
		{"unknown", Input{Clouds: ten(0).Clouds, Tiers: ten(0).Tiers}},
		{"fits", ten(5000)},
		{"sheds", ten(500)},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Compute(bm.in)
			}
		})
	}
}

// The controller computes a plan each 50 ms for each service: what fits must
// not make that much dearer.
func TestAllocFit(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	allocs := func(in Input) float64 { return testing.AllocsPerRun(100, func() { Compute(in) }) }
	plain := ten(0)
	plain.Demand = nil
	for i := range plain.Clouds {
		plain.Clouds[i].State = health.Healthy
	}
	sheds := ten(500)
	for _, tt := range []struct {
		name string
		in   Input
		most float64
	}{
		{"nothing known", plain, 16},
		{"nothing fits", sheds, 32},
	} {
		if got := allocs(tt.in); got > tt.most {
			t.Errorf("%s: %v allocations, want at most %v", tt.name, got, tt.most)
		}
	}
}
