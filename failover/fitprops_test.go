package failover

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// calls draws a number of calls per second.
func calls(t *rapid.T, what string) float64 {
	return rapid.OneOf(rapid.Float64Range(0.01, 10_000), rapid.SampledFrom([]float64{1, 100, 1000, 4000})).Draw(t, what)
}

// sizedInput draws inputs of all kinds of which capacity and demand are known,
// of most clouds and tiers. Without odd there is no value out of range.
func sizedInput(t *rapid.T, odd bool) Input {
	in := anyInput(t)
	amounts := func(what string) float64 {
		if rapid.IntRange(0, 5).Draw(t, what+" known") > 0 {
			return calls(t, what)
		}
		if odd {
			return rapid.SampledFrom([]float64{0, -1, 1e-300, 1e300, math.NaN(), math.Inf(1), math.Inf(-1)}).Draw(t, "odd "+what)
		}
		return 0
	}
	for i := range in.Clouds {
		c := &in.Clouds[i]
		if rapid.Bool().Draw(t, "well") {
			c.State, c.Healthy, c.Drained, c.Held = health.Healthy, 1, false, false
		}
		c.Capacity, c.Ceiling = amounts("capacity"), amounts("ceiling")
	}
	for i := range in.Tiers {
		tier := &in.Tiers[i]
		in.Demand = append(in.Demand, amounts("demand"))
		tier.Spill = rapid.SampledFrom([]sla.Spill{"", sla.SpillAllow, sla.SpillNever}).Draw(t, "spill")
		tier.Reserve = rapid.SampledFrom([]float64{0, 0, 0.1, 0.3, 0.9}).Draw(t, "reserve")
		if odd && rapid.IntRange(0, 5).Draw(t, "odd") == 0 {
			tier.Reserve = rapid.SampledFrom([]float64{-1, 1, 2, math.NaN(), math.Inf(1)}).Draw(t, "odd reserve")
		}
	}
	in.Demand = in.Demand[:rapid.IntRange(0, len(in.Demand)).Draw(t, "demands")]
	return in
}

// loads returns what each tier sends to each cloud.
func loads(p Plan) (all [][]float64) {
	for _, t := range p.Tiers {
		row := make([]float64, len(t.Shares))
		for c, s := range t.Shares {
			row[c] = t.admitted() * s.Fraction
		}
		all = append(all, row)
	}
	return all
}

// room is what the first n tiers leave of a cloud to the next, by the words of
// [sla.Tier.Reserve]: whatever a tier keeps, less critical ones together never
// use.
func room(in Input, loads [][]float64, n, cloud int) float64 {
	c := in.Clouds[cloud]
	left, used := c.capacity(), 0.0
	for k := n - 1; k >= 0; k-- {
		tier := in.Tiers[k]
		if tier.Clouds.Allow(c.Name) {
			left = min(left, (1-max(0, tier.Reserve))*c.capacity()-used)
		}
		used += loads[k][cloud]
	}
	return min(left, c.capacity()-used)
}

func about(a, b float64) bool { return math.Abs(a-b) <= 1e-6*max(1, math.Abs(a), math.Abs(b)) }

// checkFit checks what holds for every plan with capacity.
func checkFit(t *rapid.T, in Input, plan Plan) {
	l, sent := loads(plan), 0.0
	for i, p := range plan.Tiers {
		if !(p.Shed >= 0 && p.Shed <= 1) || p.Fail && p.Shed != 0 {
			t.Errorf("%s: %v shed, fail %v", p.Tier, p.Shed, p.Fail)
		}
		for c := range in.Clouds {
			if left := room(in, l, i, c); l[i][c] > left+1e-6+1e-9*in.Clouds[c].capacity() {
				t.Errorf("%s sends %v to %s, which has room for %v", p.Tier, l[i][c], in.Clouds[c].Name, left)
			}
		}
		if !p.Fail {
			sent += p.Demand * (1 - p.Shed)
		}
	}
	counted := 0.0
	for c, p := range plan.Clouds {
		sum := 0.0
		for i := range l {
			sum += l[i][c]
		}
		counted += p.Load
		if !about(p.Load, sum) {
			t.Errorf("%s: load %v, its shares say %v", p.Cloud, p.Load, sum)
		}
		most := max(amount(in.Clouds[c].Capacity), amount(in.Clouds[c].Ceiling))
		if p.Capacity == 0 && (p.Desired != 0 || p.Utilization != 0) ||
			p.Capacity > 0 && (p.Desired < p.Load || p.Desired > most || !about(p.Utilization*p.Capacity, p.Load) || p.Utilization > 1+1e-9) {
			t.Errorf("%+v, ceiling %v", p, most)
		}
	}
	if !about(counted, sent) && plan.Clouds != nil {
		t.Errorf("clouds get %v, admitted are %v", counted, sent)
	}
}

func TestFitAlwaysHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := sizedInput(t, true)
		for i := range in.Tiers {
			in.Tiers[i].Reserve = min(in.Tiers[i].Reserve, 1) // checkFit takes it by its word
			if math.IsNaN(in.Tiers[i].Reserve) {
				in.Tiers[i].Reserve = 0
			}
		}
		plan := Compute(in)
		checkPlan(t, in, plan)
		checkFit(t, in, plan)
	})
}

// Values out of range give a plan as good as any.
func TestFitSurvivesNonsense(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := sizedInput(t, true)
		plan := Compute(in)
		checkPlan(t, in, plan)
		for _, c := range plan.Clouds {
			for _, x := range []float64{c.Demand, c.Load, c.Capacity, c.Utilization, c.Desired} {
				if !(x >= 0) || math.IsInf(x, 1) {
					t.Fatalf("%+v", c)
				}
			}
		}
	})
}

// without returns the input as if nothing were known of capacity.
func without(in Input) Input {
	in.Clouds = slices.Clone(in.Clouds)
	for i := range in.Clouds {
		in.Clouds[i].Capacity = 0
	}
	return in
}

// With nothing known of capacity, or of demand, the plan is what weights and
// health make of it, to the digit.
func TestFitChangesNothingUnknown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := sizedInput(t, true)
		silent, plain := in, without(in)
		silent.Demand, plain.Demand = nil, nil
		want := Compute(plain)
		if want.Clouds != nil {
			t.Error("without demand there is nothing to say of clouds")
		}
		if got := Compute(silent); !reflect.DeepEqual(got, want) {
			t.Errorf("no demand: got %v, want %v", got, want)
		}
		if got := Compute(without(in)); !got.Equal(want) {
			t.Errorf("no capacity: got %v, want %v", got, want)
		}
	})
}

// What is shed fits nowhere; what goes elsewhere had no room; what may not
// spill doesn't; no gate is overrun.
func TestFitSpillsAndShedsOnlyWhatItMust(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := sizedInput(t, false)
		plan, preferred := Compute(in), Compute(without(in))
		l := loads(plan)
		for i, p := range plan.Tiers {
			tier, exceptional := in.Tiers[i], p.exceptional()
			panics := slices.ContainsFunc(p.Shares, func(s Share) bool { return s.Reason == ReasonPanic })
			gated := func(c int) bool {
				return !panics && in.Clouds[c].State == health.Recovering && !in.Clouds[c].Held &&
					preferred.Tiers[i].Shares[c].Reason == ReasonRecovering
			}
			open := slices.ContainsFunc(preferred.Tiers[i].Shares, func(s Share) bool {
				return !s.excluded() && s.Reason != ReasonRecovering
			})
			full, spilt := false, false
			for c, s := range p.Shares {
				first := preferred.Tiers[i].Shares[c]
				want, left := p.Demand*first.Fraction, room(in, l, i+1, c)
				roomy := left > 1e-8*max(1, in.Clouds[c].capacity()) || math.IsInf(left, 1)
				more, less := l[i][c] > want+1e-8*max(1, p.Demand), l[i][c] < want-1e-8*max(1, p.Demand)
				full, spilt = full || less, spilt || more
				if less && roomy {
					t.Errorf("%s: %s gets %v of %v and has room for %v more", p.Tier, s.Cloud, l[i][c], want, left)
				}
				if more && (tier.Spill == sla.SpillNever || gated(c) && open && !tier.Protected || first.excluded()) {
					t.Errorf("%s: %s gets %v, its part is %v: %s, %s", p.Tier, s.Cloud, l[i][c], want, text(p), text(preferred.Tiers[i]))
				}
				if p.Shed > 1e-9 && roomy && tier.Spill != sla.SpillNever && !first.excluded() && !(gated(c) && open && !tier.Protected) {
					t.Errorf("%s: %v shed while %s has room for %v: %s", p.Tier, p.Shed, s.Cloud, left, text(p))
				}
				if !exceptional && (more && s.Reason != ReasonSpill || less && s.Reason != ReasonFull) {
					t.Errorf("%s: %s gets %v, its part is %v, reason %s", p.Tier, s.Cloud, l[i][c], want, s.Reason)
				}
				if more && gated(c) && open {
					for o, other := range preferred.Tiers[i].Shares {
						if other.excluded() || gated(o) {
							continue
						}
						if left := room(in, l, i+1, o); left > 1e-8*max(1, in.Clouds[o].capacity()) {
							t.Errorf("%s: the gate of %s was overrun while %s has room for %v", p.Tier, s.Cloud, other.Cloud, left)
						}
					}
				}
			}
			if (spilt || p.Shed*p.Demand > 1e-7*max(1, p.Demand)) && !full {
				t.Errorf("%s: nothing is full: %s, %v shed", p.Tier, text(p), p.Shed)
			}
		}
	})
}

// The plan of the first tiers is the same, to the digit, with any others after
// them.
func TestFitIsByTier(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := sizedInput(t, true)
		n := rapid.IntRange(1, len(in.Tiers)).Draw(t, "first")
		plan := Compute(in)
		in.Tiers, in.Demand = in.Tiers[:n], in.Demand[:min(n, len(in.Demand))]
		if few := Compute(in); !few.Equal(Plan{Tiers: plan.Tiers[:n]}) {
			t.Errorf("alone %v, with others %v", few.Tiers, plan.Tiers[:n])
		}
	})
}

func TestFitIgnoresOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := sizedInput(t, true)
		want := Compute(in)
		rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)).Shuffle(len(in.Clouds), func(i, j int) {
			in.Clouds[i], in.Clouds[j] = in.Clouds[j], in.Clouds[i]
		})
		if got := Compute(in); !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

// More capacity of any cloud sheds no more of any tier, and less demand of any
// tier no more of it or of those after it. The reason: each tier's loads at
// clouds that aren't full only shrink when others have more room. So as long as
// a cloud has room for the next tier, it has no less of it than before.
func TestFitIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := sizedInput(t, false)
		before := Compute(in)
		more := in
		more.Clouds, more.Demand = slices.Clone(in.Clouds), slices.Clone(in.Demand)
		for i := range more.Clouds {
			if c := &more.Clouds[i]; c.Capacity > 0 && rapid.Bool().Draw(t, "grows") {
				c.Capacity += calls(t, "growth")
			}
		}
		for i := range more.Demand {
			if rapid.Bool().Draw(t, "shrinks") {
				more.Demand[i] *= rapid.Float64Range(0.001, 1).Draw(t, "part")
			}
		}
		after := Compute(more)
		for i := range before.Tiers {
			if b, a := before.Tiers[i], after.Tiers[i]; a.Shed*a.Demand > b.Shed*b.Demand+1e-7 {
				t.Errorf("%s: shed %v before, %v with more: %v, %v", b.Tier, b.Shed, a.Shed, before, after)
			}
		}
	})
}

// Small changes of demand and capacity make small changes of loads: those of
// all tiers together by at most 3ⁿ − 1 times as much for n tiers. For a tier's
// loads change by no more than its demand and twice its room, and that of the
// next by no more than the capacity and the loads of all before it.
func TestFitIsContinuous(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := sizedInput(t, false)
		near := in
		near.Clouds, near.Demand = slices.Clone(in.Clouds), slices.Clone(in.Demand)
		changed := 0.0
		nudge := func(x *float64) {
			by := *x * rapid.Float64Range(-0.01, 0.01).Draw(t, "nudge")
			*x += by
			changed += math.Abs(by)
		}
		for i := range near.Clouds {
			nudge(&near.Clouds[i].Capacity)
		}
		for i := range near.Demand {
			nudge(&near.Demand[i])
		}
		a, b := Compute(in), Compute(near)
		moved, before := 0.0, loads(b)
		for i, row := range loads(a) {
			for c := range row {
				moved += math.Abs(row[c] - before[i][c])
			}
		}
		if most := (math.Pow(3, float64(len(in.Tiers))) - 1) * changed; moved > most+1e-6 {
			t.Errorf("changed by %v, loads moved by %v, at most %v: %v, %v", changed, moved, most, a, b)
		}
	})
}

// Where every cloud has what is desired of it, no more is shed than at the
// ceilings of all.
func TestDesiredIsEnough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := sizedInput(t, false)
		grown, desired := in, in
		grown.Clouds, desired.Clouds = slices.Clone(in.Clouds), slices.Clone(in.Clouds)
		for i, p := range Compute(in).Clouds {
			if in.Clouds[i].Capacity > 0 {
				grown.Clouds[i].Capacity = max(in.Clouds[i].Capacity, in.Clouds[i].Ceiling)
				desired.Clouds[i].Capacity = max(p.Desired, 1e-6) // 0 would be unknown
			}
		}
		want, got := Compute(grown), Compute(desired)
		for i := range want.Tiers {
			if w, g := want.Tiers[i], got.Tiers[i]; !about(w.Shed, g.Shed) {
				t.Errorf("%s: %v shed, at the ceilings %v: %s, %s", w.Tier, g.Shed, w.Shed, cloudText(got), cloudText(want))
			}
		}
	})
}
