package failover

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/fairlead-go/fairlead/sla"
)

// sized returns a cloud that can carry so many calls per second.
func sized(c Cloud, capacity float64) Cloud { return with(c, func(c *Cloud) { c.Capacity = capacity }) }

func growing(c Cloud, ceiling float64) Cloud { return with(c, func(c *Cloud) { c.Ceiling = ceiling }) }

// loadText is a tier's plan in one line, in calls per second.
func loadText(p TierPlan) string {
	var b strings.Builder
	for i, s := range p.Shares {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s %.5g %s", s.Cloud, s.Fraction*p.admitted(), s.Reason)
	}
	if p.Fail {
		b.WriteString(": fail")
	}
	if p.Shed > 0 {
		fmt.Fprintf(&b, "; shed %.5g", p.Shed*p.Demand)
	}
	return b.String()
}

func TestComputeFits(t *testing.T) {
	onprem, gcp := sized(healthy("onprem", 70), 4000), growing(sized(healthy("gcp", 30), 2000), 16000)
	spike := []float64{3200, 8000, 4800}
	three := []sla.Tier{{Name: "critical", Protected: true}, {Name: "standard"}, {Name: "batch"}}
	reserving := func(part float64) []sla.Tier {
		return []sla.Tier{{Name: "critical", Protected: true, Reserve: part}, three[1], three[2]}
	}
	a, b, c := healthy("a", 1), healthy("b", 1), healthy("c", 1)
	prefer := func(names ...string) []sla.Tier { return []sla.Tier{{Clouds: sla.Clouds{Prefer: names}}} }
	only := func(names ...string) sla.Tier { return sla.Tier{Clouds: sla.Clouds{Only: names}} }
	never := []sla.Tier{{Spill: sla.SpillNever}}
	for _, tt := range []struct {
		name   string
		clouds []Cloud
		tiers  []sla.Tier // default: one
		demand []float64
		panic  Panic
		want   []string
	}{
		{name: "everything fits", clouds: []Cloud{onprem, gcp}, tiers: three, demand: []float64{600, 1500, 900},
			want: []string{"gcp 180 weights, onprem 420 weights", "gcp 450 weights, onprem 1050 weights", "gcp 270 weights, onprem 630 weights"}},
		{name: "four times the peak", clouds: []Cloud{onprem, gcp}, tiers: three, demand: spike,
			want: []string{
				"gcp 960 weights, onprem 2240 weights", // 30 and 70 % of 3,200
				"gcp 1040 full, onprem 1760 full; shed 5200",
				"gcp 0 full, onprem 0 full; shed 4800"}},
		{name: "onprem lost at four times the peak", clouds: []Cloud{down(onprem), sized(gcp, 4000)}, tiers: three, demand: spike,
			want: []string{"gcp 3200 weights, onprem 0 down", "gcp 800 full, onprem 0 down; shed 7200", "gcp 0 full, onprem 0 down; shed 4800"}},
		{name: "not even the most critical fits", clouds: []Cloud{down(onprem), gcp}, tiers: three, demand: spike,
			want: []string{"gcp 2000 full, onprem 0 down; shed 1200", "gcp 0 full, onprem 0 down; shed 8000", "gcp 0 full, onprem 0 down; shed 4800"}},
		{name: "nodes are ready", clouds: []Cloud{onprem, sized(gcp, 16000)}, tiers: three, demand: spike,
			want: []string{
				"gcp 960 weights, onprem 2240 weights",
				"gcp 6240 spill, onprem 1760 full", // 2,400 and the 3,840 that onprem lacks
				"gcp 4800 spill, onprem 0 full"}},

		{name: "1,500 onto 1,000", clouds: []Cloud{sized(a, 1000), sized(b, 1000), sized(c, 1000)}, tiers: prefer("a"), demand: []float64{1500},
			want: []string{"a 1000 full, b 250 spill, c 250 spill"}},
		{name: "1,500 onto 1,000, others by weight", clouds: []Cloud{sized(a, 1000), b, with(c, func(c *Cloud) { c.Weight = 4 })}, tiers: prefer("a"), demand: []float64{1500},
			want: []string{"a 1000 full, b 104.5 spill, c 395.5 spill"}}, // a fifth and four fifths of 485, and 7.5 of the trickle each
		{name: "filled one after the other", clouds: []Cloud{sized(a, 100), sized(b, 500), c}, demand: []float64{1800},
			want: []string{"a 100 full, b 500 full, c 1200 spill"}},
		{name: "one more is full only by what spills", clouds: []Cloud{sized(a, 100), sized(b, 700), c}, demand: []float64{1800},
			want: []string{"a 100 full, b 700 spill, c 1000 spill"}}, // 250 each, but b has room for 100
		{name: "an unknown capacity has room for all", clouds: []Cloud{sized(a, 100), b}, demand: []float64{1e6},
			want: []string{"a 100 full, b 9.999e+05 spill"}},
		{name: "exactly full", clouds: []Cloud{sized(a, 500), sized(b, 500)}, demand: []float64{1000},
			want: []string{"a 500 weights, b 500 weights"}},
		{name: "a degraded cloud gets less of the rest, too", clouds: []Cloud{sized(a, 100), degraded(sized(b, 1000), 0.5), sized(c, 1000)}, demand: []float64{1000},
			want: []string{"a 100 full, b 300 spill, c 600 spill"}},
		{name: "weight 0 is last resort", clouds: []Cloud{sized(a, 100), sized(b, 150), with(c, func(c *Cloud) { c.Weight = 0 })}, demand: []float64{300},
			want: []string{"a 100 full, b 150 weights, c 50 spill"}},
		{name: "worthless answers are last resort", clouds: []Cloud{sized(a, 100), sized(b, 150), degraded(c, 0)}, demand: []float64{300},
			want: []string{"a 100 full, b 150 weights, c 50 spill"}},
		{name: "drained and lost ones take nothing", clouds: []Cloud{sized(a, 100), drained(b), down(c)}, demand: []float64{300},
			want: []string{"a 100 full, b 0 drained, c 0 down; shed 200"}},

		{name: "spill never", clouds: []Cloud{sized(a, 100), sized(b, 1000)}, tiers: never, demand: []float64{300},
			want: []string{"a 100 full, b 150 weights; shed 50"}},
		{name: "only", clouds: []Cloud{sized(a, 100), sized(b, 150), sized(c, 1000)}, tiers: []sla.Tier{only("a", "b")}, demand: []float64{300},
			want: []string{"a 100 full, b 150 weights, c 0 residency; shed 50"}},
		{name: "who may go elsewhere doesn't make way", clouds: []Cloud{sized(a, 100), sized(b, 1000)}, tiers: []sla.Tier{{}, only("a")}, demand: []float64{200, 100},
			want: []string{"a 100 weights, b 100 weights", "a 0 full, b 0 residency; shed 100"}},

		{name: "a reserve that is used costs nothing", clouds: []Cloud{onprem, gcp}, tiers: reserving(0.3), demand: spike,
			want: []string{"gcp 960 weights, onprem 2240 weights", "gcp 1040 full, onprem 1760 full; shed 5200", "gcp 0 full, onprem 0 full; shed 4800"}},
		{name: "a reserve is kept free", clouds: []Cloud{sized(a, 1000), sized(b, 1000)}, tiers: reserving(0.3), demand: []float64{200, 2000, 100},
			want: []string{"a 100 weights, b 100 weights", "a 700 full, b 700 full; shed 600", "a 0 full, b 0 full; shed 100"}},
		{name: "the largest of the reserves", clouds: []Cloud{sized(a, 1000)}, demand: []float64{100, 100, 5000},
			tiers: []sla.Tier{{Name: "x", Reserve: 0.3}, {Name: "y", Reserve: 0.5}, {Name: "z"}},
			want:  []string{"a 100 weights", "a 100 weights", "a 500 full; shed 4500"}},
		{name: "a reserve is not for its own tier alone", clouds: []Cloud{sized(a, 1000)}, demand: []float64{100, 5000, 5000},
			tiers: []sla.Tier{{Name: "x", Reserve: 0.3}, {Name: "y", Reserve: 0.5}, {Name: "z"}},
			want:  []string{"a 100 weights", "a 700 full; shed 4300", "a 0 full; shed 5000"}},
		{name: "no reserve where the tier may not go", clouds: []Cloud{sized(a, 1000), sized(b, 1000)}, demand: []float64{100, 5000},
			tiers: []sla.Tier{{Name: "x", Reserve: 0.3, Clouds: sla.Clouds{Only: []string{"a"}}}, {Name: "y"}},
			want:  []string{"a 100 weights, b 0 residency", "a 700 full, b 1000 full; shed 3300"}},

		{name: "what others lack doesn't break a gate", clouds: []Cloud{recovering(sized(a, 1000), 0.1, 0.01), sized(b, 500)}, demand: []float64{1000},
			want: []string{"a 50 recovering, b 500 full; shed 450"}},
		{name: "but for a protected tier", clouds: []Cloud{recovering(sized(a, 1000), 0.1, 0.01), sized(b, 500)}, demand: []float64{1000}, tiers: []sla.Tier{{Protected: true}},
			want: []string{"a 500 spill, b 500 full"}},
		{name: "as far as others have room", clouds: []Cloud{recovering(sized(a, 1000), 0.1, 0.01), sized(b, 500), sized(c, 200)}, demand: []float64{600}, tiers: []sla.Tier{{Protected: true}},
			want: []string{"a 2 recovering, b 398 spill, c 200 full"}},
		{name: "gates that yielded", clouds: []Cloud{recovering(sized(a, 100), 0.1, 0.01), recovering(sized(b, 1000), 0.1, 0.01)}, demand: []float64{600},
			want: []string{"a 100 full, b 500 spill"}},

		{name: "panic spreads within capacity", clouds: []Cloud{down(sized(a, 100)), down(sized(b, 300))}, demand: []float64{500},
			want: []string{"a 100 panic, b 300 panic; shed 100"}},
		{name: "panic fails", clouds: []Cloud{down(sized(a, 100)), down(b)}, demand: []float64{500}, panic: PanicFail,
			want: []string{"a 0 panic, b 0 panic: fail"}},
		{name: "held", clouds: []Cloud{held(down(sized(a, 100))), sized(b, 300)}, demand: []float64{500},
			want: []string{"a 100 held, b 300 spill; shed 100"}},
		{name: "who offers nothing", clouds: []Cloud{sized(a, 100), sized(b, 100)}, tiers: three[:2], demand: []float64{500},
			want: []string{"a 100 full, b 100 full; shed 300", "a 0 weights, b 0 weights"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.tiers == nil {
				tt.tiers = []sla.Tier{{}}
			}
			plan := Compute(Input{Clouds: tt.clouds, Tiers: tt.tiers, Demand: tt.demand, Panic: tt.panic})
			for i, want := range tt.want {
				if got := loadText(plan.Tiers[i]); got != want {
					t.Errorf("tier %d\ngot  %s\nwant %s", i, got, want)
				}
			}
		})
	}
}

// Whoever is shed entirely has the shares that it would have, so that the few
// calls that come through anyway go where they belong.
func TestShedEntirelyKeepsShares(t *testing.T) {
	in := Input{
		Clouds: []Cloud{sized(healthy("a", 3), 100), sized(healthy("b", 1), 100)},
		Tiers:  []sla.Tier{{Name: "critical"}, {Name: "batch"}}, Demand: []float64{200, 50},
	}
	batch := Compute(in).Tiers[1]
	if got, want := text(batch), "a 75 full, b 25 full"; got != want || batch.Shed != 1 {
		t.Errorf("got %s, shed %v, want %s, all shed", got, batch.Shed, want)
	}
}

// cloudText is what a plan means for the clouds, in calls per second.
func cloudText(p Plan) string {
	var b strings.Builder
	for i, c := range p.Clouds {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s demand %.5g load %.5g (%.4g %%) desired %.5g", c.Cloud, c.Demand, c.Load, 100*c.Utilization, c.Desired)
	}
	return b.String()
}

func TestCloudPlans(t *testing.T) {
	onprem, gcp := sized(healthy("onprem", 70), 4000), growing(sized(healthy("gcp", 30), 2000), 16000)
	two := []sla.Tier{{Name: "critical"}, {Name: "batch"}}
	for _, tt := range []struct {
		name   string
		clouds []Cloud
		tiers  []sla.Tier
		demand []float64
		want   string
	}{
		{name: "calm", clouds: []Cloud{onprem, gcp}, tiers: two, demand: []float64{1000, 1000},
			want: "gcp demand 600 load 600 (30 %) desired 600; onprem demand 1400 load 1400 (35 %) desired 1400"},
		{name: "the elastic one is told before it can carry it", clouds: []Cloud{onprem, gcp}, tiers: two, demand: []float64{3200, 12800},
			want: "gcp demand 4800 load 2000 (100 %) desired 12000; onprem demand 11200 load 4000 (100 %) desired 4000"},
		{name: "up to its ceiling", clouds: []Cloud{onprem, growing(gcp, 6000)}, tiers: two, demand: []float64{3200, 12800},
			want: "gcp demand 4800 load 2000 (100 %) desired 6000; onprem demand 11200 load 4000 (100 %) desired 4000"},
		// The other's way back needs its nodes: an outage is no reason to scale in.
		{name: "a lost cloud keeps what it needs", clouds: []Cloud{down(onprem), gcp}, tiers: two, demand: []float64{1000, 2000},
			want: "gcp demand 3000 load 2000 (100 %) desired 3000; onprem demand 0 load 0 (0 %) desired 2100"},
		{name: "a drained cloud", clouds: []Cloud{onprem, drained(gcp)}, tiers: two, demand: []float64{1000, 1000},
			want: "gcp demand 0 load 0 (0 %) desired 600; onprem demand 2000 load 2000 (50 %) desired 2000"},
		{name: "a cloud on trial", clouds: []Cloud{onprem, recovering(gcp, 0.1, 0.1)}, tiers: two, demand: []float64{1000, 1000},
			want: "gcp demand 60 load 60 (3 %) desired 600; onprem demand 1940 load 1940 (48.5 %) desired 1940"},
		{name: "with room for the reserve", clouds: []Cloud{onprem, gcp}, demand: []float64{100, 7000},
			tiers: []sla.Tier{{Name: "critical", Reserve: 0.3}, {Name: "batch"}},
			// onprem may carry 2,800 of the 4,900 of batch, gcp gets 2,100 and the rest: 4,200 ÷ 0.7.
			want: "gcp demand 2130 load 1430 (71.5 %) desired 6000; onprem demand 4970 load 2870 (71.75 %) desired 4000"},
		{name: "what may not spill makes nothing grow elsewhere", clouds: []Cloud{onprem, gcp}, demand: []float64{0, 10000},
			tiers: []sla.Tier{{Name: "critical"}, {Name: "batch", Spill: sla.SpillNever}},
			want:  "gcp demand 3000 load 2000 (100 %) desired 3000; onprem demand 7000 load 4000 (100 %) desired 4000"},
		{name: "unknown capacity", clouds: []Cloud{healthy("a", 1), sized(healthy("b", 1), 100)}, tiers: two, demand: []float64{300, 0},
			want: "a demand 150 load 200 (0 %) desired 0; b demand 150 load 100 (100 %) desired 100"},
		{name: "no demand", clouds: []Cloud{onprem, gcp}, tiers: two, demand: []float64{0, math.NaN()}},
	} {
		if got := cloudText(Compute(Input{Clouds: tt.clouds, Tiers: tt.tiers, Demand: tt.demand})); got != tt.want {
			t.Errorf("%s\ngot  %s\nwant %s", tt.name, got, tt.want)
		}
	}
}
