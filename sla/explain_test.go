package sla

import (
	"context"
	"testing"

	"pgregory.net/rapid"
)

func TestExplain(t *testing.T) {
	c := newClassifier(t, []Rule{
		{Product: "dispatch", Tier: "critical"},
		{Customer: "partner-*", Tier: "batch"},
	})
	background := context.Background()
	for _, test := range []struct {
		name string
		ctx  context.Context
		tier int
		want Reasons
	}{
		{"nothing", background, standard, Reasons{ByDefault, -1, "", ByChance}},
		{"context", WithTier(background, "batch"), batch, Reasons{ByContext, -1, "", ByChance}},
		{"first rule", WithCaller(background, Caller{Product: "dispatch"}), critical, Reasons{ByRule, 0, "", ByChance}},
		{"second rule", WithCaller(background, Caller{Customer: "partner-a"}), batch, Reasons{ByRule, 1, "", ByCustomer}},
		{"unknown", WithTier(background, "gold"), standard, Reasons{ByDefault, -1, "gold", ByChance}},
		{"level", WithLevel(WithCaller(background, Caller{Customer: "x"}), 9), standard, Reasons{ByDefault, -1, "", ByContext}},
	} {
		class, why := c.Explain(test.ctx, "GET /", 0, 0)
		if class.Tier != test.tier || why != test.want {
			t.Errorf("%s: tier %d, %+v; want %d, %+v", test.name, class.Tier, why, test.tier, test.want)
		}
	}
	if names := c.Unknown(); len(names) > 0 {
		t.Errorf("asking left the unknown tiers %q", names)
	}
}

// What is explained is what happens, whatever the call.
func TestExplainAgreesWithClassify(t *testing.T) {
	word := rapid.SampledFrom([]string{"", "a", "b", "ab", "critical", "standard", "batch", "gold"})
	pattern := rapid.SampledFrom([]string{"", "*", "a*", "b", "*b"})
	rapid.Check(t, func(t *rapid.T) {
		rules := make([]Rule, rapid.SampledFrom([]int{0, 3, 20}).Draw(t, "rules"))
		for i := range rules {
			rules[i] = Rule{
				Product: pattern.Draw(t, "product"), Customer: pattern.Draw(t, "customer"), Method: pattern.Draw(t, "method"),
				Tier: tiers[rapid.IntRange(0, 2).Draw(t, "tier")].Name,
			}
		}
		c, err := NewClassifier(tiers, rules, "standard", LevelKey{}, Contract{Name: "ab", Product: "a", Customer: "b"})
		if err != nil {
			t.Fatal(err)
		}
		ctx := WithCaller(context.Background(), Caller{word.Draw(t, "product"), word.Draw(t, "customer")})
		ctx = WithTier(ctx, word.Draw(t, "tier"))
		method, random := word.Draw(t, "method"), rapid.Uint64().Draw(t, "random")
		day := Day(rapid.IntRange(0, 3).Draw(t, "day"))
		got, why := c.Explain(ctx, method, day, random)
		if want := c.Classify(ctx, method, day, random); got != want {
			t.Fatalf("explained %+v, classified %+v", got, want)
		}
		if why.Rule >= 0 && c.rules[why.Rule].tier != got.Tier {
			t.Fatalf("rule %d gives tier %d, not %d", why.Rule, c.rules[why.Rule].tier, got.Tier)
		}
	})
}
