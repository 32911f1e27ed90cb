package failover

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// one returns a plan of one tier.
func one(shares ...Share) Plan { return Plan{Tiers: []TierPlan{{Tier: "t", Shares: shares}}} }

func TestLimit(t *testing.T) {
	failing := one(Share{"a", 0, ReasonPanic}, Share{"b", 0, ReasonPanic})
	failing.Tiers[0].Fail = true
	for _, tt := range []struct {
		name           string
		previous, want Plan
		elapsed        time.Duration
		result         string
	}{
		{name: "first plan", elapsed: 0,
			want:   one(Share{"a", 0.7, ReasonWeights}, Share{"b", 0.3, ReasonWeights}),
			result: "a 70 weights, b 30 weights"},
		{name: "slope", elapsed: time.Second,
			previous: one(Share{"a", 0, ReasonRecovering}, Share{"b", 1, ReasonWeights}),
			want:     one(Share{"a", 0.7, ReasonWeights}, Share{"b", 0.3, ReasonWeights}),
			result:   "a 10 weights, b 90 weights"},
		{name: "arrival", elapsed: time.Second,
			previous: one(Share{"a", 0.65, ReasonWeights}, Share{"b", 0.35, ReasonWeights}),
			want:     one(Share{"a", 0.7, ReasonWeights}, Share{"b", 0.3, ReasonWeights}),
			result:   "a 70 weights, b 30 weights"},
		{name: "no time", elapsed: 0,
			previous: one(Share{"a", 0.5, ReasonWeights}, Share{"b", 0.5, ReasonWeights}),
			want:     one(Share{"a", 0.7, ReasonWeights}, Share{"b", 0.3, ReasonWeights}),
			result:   "a 50 weights, b 50 weights"},
		{name: "time runs backwards", elapsed: -time.Second,
			previous: one(Share{"a", 0.5, ReasonWeights}, Share{"b", 0.5, ReasonWeights}),
			want:     one(Share{"a", 0.7, ReasonWeights}, Share{"b", 0.3, ReasonWeights}),
			result:   "a 50 weights, b 50 weights"},
		{name: "loss", elapsed: time.Millisecond,
			previous: one(Share{"a", 0.5, ReasonWeights}, Share{"b", 0.3, ReasonWeights}, Share{"c", 0.2, ReasonWeights}),
			want:     one(Share{"a", 0, ReasonDown}, Share{"b", 0.6, ReasonWeights}, Share{"c", 0.4, ReasonWeights}),
			result:   "a 0 down, b 60 weights, c 40 weights"},
		{name: "drain", elapsed: 0,
			previous: one(Share{"a", 0.5, ReasonWeights}, Share{"b", 0.5, ReasonWeights}),
			want:     one(Share{"a", 0, ReasonDrained}, Share{"b", 1, ReasonWeights}),
			result:   "a 0 drained, b 100 weights"},
		{name: "residency", elapsed: 0,
			previous: one(Share{"a", 0.5, ReasonWeights}, Share{"b", 0.5, ReasonWeights}),
			want:     one(Share{"a", 0, ReasonResidency}, Share{"b", 1, ReasonWeights}),
			result:   "a 0 residency, b 100 weights"},
		{name: "loss during a way back", elapsed: 0,
			// a misses 0.5 of 0.6, c 0.1: they get what b had in that proportion.
			previous: one(Share{"a", 0.1, ReasonWeights}, Share{"b", 0.6, ReasonWeights}, Share{"c", 0.3, ReasonWeights}),
			want:     one(Share{"a", 0.6, ReasonWeights}, Share{"b", 0, ReasonDown}, Share{"c", 0.4, ReasonWeights}),
			result:   "a 60 weights, b 0 down, c 40 weights"},
		{name: "loss beside a move", elapsed: 0,
			// d has more than it should and gives it up slowly.
			previous: one(Share{"a", 0.1, ReasonWeights}, Share{"b", 0.2, ReasonWeights}, Share{"c", 0, ReasonWeights}, Share{"d", 0.7, ReasonWeights}),
			want:     one(Share{"a", 0.4, ReasonWeights}, Share{"b", 0, ReasonDown}, Share{"c", 0.1, ReasonWeights}, Share{"d", 0.5, ReasonWeights}),
			result:   "a 25 weights, b 0 down, c 5 weights, d 70 weights"},
		{name: "loss beside a gate", elapsed: 0,
			previous: one(Share{"a", 0.009, ReasonRecovering}, Share{"b", 0.5, ReasonWeights}, Share{"c", 0.491, ReasonWeights}),
			want:     one(Share{"a", 0.009, ReasonRecovering}, Share{"b", 0, ReasonDown}, Share{"c", 0.991, ReasonWeights}),
			result:   "a 0.9 recovering, b 0 down, c 99.1 weights"},
		{name: "cloud removed", elapsed: 0,
			previous: one(Share{"a", 0.5, ReasonWeights}, Share{"b", 0.5, ReasonWeights}),
			want:     one(Share{"b", 1, ReasonWeights}),
			result:   "b 100 weights"},
		{name: "cloud added", elapsed: 500 * time.Millisecond,
			previous: one(Share{"b", 1, ReasonWeights}),
			want:     one(Share{"a", 0.5, ReasonWeights}, Share{"b", 0.5, ReasonWeights}),
			result:   "a 5 weights, b 95 weights"},
		{name: "all clouds replaced", elapsed: 0,
			previous: one(Share{"a", 0.5, ReasonWeights}, Share{"b", 0.5, ReasonWeights}),
			want:     one(Share{"c", 0.5, ReasonWeights}, Share{"d", 0.5, ReasonWeights}),
			result:   "c 50 weights, d 50 weights"},
		{name: "into panic", elapsed: 0,
			previous: one(Share{"a", 0, ReasonDown}, Share{"b", 1, ReasonWeights}),
			want:     one(Share{"a", 0.7, ReasonPanic}, Share{"b", 0.3, ReasonPanic}),
			result:   "a 70 panic, b 30 panic"},
		{name: "out of panic: the first that recovers gets everything", elapsed: 0,
			previous: one(Share{"a", 0.7, ReasonPanic}, Share{"b", 0.3, ReasonPanic}),
			want:     one(Share{"a", 0, ReasonDown}, Share{"b", 1, ReasonRecovering}),
			result:   "a 0 down, b 100 recovering"},
		{name: "out of panic into a gate", elapsed: 0,
			previous: one(Share{"a", 0.5, ReasonPanic}, Share{"b", 0.5, ReasonPanic}),
			want:     one(Share{"a", 0.01, ReasonRecovering}, Share{"b", 0.99, ReasonWeights}),
			result:   "a 1 recovering, b 99 weights"},
		{name: "into failing", elapsed: 0,
			previous: one(Share{"a", 0.5, ReasonWeights}, Share{"b", 0.5, ReasonWeights}),
			want:     failing,
			result:   "a 0 panic, b 0 panic: fail"},
		{name: "out of failing", elapsed: 0,
			previous: failing,
			want:     one(Share{"a", 1, ReasonRecovering}, Share{"b", 0, ReasonDown}),
			result:   "a 100 recovering, b 0 down"},
		{name: "into a hold", elapsed: 0,
			previous: one(Share{"a", 0, ReasonDown}, Share{"b", 1, ReasonWeights}),
			want:     one(Share{"a", 0.7, ReasonHeld}, Share{"b", 0.3, ReasonHeld}),
			result:   "a 70 held, b 30 held"},
		{name: "out of a hold", elapsed: 0,
			previous: one(Share{"a", 0.7, ReasonHeld}, Share{"b", 0.3, ReasonHeld}),
			want:     one(Share{"a", 0.01, ReasonRecovering}, Share{"b", 0.99, ReasonWeights}),
			result:   "a 1 recovering, b 99 weights"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := text(Limit(tt.previous, tt.want, tt.elapsed, 0.1).Tiers[0]); got != tt.result {
				t.Errorf("got  %s\nwant %s", got, tt.result)
			}
		})
	}
}

func TestLimitMatchesTiersByName(t *testing.T) {
	shares := func(a float64) []Share {
		return []Share{{"a", a, ReasonWeights}, {"b", 1 - a, ReasonWeights}}
	}
	previous := Plan{Tiers: []TierPlan{{Tier: "x", Shares: shares(0.2)}, {Tier: "y", Shares: shares(0.8)}}}
	want := Plan{Tiers: []TierPlan{{Tier: "y", Shares: shares(0.5)}, {Tier: "z", Shares: shares(0.5)}, {Tier: "x", Shares: shares(0.5)}}}
	got := Limit(previous, want, time.Second, 0.1)
	for i, part := range []float64{0.7, 0.5, 0.3} {
		if a := got.Tiers[i].Shares[0].Fraction; math.Abs(a-part) > 1e-12 || got.Tiers[i].Tier != want.Tiers[i].Tier {
			t.Errorf("tier %s: share %v, want %v", got.Tiers[i].Tier, a, part)
		}
	}
}

// next draws an input that differs from in as the state of clouds may.
func next(t *rapid.T, in Input) Input {
	other := anyInput(t)
	out := in
	out.Clouds = slices.Clone(in.Clouds)
	for i := range out.Clouds {
		if i < len(other.Clouds) && rapid.Bool().Draw(t, "changes") {
			name, weight := out.Clouds[i].Name, out.Clouds[i].Weight
			out.Clouds[i] = other.Clouds[i]
			out.Clouds[i].Name, out.Clouds[i].Weight = name, weight
		}
	}
	return out
}

// Along any history of states, every plan in force is a valid plan, and no
// share moves faster than the slope or past its target unless it is exempt.
func TestLimitAlwaysHolds(t *testing.T) {
	const slope, elapsed = 0.1, 50 * time.Millisecond
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput(t)
		plan := Limit(Plan{}, Compute(in), 0, slope)
		checkPlan(t, in, plan)
		for range 20 {
			if rapid.IntRange(0, 3).Draw(t, "event") == 0 {
				in = next(t, in)
			}
			want := Compute(in)
			now := Limit(plan, want, elapsed, slope)
			checkPlan(t, in, now)
			for i, p := range plan.Tiers {
				w, n := want.Tiers[i], now.Tiers[i]
				if w.Fail || p.Fail || exempt(w) || exempt(p) {
					if !slices.Equal(n.Shares, w.Shares) {
						t.Errorf("not at once: %s, want %s", text(n), text(w))
					}
					continue
				}
				checkMove(t, p, w, n, slope*elapsed.Seconds())
			}
			plan = now
		}
		// Left alone, it arrives.
		want := Compute(in)
		for range 250 { // a whole share at 10 points a second, and 2.5 s more
			plan = Limit(plan, want, elapsed, slope)
		}
		if !plan.Equal(want) {
			t.Errorf("after 12.5 s: %v, want %v", plan, want)
		}
	})
}

func exempt(p TierPlan) bool {
	for _, s := range p.Shares {
		if s.Reason == ReasonPanic || s.Reason == ReasonHeld {
			return true
		}
	}
	return false
}

func checkMove(t *rapid.T, previous, want, now TierPlan, step float64) {
	const tolerance = 1e-8
	lost := 0.0 // what clouds had that may have nothing
	for i, w := range want.Shares {
		if w.Reason == ReasonDown || w.Reason == ReasonDrained || w.Reason == ReasonResidency {
			lost += previous.Shares[i].Fraction
			if now.Shares[i].Fraction != 0 {
				t.Errorf("%s is %s and keeps %v", w.Cloud, w.Reason, now.Shares[i].Fraction)
			}
		}
	}
	for i, w := range want.Shares {
		before, after := previous.Shares[i].Fraction, now.Shares[i].Fraction
		if w.excluded() {
			continue
		}
		if after-before > lost+step+tolerance || before-after > step+tolerance {
			t.Errorf("%s moved from %v to %v, with %v lost elsewhere", w.Cloud, before, after, lost)
		}
		if after > max(before, w.Fraction)+tolerance || after < min(before, w.Fraction)-tolerance {
			t.Errorf("%s moved from %v to %v, away from or past %v", w.Cloud, before, after, w.Fraction)
		}
		if now.Shares[i].Reason != w.Reason {
			t.Errorf("%s: reason %s, want %s", w.Cloud, now.Shares[i].Reason, w.Reason)
		}
	}
}

func TestPlanEqual(t *testing.T) {
	plan := func() Plan { return one(Share{"a", 0.5, ReasonWeights}, Share{"b", 0.5, ReasonWeights}) }
	if !plan().Equal(plan()) || !(Plan{}).Equal(Plan{}) {
		t.Error("equal plans aren't")
	}
	for name, change := range map[string]func(*Plan){
		"tier":     func(p *Plan) { p.Tiers[0].Tier = "other" },
		"fail":     func(p *Plan) { p.Tiers[0].Fail = true },
		"fraction": func(p *Plan) { p.Tiers[0].Shares[0].Fraction += 1e-12 },
		"reason":   func(p *Plan) { p.Tiers[0].Shares[0].Reason = ReasonDegraded },
		"shed":     func(p *Plan) { p.Tiers[0].Shed = 0.1 },
		"clouds":   func(p *Plan) { p.Tiers[0].Shares = p.Tiers[0].Shares[:1] },
		"tiers":    func(p *Plan) { p.Tiers = nil },
	} {
		other := plan()
		if change(&other); other.Equal(plan()) {
			t.Errorf("plans that differ by %s are equal", name)
		}
	}
	other := plan()
	other.Tiers[0].Demand, other.Clouds = 100, []CloudPlan{{Cloud: "a", Load: 50}}
	if !other.Equal(plan()) {
		t.Error("an estimate of demand makes another plan")
	}
}
