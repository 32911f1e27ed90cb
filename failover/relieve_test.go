package failover

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/fairlead-go/fairlead/sla"
)

// offered returns a plan of one tier of which so much is offered.
func offered(demand, shed float64, capacities []float64, shares ...Share) Plan {
	p := one(shares...)
	p.Tiers[0].Demand, p.Tiers[0].Shed = demand, shed
	for i, s := range shares {
		p.Clouds = append(p.Clouds, CloudPlan{Cloud: s.Cloud, Capacity: capacities[i]})
	}
	return p
}

func TestLimitSpills(t *testing.T) {
	halves := one(Share{"a", 0.5, ReasonWeights}, Share{"b", 0.5, ReasonWeights})
	for _, tt := range []struct {
		name           string
		previous, want Plan
		elapsed        time.Duration
		result         string
	}{
		{name: "out of a full cloud", previous: halves,
			want:   one(Share{"a", 0.2, ReasonFull}, Share{"b", 0.8, ReasonSpill}),
			result: "a 20 full, b 80 spill"},
		{name: "a full cloud that may have more", elapsed: time.Second,
			previous: one(Share{"a", 0.2, ReasonFull}, Share{"b", 0.8, ReasonSpill}),
			want:     one(Share{"a", 0.4, ReasonFull}, Share{"b", 0.6, ReasonSpill}),
			result:   "a 30 full, b 70 spill"},
		{name: "the way back", elapsed: time.Second,
			previous: one(Share{"a", 0.2, ReasonFull}, Share{"b", 0.8, ReasonSpill}),
			want:     halves,
			result:   "a 30 weights, b 70 weights"},
		{name: "what is freed is shared out", elapsed: 0,
			// a gives up 0.3; b misses 0.4, c 0.2, d gives up its 0.3 slowly.
			previous: one(Share{"a", 0.5, ReasonWeights}, Share{"b", 0.1, ReasonWeights}, Share{"c", 0, ReasonWeights}, Share{"d", 0.4, ReasonWeights}),
			want:     one(Share{"a", 0.2, ReasonFull}, Share{"b", 0.5, ReasonSpill}, Share{"c", 0.2, ReasonSpill}, Share{"d", 0.1, ReasonWeights}),
			result:   "a 20 full, b 30 spill, c 10 spill, d 40 weights"},
		{name: "shedding begins", elapsed: 0, previous: halves,
			want:   offered(100, 0.6, []float64{20, 20}, Share{"a", 0.5, ReasonFull}, Share{"b", 0.5, ReasonFull}),
			result: "a 50 full, b 50 full"},

		{name: "a capacity shrinks on the way back", elapsed: 0,
			// b may have 700 of 1,000 now, and 500 in the end.
			previous: one(Share{"a", 0.2, ReasonFull}, Share{"b", 0.8, ReasonSpill}),
			want:     offered(1000, 0, []float64{900, 700}, Share{"a", 0.5, ReasonWeights}, Share{"b", 0.5, ReasonWeights}),
			result:   "a 30 weights, b 70 weights"},
		{name: "no further than it takes, nor less far than the slope", elapsed: time.Second,
			previous: one(Share{"a", 0.2, ReasonFull}, Share{"b", 0.8, ReasonSpill}),
			want:     offered(1000, 0, []float64{900, 750}, Share{"a", 0.5, ReasonWeights}, Share{"b", 0.5, ReasonWeights}),
			result:   "a 30 weights, b 70 weights"},
		{name: "what isn't shed any more has to go somewhere", elapsed: 0,
			previous: offered(1000, 0.3, []float64{0, 700}, Share{"a", 0, ReasonFull}, Share{"b", 1, ReasonSpill}),
			want:     offered(1000, 0, []float64{900, 700}, Share{"a", 0.5, ReasonWeights}, Share{"b", 0.5, ReasonWeights}),
			result:   "a 30 weights, b 70 weights"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Limit(tt.previous, tt.want, tt.elapsed, 0.1).Tiers[0]
			if s := text(got); s != tt.result {
				t.Errorf("got  %s\nwant %s", s, tt.result)
			}
			if got.Shed != tt.want.Tiers[0].Shed || got.Demand != tt.want.Tiers[0].Demand {
				t.Errorf("%v shed of %v, want %v of %v at once", got.Shed, got.Demand, tt.want.Tiers[0].Shed, tt.want.Tiers[0].Demand)
			}
		})
	}
}

// The cloud that is relieved fills another, which a second tier then leaves
// faster, and nothing but that.
func TestLimitRelievesInTurn(t *testing.T) {
	want := Plan{
		Tiers: []TierPlan{
			{Tier: "x", Demand: 1000, Shares: []Share{{"a", 0.5, ReasonWeights}, {"b", 0.5, ReasonWeights}, {"c", 0, ReasonWeights}}},
			{Tier: "y", Demand: 1000, Shares: []Share{{"a", 0, ReasonWeights}, {"b", 0.5, ReasonWeights}, {"c", 0.5, ReasonWeights}}},
			{Tier: "z", Demand: 100, Shares: []Share{{"a", 0, ReasonWeights}, {"b", 0, ReasonWeights}, {"c", 1, ReasonWeights}}},
		},
		Clouds: []CloudPlan{{Cloud: "a", Capacity: 700, Desired: 500}, {Cloud: "b", Capacity: 1000, Desired: 1000}, {Cloud: "c", Capacity: 5000, Desired: 600}},
	}
	previous := Plan{Tiers: []TierPlan{
		{Tier: "x", Shares: []Share{{"a", 0.9, ReasonWeights}, {"b", 0.1, ReasonWeights}, {"c", 0, ReasonWeights}}},
		{Tier: "y", Shares: []Share{{"a", 0, ReasonWeights}, {"b", 0.9, ReasonWeights}, {"c", 0.1, ReasonWeights}}},
		{Tier: "z", Shares: []Share{{"a", 0, ReasonWeights}, {"b", 0, ReasonWeights}, {"c", 1, ReasonWeights}}},
	}}
	got := Limit(previous, want, 0, 0.1)
	// x must give up 200 at a, and b has room for none of it but for what y gives up.
	for i, line := range []string{"a 70 weights, b 30 weights, c 0 weights", "a 0 weights, b 70 weights, c 30 weights", "a 0 weights, b 0 weights, c 100 weights"} {
		if s := text(got.Tiers[i]); s != line {
			t.Errorf("got  %s\nwant %s", s, line)
		}
	}
	if got, want := cloudText(got), "a demand 0 load 700 (100 %) desired 700; b demand 0 load 1000 (100 %) desired 1000; c demand 0 load 400 (8 %) desired 600"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// x is on its way from a to b, y from b to c and z from c to a, each cloud full:
// whatever one gives up the next has too much, round and round. That ends, too.
func TestLimitEndsChases(t *testing.T) {
	tier := func(name string, demand float64, fractions ...float64) TierPlan {
		p := TierPlan{Tier: name, Demand: demand}
		for i, f := range fractions {
			p.Shares = append(p.Shares, Share{string(rune('a' + i)), f, ReasonWeights})
		}
		return p
	}
	previous := Plan{Tiers: []TierPlan{
		tier("x", 1000, 1, 0, 0, 0), tier("y", 1000, 0, 1, 0, 0), tier("z", 1000, 0, 0, 1, 0), tier("rest", 100, 1, 0, 0, 0),
	}}
	want := Plan{
		Tiers: []TierPlan{
			tier("x", 1000, 0, 1, 0, 0), tier("y", 1000, 0, 0, 1, 0), tier("z", 1000, 1, 0, 0, 0), tier("rest", 100, 0, 0, 0, 1),
		},
		Clouds: []CloudPlan{{Cloud: "a", Capacity: 1000}, {Cloud: "b", Capacity: 1000}, {Cloud: "c", Capacity: 1000}, {Cloud: "d", Capacity: 1000}},
	}
	plan := Limit(previous, want, 0, 0.1)
	for _, c := range plan.Clouds {
		if c.Load > c.Capacity*(1+2*crowded) {
			t.Errorf("%s gets %v", c.Cloud, c.Load)
		}
	}
	if sum := plan.Clouds[0].Load + plan.Clouds[1].Load + plan.Clouds[2].Load + plan.Clouds[3].Load; !about(sum, 3100) {
		t.Errorf("%v calls/s go somewhere, want 3100", sum)
	}
}

// anew draws an input of which demand, capacities and states differ.
func anew(t *rapid.T, in Input) Input {
	in = next(t, in)
	for i := range in.Clouds {
		if rapid.Bool().Draw(t, "resize") {
			in.Clouds[i].Capacity, in.Clouds[i].Ceiling = calls(t, "capacity"), calls(t, "ceiling")
		}
	}
	in.Demand = slices.Clone(in.Demand)
	for i := range in.Demand {
		if rapid.Bool().Draw(t, "other demand") {
			in.Demand[i] = calls(t, "demand")
		}
	}
	return in
}

// Along any history of states, capacities and demands no plan in force sends a
// cloud more than it can carry, and nothing moves faster than the slope but
// what is exempt.
func TestLimitNeverOverloads(t *testing.T) {
	const slope, elapsed = 0.1, 50 * time.Millisecond
	rapid.Check(t, func(t *rapid.T) {
		in := sizedInput(t, false)
		plan := Compute(in)
		for range 20 {
			if rapid.IntRange(0, 2).Draw(t, "event") == 0 {
				in = anew(t, in)
			}
			want := Compute(in)
			now := Limit(plan, want, elapsed, slope)
			checkPlan(t, in, now)
			for c, p := range now.Clouds {
				if sum := load(now.Tiers, p.Cloud); !about(sum, p.Load) || p.Capacity > 0 && (!about(p.Utilization, p.Load/p.Capacity) || p.Desired < p.Load*(1-1e-8)) {
					t.Errorf("%+v, its shares say %v", p, sum)
				}
				if p.Capacity > 0 && p.Load > p.Capacity*(1+1e-6) {
					t.Errorf("%s gets %v and can carry %v; wanted is %v", p.Cloud, p.Load, p.Capacity, want.Clouds[c].Load)
				}
			}
			checkHurry(t, plan, want, now, slope*elapsed.Seconds())
			plan = now
		}
		want := Compute(in)
		for range 12 { // a whole share at 10 points a second, and 2 s more
			plan = Limit(plan, want, time.Second, slope)
		}
		if !plan.Equal(want) || !slices.Equal(plan.Clouds, want.Clouds) {
			t.Errorf("after 12 s: %v, want %v", plan, want)
		}
	})
}

// checkHurry checks that tiers go faster than the slope only where clouds
// would be overloaded otherwise, and never past their target.
func checkHurry(t *rapid.T, previous, want, now Plan, step float64) {
	unhurried := Plan{Tiers: slices.Clone(want.Tiers)}
	for i, w := range want.Tiers {
		if p := previous.Tiers[i]; !p.exceptional() && !w.exceptional() {
			unhurried.Tiers[i].Shares, _ = limitShares(p, w.Shares, step)
		}
	}
	overloaded := slices.ContainsFunc(want.Clouds, func(c CloudPlan) bool {
		return c.Capacity > 0 && load(unhurried.Tiers, c.Cloud) > c.Capacity*(1+crowded)
	})
	if !overloaded && !now.Equal(unhurried) {
		t.Errorf("hurry without need: got %v, want %v", now, unhurried)
	}
	for i, w := range want.Tiers {
		if n := now.Tiers[i]; n.Shed != w.Shed || n.Demand != w.Demand {
			t.Errorf("%s: %v shed of %v, want %v of %v", n.Tier, n.Shed, n.Demand, w.Shed, w.Demand)
		}
		for c := range w.Shares {
			from, to, at := unhurried.Tiers[i].Shares[c].Fraction, w.Shares[c].Fraction, now.Tiers[i].Shares[c].Fraction
			if at > max(from, to)+1e-9 || at < min(from, to)-1e-9 {
				t.Errorf("%s: %s is at %v, on its way from %v to %v", w.Tier, w.Shares[c].Cloud, at, from, to)
			}
			if fell := previous.Tiers[i].fraction(w.Shares[c].Cloud) - from; !w.exceptional() && !previous.Tiers[i].exceptional() &&
				fell > step+1e-8 && !w.Shares[c].excluded() && w.Shares[c].Reason != ReasonFull {
				t.Errorf("%s: %s fell by %v, reason %s", w.Tier, w.Shares[c].Cloud, fell, w.Shares[c].Reason)
			}
		}
	}
}

// A client's estimate of its demand is never the same twice. With a demand that
// is all but the capacity, the shares in force move by no more than the
// estimate does.
func TestLimitFollowsNoiseCalmly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := Input{
			Clouds: []Cloud{sized(healthy("a", 70), 700), sized(healthy("b", 30), 2000)},
			Tiers:  []sla.Tier{{Name: "critical", Protected: true}, {Name: "standard"}},
		}
		noise := rapid.Float64Range(0, 0.05).Draw(t, "noise")
		var plan Plan
		for i := range 60 {
			by := 1 + noise*rapid.Float64Range(-1, 1).Draw(t, "by")
			in.Demand = []float64{300 * by, 700 * by} // 700 for a, ± noise
			last := plan
			plan = Limit(plan, Compute(in), time.Second, 0.1)
			if i == 0 {
				continue
			}
			for tier, p := range plan.Tiers {
				for c, s := range p.Shares {
					// 700 × by − 210 is what fits of standard: 70 points ÷ 0.7, less those of critical.
					if moved := math.Abs(s.Fraction - last.Tiers[tier].Shares[c].Fraction); moved > 2*noise+1e-9 {
						t.Errorf("noise %v moves %s of %s by %v", noise, p.Tier, s.Cloud, moved)
					}
				}
			}
		}
	})
}

func BenchmarkLimit(b *testing.B) {
	in := ten(1500)
	want := Compute(in)
	in.Clouds[2] = down(in.Clouds[2])
	lost := Compute(in)
	b.Run("capacity", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Limit(lost, want, time.Millisecond, 0.1)
		}
	})
	plain := Compute(without(Input{Clouds: in.Clouds, Tiers: in.Tiers}))
	in.Clouds[2].State = 0
	back := Compute(without(Input{Clouds: in.Clouds, Tiers: in.Tiers}))
	b.Run("unknown", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Limit(plain, back, time.Millisecond, 0.1)
		}
	})
}
