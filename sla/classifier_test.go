package sla

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

var tiers = []Tier{{Name: "critical"}, {Name: "standard"}, {Name: "batch"}}

const (
	critical = iota
	standard
	batch
)

func newClassifier(t testing.TB, rules []Rule) *Classifier {
	t.Helper()
	c, err := NewClassifier(tiers, rules, "standard", LevelKey{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// pad adds rules that match nothing that a test asks for, so that there are
// enough for the memo.
func pad(rules []Rule) []Rule {
	rules = slices.Clone(rules)
	for i := range memoFrom {
		rules = append(rules, Rule{Product: fmt.Sprint("none ", i), Customer: "none", Method: "none", Tier: "batch"})
	}
	return rules
}

func TestTierOfCall(t *testing.T) {
	rules := []Rule{
		{Product: "dispatch", Method: "GET *", Tier: "critical"},
		{Customer: "partner-*", Method: "GET /v1/*", Tier: "batch"},
		{Customer: "partner-gold", Tier: "critical"}, // too late for GET /v1/
		{Product: "report*", Tier: "batch"},
	}
	background := context.Background()
	caller := func(product, customer string) context.Context {
		return WithCaller(background, Caller{product, customer})
	}
	for _, test := range []struct {
		name   string
		ctx    context.Context
		method string
		want   int
	}{
		{"nothing is known", background, "GET /v1/route", standard},
		{"context", WithTier(background, "batch"), "GET /v1/route", batch},
		{"context before rules", WithTier(caller("dispatch", ""), "batch"), "GET /v1/route", batch},
		{"unknown in context", WithTier(background, "gold"), "GET /v1/route", standard},
		{"unknown in context, then rules", WithTier(caller("dispatch", ""), "gold"), "GET /v1/route", critical},
		{"rule", caller("dispatch", "acme"), "GET /v1/route", critical},
		{"product matches, method does not", caller("dispatch", "acme"), "POST /v1/route", standard},
		{"case matters", caller("Dispatch", "acme"), "GET /v1/route", standard},
		{"star in customer", caller("", "partner-acme"), "GET /v1/route", batch},
		{"first match wins", caller("", "partner-gold"), "GET /v1/route", batch},
		{"a later rule", caller("", "partner-gold"), "GET /v2/route", critical},
		{"all else is anything", caller("reporting", "x"), "", batch},
		{"no rule matches", caller("", ""), "", standard},
	} {
		t.Run(test.name, func(t *testing.T) {
			for what, c := range map[string]*Classifier{
				"few rules": newClassifier(t, rules), "many rules": newClassifier(t, pad(rules)),
			} {
				for _, again := range []string{"first", "again"} {
					if got := c.Classify(test.ctx, test.method, 0, 0).Tier; got != test.want {
						t.Errorf("%s, %s: tier %d, want %d", what, again, got, test.want)
					}
				}
			}
		})
	}
}

func TestLevelOfCall(t *testing.T) {
	key := testKey(t, "secret")
	c, err := NewClassifier(tiers, nil, "standard", key)
	if err != nil {
		t.Fatal(err)
	}
	background := context.Background()
	acme := WithCaller(background, Caller{Product: "dispatch", Customer: "acme"})
	var anonymous, product [levels]int
	for i := range 10_000 {
		day, random := Day(i%7), uint64(i)*0x6a09e667f3bcc909
		want := Level(key, "acme", day)
		if got := c.Classify(acme, "GET", day, random).Level; got != want {
			t.Fatalf("day %d: level %d, want %d", day, got, want)
		}
		if got := c.Classify(WithTier(acme, "critical"), "GET", day, random).Level; got != want {
			t.Fatalf("day %d, with a tier: level %d, want %d", day, got, want)
		}
		own := uint8(random % levels)
		for _, ctx := range []context.Context{background, acme} {
			if got := c.Classify(WithLevel(ctx, own), "GET", day, random).Level; got != own {
				t.Fatalf("day %d, with a level: level %d, want %d", day, got, own)
			}
		}
		anonymous[c.Classify(background, "GET", day, random).Level]++
		product[c.Classify(WithCaller(background, Caller{Product: "dispatch"}), "GET", day, random).Level]++
	}
	wantUniform(t, "without a caller", &anonymous)
	wantUniform(t, "without a customer", &product)
}

func TestZeroClassifier(t *testing.T) {
	var c Classifier
	if got := c.Classify(WithTier(context.Background(), "gold"), "GET", 0, 0); got != (Class{}) {
		t.Errorf("got %+v, want the zero Class", got)
	}
	if got := c.Unknown(); !slices.Equal(got, []string{"gold"}) {
		t.Errorf("unknown tiers: %q", got)
	}
	if got := c.Tiers(); len(got) != 0 {
		t.Errorf("tiers: %q", got)
	}
}

func TestTiersOfClassifier(t *testing.T) {
	c := newClassifier(t, nil)
	names := c.Tiers()
	if want := []string{"critical", "standard", "batch"}; !slices.Equal(names, want) {
		t.Errorf("tiers: %q, want %q", names, want)
	}
	names[critical] = "changed"
	if got := c.Classify(WithTier(context.Background(), "critical"), "", 0, 0).Tier; got != critical {
		t.Errorf("the list reaches into the classifier: tier %d", got)
	}
}

func TestNewClassifierFaults(t *testing.T) {
	for _, test := range []struct {
		name     string
		tiers    []Tier
		rules    []Rule
		fallback string
		want     string
	}{
		{"no tiers", nil, nil, "", `sla: fallback: no tier is named ""`},
		{"unknown fallback", tiers, nil, "gold", `sla: fallback: no tier is named "gold"`},
		{"all at once", tiers, []Rule{{Tier: "batch"}, {Tier: "bulk"}, {}}, "gold",
			"sla: rule 1: no tier is named \"bulk\"\nsla: rule 2: no tier is named \"\"\nsla: fallback: no tier is named \"gold\""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := NewClassifier(test.tiers, test.rules, test.fallback, LevelKey{})
			if c != nil || err == nil || err.Error() != test.want {
				t.Errorf("got %v, %v, want %s", c, err, test.want)
			}
		})
	}
}

func TestUnknownTiersAreListed(t *testing.T) {
	c := newClassifier(t, nil)
	for _, tier := range []string{"silver", "critical", "gold", "silver", ""} {
		c.Classify(WithTier(context.Background(), tier), "GET", 0, 0)
	}
	if got, want := c.Unknown(), []string{"gold", "silver"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestClassifyFromManyGoroutines(t *testing.T) {
	c := newClassifier(t, pad([]Rule{{Customer: "*7", Tier: "critical"}}))
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				customer := fmt.Sprint(i)
				want := standard
				if strings.HasSuffix(customer, "7") {
					want = critical
				}
				ctx := WithCaller(context.Background(), Caller{Customer: customer})
				if i%100 == g {
					ctx = WithTier(ctx, fmt.Sprint("unknown ", i))
				}
				if got := c.Classify(ctx, "GET", 0, 0).Tier; got != want {
					t.Errorf("tier of customer %s: %d, want %d", customer, got, want)
				}
			}
		})
	}
	wg.Wait()
}

func TestClassifyAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	rules := []Rule{{Product: "dispatch", Customer: "partner-*", Method: "GET /v1/*", Tier: "critical"}}
	few, many := newClassifier(t, rules), newClassifier(t, pad(rules))
	background := context.Background()
	caller := WithCaller(background, Caller{"dispatch", "partner-acme"})
	for _, test := range []struct {
		name string
		c    *Classifier
		ctx  context.Context
	}{
		{"nothing known", few, background},
		{"tier", many, WithTier(background, "critical")},
		{"tier and customer", many, WithTier(caller, "critical")},
		{"unknown tier", few, WithTier(background, "gold")},
		{"few rules", few, caller},
		{"many rules, remembered", many, caller},
	} {
		// The first of AllocsPerRun's calls warms the memo and isn't counted.
		got := testing.AllocsPerRun(100, func() { test.c.Classify(test.ctx, "GET /v1/route", 20_000, 1) })
		if got != 0 {
			t.Errorf("%s: %v allocations", test.name, got)
		}
	}
}
