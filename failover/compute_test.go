package failover

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// healthy returns a cloud with nothing wrong.
func healthy(name string, weight uint32) Cloud {
	return Cloud{Name: name, Weight: weight, State: health.Healthy, Healthy: 1}
}

func with(c Cloud, change func(*Cloud)) Cloud {
	change(&c)
	return c
}

func down(c Cloud) Cloud { return with(c, func(c *Cloud) { c.State = health.Down }) }
func held(c Cloud) Cloud { return with(c, func(c *Cloud) { c.Held = true }) }

func drained(c Cloud) Cloud { return with(c, func(c *Cloud) { c.Drained = true }) }

func degraded(c Cloud, quality float64) Cloud {
	return with(c, func(c *Cloud) { c.State, c.Quality = health.Degraded, quality })
}

func recovering(c Cloud, gate, protected float64) Cloud {
	return with(c, func(c *Cloud) { c.State, c.Gate, c.ProtectedGate = health.Recovering, gate, protected })
}

// text is a tier's plan in one line, shares in points.
func text(p TierPlan) string {
	var b strings.Builder
	for i, s := range p.Shares {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s %.4g %s", s.Cloud, 100*s.Fraction, s.Reason)
	}
	if p.Fail {
		b.WriteString(": fail")
	}
	return b.String()
}

func TestComputeDecides(t *testing.T) {
	a, b, c := healthy("a", 70), healthy("b", 20), healthy("c", 10)
	three := []Cloud{a, b, c}
	zero := func(c Cloud) Cloud { return with(c, func(c *Cloud) { c.Weight = 0 }) }
	preferB := sla.Tier{Clouds: sla.Clouds{Prefer: []string{"b", "a"}}}
	for _, tt := range []struct {
		name string
		in   Input
		tier sla.Tier
		want string
	}{
		{name: "by weight", in: Input{Clouds: three},
			want: "a 70 weights, b 20 weights, c 10 weights"},
		{name: "unknown counts as healthy", in: Input{Clouds: []Cloud{{Name: "a", Weight: 1, Healthy: 1}, {Name: "b", Weight: 1, Healthy: 1}}},
			want: "a 50 weights, b 50 weights"},
		{name: "one down", in: Input{Clouds: []Cloud{down(a), b, c}},
			want: "a 0 down, b 66.67 weights, c 33.33 weights"},
		{name: "no endpoint is down", in: Input{Clouds: []Cloud{with(a, func(c *Cloud) { c.Healthy = 0 }), b, c}},
			want: "a 0 down, b 66.67 weights, c 33.33 weights"},
		{name: "two of three down", in: Input{Clouds: []Cloud{down(a), down(b), c}},
			want: "a 0 down, b 0 down, c 100 weights"},
		{name: "degraded", in: Input{Clouds: []Cloud{degraded(a, 0.5), b, c}},
			want: "a 53.85 degraded, b 30.77 weights, c 15.38 weights"},
		{name: "all degraded to nothing", in: Input{Clouds: []Cloud{degraded(a, 0), degraded(b, 0), degraded(c, 0)}},
			want: "a 70 degraded, b 20 degraded, c 10 degraded"},
		{name: "endpoints missing", in: Input{Clouds: []Cloud{with(a, func(c *Cloud) { c.Healthy = 0.5 }), b, c}},
			want: "a 62.03 degraded, b 25.32 weights, c 12.66 weights"},

		{name: "drained", in: Input{Clouds: []Cloud{drained(a), b, c}},
			want: "a 0 drained, b 66.67 weights, c 33.33 weights"},
		{name: "all drained", in: Input{Clouds: []Cloud{drained(a), drained(b), drained(c)}},
			want: "a 0 drained, b 0 drained, c 0 drained: fail"},
		{name: "all drained while held", in: Input{Clouds: []Cloud{held(drained(a)), drained(b)}},
			want: "a 0 drained, b 0 drained: fail"},
		{name: "drained or down", in: Input{Clouds: []Cloud{drained(a), down(b), down(c)}},
			want: "a 0 drained, b 66.67 panic, c 33.33 panic"},

		{name: "residency", in: Input{Clouds: three}, tier: sla.Tier{Clouds: sla.Clouds{Only: []string{"a", "b"}}},
			want: "a 77.78 weights, b 22.22 weights, c 0 residency"},
		{name: "residency in panic", in: Input{Clouds: []Cloud{down(a), b, c}}, tier: sla.Tier{Clouds: sla.Clouds{Only: []string{"a"}}},
			want: "a 100 panic, b 0 residency, c 0 residency"},
		{name: "residency with a drain", in: Input{Clouds: []Cloud{drained(a), b, c}}, tier: sla.Tier{Clouds: sla.Clouds{Only: []string{"a"}}},
			want: "a 0 drained, b 0 residency, c 0 residency: fail"},
		{name: "no allowed cloud here", in: Input{Clouds: three}, tier: sla.Tier{Clouds: sla.Clouds{Only: []string{"z"}}},
			want: "a 0 residency, b 0 residency, c 0 residency: fail"},

		{name: "panic spreads", in: Input{Clouds: []Cloud{down(a), down(b), down(c)}},
			want: "a 70 panic, b 20 panic, c 10 panic"},
		{name: "panic fails", in: Input{Clouds: []Cloud{down(a), down(b), down(c)}, Panic: PanicFail},
			want: "a 0 panic, b 0 panic, c 0 panic: fail"},
		{name: "minimum kept", in: Input{Clouds: []Cloud{down(a), b, c}, MinClouds: 2},
			want: "a 0 down, b 66.67 weights, c 33.33 weights"},
		{name: "below the minimum", in: Input{Clouds: []Cloud{down(a), down(b), c}, MinClouds: 2},
			want: "a 70 panic, b 20 panic, c 10 panic"},
		{name: "below the minimum by a drain", in: Input{Clouds: []Cloud{drained(a), drained(b), c}, MinClouds: 2},
			want: "a 0 drained, b 0 drained, c 100 weights"},
		{name: "recovering counts for the minimum", in: Input{Clouds: []Cloud{recovering(a, 0.1, 0), down(b), c}, MinClouds: 2},
			want: "a 8.75 recovering, b 0 down, c 91.25 weights"},

		{name: "held", in: Input{Clouds: []Cloud{held(down(a)), held(degraded(b, 0.1)), held(down(c))}},
			want: "a 70 held, b 20 held, c 10 held"},
		{name: "the last one held", in: Input{Clouds: []Cloud{down(a), held(down(b)), down(c)}},
			want: "a 0 down, b 100 held, c 0 down"},
		{name: "held is no panic", in: Input{Clouds: []Cloud{held(down(a)), held(down(b))}, Panic: PanicFail, MinClouds: 2},
			want: "a 77.78 held, b 22.22 held"},
		{name: "held keeps the preference", in: Input{Clouds: []Cloud{held(down(a)), held(down(b)), held(down(c))}}, tier: preferB,
			want: "a 0.5 held, b 99 held, c 0.5 held"},

		{name: "prefer", in: Input{Clouds: three}, tier: preferB,
			want: "a 0.5 standby, b 99 prefer, c 0.5 standby"},
		{name: "prefer, first down", in: Input{Clouds: []Cloud{a, down(b), c}}, tier: preferB,
			want: "a 99 prefer, b 0 down, c 1 standby"},
		{name: "prefer, listed down: the others by weight", in: Input{Clouds: []Cloud{a, b, down(c)}}, tier: sla.Tier{Clouds: sla.Clouds{Prefer: []string{"c"}}},
			want: "a 77.78 prefer, b 22.22 prefer, c 0 down"},
		{name: "prefer names strangers and repeats", in: Input{Clouds: three}, tier: sla.Tier{Clouds: sla.Clouds{Prefer: []string{"z", "b", "b"}}},
			want: "a 0.5 standby, b 99 prefer, c 0.5 standby"},
		{name: "prefer within residency", in: Input{Clouds: three}, tier: sla.Tier{Clouds: sla.Clouds{Prefer: []string{"c", "b"}, Only: []string{"a", "b"}}},
			want: "a 1 standby, b 99 prefer, c 0 residency"},
		{name: "prefer, all degraded to nothing", in: Input{Clouds: []Cloud{degraded(a, 0), degraded(b, 0)}}, tier: preferB,
			want: "a 1 degraded, b 99 degraded"},
		{name: "preferred is degraded to nothing", in: Input{Clouds: []Cloud{a, degraded(b, 0)}}, tier: preferB,
			want: "a 99 prefer, b 1 degraded"},

		{name: "recovering", in: Input{Clouds: []Cloud{recovering(a, 0.1, 0.01), b, c}},
			want: "a 7 recovering, b 62 weights, c 31 weights"},
		{name: "recovering, protected", in: Input{Clouds: []Cloud{recovering(a, 0.1, 0.01), b, c}}, tier: sla.Tier{Protected: true},
			want: "a 0.7 recovering, b 66.2 weights, c 33.1 weights"},
		{name: "recovering, closed gate", in: Input{Clouds: []Cloud{recovering(a, 0.01, 0), b, c}}, tier: sla.Tier{Protected: true},
			want: "a 0 recovering, b 66.67 weights, c 33.33 weights"},
		{name: "last gate", in: Input{Clouds: []Cloud{recovering(a, 1, 0.5), b, c}},
			want: "a 70 weights, b 20 weights, c 10 weights"},
		{name: "recovering and preferred", in: Input{Clouds: []Cloud{a, recovering(b, 0.1, 0), c}}, tier: preferB,
			want: "a 89.2 prefer, b 9.9 recovering, c 0.901 standby"},
		{name: "nobody else: the gates yield", in: Input{Clouds: []Cloud{recovering(a, 0.01, 0), down(b), down(c)}},
			want: "a 100 recovering, b 0 down, c 0 down"},
		{name: "nobody else, closed gates", in: Input{Clouds: []Cloud{recovering(a, 0.01, 0), recovering(b, 0.01, 0), down(c)}}, tier: sla.Tier{Protected: true},
			want: "a 77.78 recovering, b 22.22 recovering, c 0 down"},
		{name: "nobody else, different gates", in: Input{Clouds: []Cloud{recovering(a, 0.1, 0), recovering(b, 0.5, 0), down(c)}},
			want: "a 41.18 recovering, b 58.82 recovering, c 0 down"},

		{name: "weight 0 is last resort", in: Input{Clouds: []Cloud{a, zero(b)}},
			want: "a 100 weights, b 0 weights"},
		{name: "weight 0 and nobody else", in: Input{Clouds: []Cloud{down(a), zero(b), zero(c)}},
			want: "a 0 down, b 50 weights, c 50 weights"},
		{name: "no clouds", want: ": fail"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.in.Tiers = []sla.Tier{tt.tier}
			if got := text(Compute(tt.in).Tiers[0]); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// anyInput draws inputs of all kinds, with values out of range among them.
func anyInput(t *rapid.T) Input {
	names := []string{"a", "b", "c", "d", "e"}[:rapid.IntRange(1, 5).Draw(t, "clouds")]
	fraction := rapid.OneOf(rapid.Float64Range(0, 1), rapid.SampledFrom([]float64{0, 1, 0.01, 1e-12, 1e-310, -1, 2, math.NaN(), math.Inf(1)}))
	in := Input{
		Panic:     rapid.SampledFrom([]Panic{"", PanicSpread, PanicFail}).Draw(t, "panic"),
		MinClouds: rapid.IntRange(-1, 4).Draw(t, "minClouds"),
	}
	for _, name := range names {
		in.Clouds = append(in.Clouds, Cloud{
			Name:          name,
			Weight:        rapid.OneOf(rapid.Uint32Range(0, 100), rapid.Just(uint32(math.MaxUint32))).Draw(t, "weight"),
			State:         rapid.SampledFrom([]health.State{health.Unknown, health.Healthy, health.Degraded, health.Recovering, health.Down}).Draw(t, "state"),
			Healthy:       fraction.Draw(t, "healthy"),
			Quality:       fraction.Draw(t, "quality"),
			Gate:          fraction.Draw(t, "gate"),
			ProtectedGate: fraction.Draw(t, "protectedGate"),
			Drained:       rapid.IntRange(0, 4).Draw(t, "drained") == 0,
			Held:          rapid.IntRange(0, 9).Draw(t, "held") == 0,
		})
	}
	list := rapid.SliceOfNDistinct(rapid.SampledFrom(append(names, "z")), 0, 3, rapid.ID)
	for i := range rapid.IntRange(1, 3).Draw(t, "tiers") {
		in.Tiers = append(in.Tiers, sla.Tier{
			Name:      fmt.Sprint("tier", i),
			Protected: rapid.Bool().Draw(t, "protected"),
			Clouds:    sla.Clouds{Prefer: list.Draw(t, "prefer"), Only: list.Draw(t, "only")},
		})
	}
	return in
}

// checkPlan checks what holds for every plan, in force or wanted.
func checkPlan(t *rapid.T, in Input, plan Plan) {
	if len(plan.Tiers) != len(in.Tiers) {
		t.Fatalf("%d tiers planned of %d", len(plan.Tiers), len(in.Tiers))
	}
	for i, p := range plan.Tiers {
		tier, sum := in.Tiers[i], 0.0
		for _, s := range p.Shares {
			c := in.Clouds[slices.IndexFunc(in.Clouds, func(c Cloud) bool { return c.Name == s.Cloud })]
			sum += s.Fraction
			if !(s.Fraction >= 0 && s.Fraction <= 1+1e-9) {
				t.Errorf("%s: share %v of %s", p.Tier, s.Fraction, s.Cloud)
			}
			if s.Fraction != 0 && (c.Drained || !tier.Clouds.Allow(s.Cloud)) {
				t.Errorf("%s: %s is drained or not allowed and gets %v", p.Tier, s.Cloud, s.Fraction)
			}
			if s.Fraction != 0 && c.State == health.Down && s.Reason != ReasonPanic && s.Reason != ReasonHeld {
				t.Errorf("%s: %s is down and gets %v, reason %s", p.Tier, s.Cloud, s.Fraction, s.Reason)
			}
			if s.Reason == "" {
				t.Errorf("%s: no reason for %s", p.Tier, s.Cloud)
			}
		}
		want := 1.0
		if p.Fail {
			want = 0
		}
		if math.Abs(sum-want) > 1e-9 {
			t.Errorf("%s: shares sum to %v, want %v: %s", p.Tier, sum, want, text(p))
		}
		if len(p.Shares) != len(in.Clouds) || !slices.IsSortedFunc(p.Shares, func(a, b Share) int { return strings.Compare(a.Cloud, b.Cloud) }) {
			t.Errorf("%s: not every cloud by name: %s", p.Tier, text(p))
		}
	}
}

func TestComputeAlwaysHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput(t)
		checkPlan(t, in, Compute(in))
	})
}

func TestComputeIgnoresOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput(t)
		want := Compute(in)
		rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)).Shuffle(len(in.Clouds), func(i, j int) {
			in.Clouds[i], in.Clouds[j] = in.Clouds[j], in.Clouds[i]
		})
		before := slices.Clone(in.Clouds)
		if got := Compute(in); !got.Equal(want) {
			t.Errorf("got %v, want %v", got, want)
		}
		for i := range before {
			if before[i].Name != in.Clouds[i].Name {
				t.Fatal("the input was reordered")
			}
		}
	})
}

// A cloud behind a gate never gets more than the gate's part of what it gets
// with the gate open, unless all that serve are behind gates.
func TestComputeKeepsGates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput(t)
		opened := in
		opened.Clouds = slices.Clone(in.Clouds)
		for i := range opened.Clouds {
			opened.Clouds[i].Gate, opened.Clouds[i].ProtectedGate = 1, 1
		}
		plan, normal := Compute(in), Compute(opened)
		for i, p := range plan.Tiers {
			yields := !slices.ContainsFunc(p.Shares, func(s Share) bool {
				return s.Reason == ReasonWeights || s.Reason == ReasonPrefer || s.Reason == ReasonStandby || s.Reason == ReasonDegraded || s.Reason == ReasonHeld
			})
			for k, s := range p.Shares {
				if s.Reason != ReasonRecovering || yields {
					continue
				}
				c := in.Clouds[k]
				gate := c.Gate
				if in.Tiers[i].Protected {
					gate = c.ProtectedGate
				}
				if most := unit(gate) * normal.Tiers[i].Shares[k].Fraction; s.Fraction > most+1e-12 {
					t.Errorf("%s gets %v, its gate allows %v", s.Cloud, s.Fraction, most)
				}
			}
		}
	})
}

func BenchmarkCompute(b *testing.B) {
	in := Input{Tiers: []sla.Tier{
		{Name: "critical", Protected: true},
		{Name: "standard"},
		{Name: "batch", Clouds: sla.Clouds{Prefer: []string{"cloud3", "cloud1"}}},
		{Name: "resident", Clouds: sla.Clouds{Only: []string{"cloud2", "cloud4", "cloud6"}}},
	}}
	for i := range 10 {
		in.Clouds = append(in.Clouds, healthy(fmt.Sprint("cloud", i), uint32(i+1)))
	}
	in.Clouds[3] = recovering(in.Clouds[3], 0.1, 0.01)
	in.Clouds[5] = down(in.Clouds[5])
	in.Clouds[7] = degraded(in.Clouds[7], 0.5)
	b.ReportAllocs()
	for b.Loop() {
		Compute(in)
	}
}
