package sla

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

// Whatever the memo remembers is what the rules say.
func TestMemoAgreesWithRules(t *testing.T) {
	text := rapid.StringMatching(`[ab]{0,3}`)
	pattern := rapid.StringMatching(`[ab*]{0,3}`)
	rapid.Check(t, func(t *rapid.T) {
		rules := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Rule {
			return Rule{
				Product:  pattern.Draw(t, "product"),
				Customer: pattern.Draw(t, "customer"),
				Method:   pattern.Draw(t, "method"),
				Tier:     rapid.SampledFrom(tiers).Draw(t, "tier").Name,
			}
		}), memoFrom, memoFrom+4).Draw(t, "rules")
		c, err := NewClassifier(tiers, rules, "standard", LevelKey{})
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			caller := Caller{text.Draw(t, "product"), text.Draw(t, "customer")}
			method := text.Draw(t, "method")
			got := c.Classify(WithCaller(context.Background(), caller), method, 0, 0).Tier
			if want := c.match(caller, method); got != want {
				t.Fatalf("%+v %q: tier %d, want %d", caller, method, got, want)
			}
		}
	})
}

func TestMemoIsAskedOnlyWhereItPays(t *testing.T) {
	ctx := WithCaller(context.Background(), Caller{"dispatch", "acme"})
	few := newClassifier(t, pad(nil)[1:])
	if few.memo != nil {
		t.Errorf("there is a memo for %d rules", len(few.rules))
	}
	many := newClassifier(t, pad(nil))
	if many.memo == nil {
		t.Fatalf("there is no memo for %d rules", len(many.rules))
	}
	// Touching a cache that is nil panics.
	many.memo.cache = nil
	many.Classify(WithTier(ctx, "critical"), "GET", 0, 0)
	long := WithCaller(ctx, Caller{"dispatch", strings.Repeat("x", memoLength)})
	many.Classify(long, "GET", 0, 0)
}

func TestMemoIsBounded(t *testing.T) {
	c := newClassifier(t, pad(nil))
	for i := range 2 * memoSize {
		ctx := WithCaller(context.Background(), Caller{Customer: fmt.Sprint(i)})
		c.Classify(ctx, "GET", 0, 0)
	}
	if got := c.memo.cache.Len(); got != memoSize {
		t.Errorf("%d entries, want %d", got, memoSize)
	}
}

// What no rule looks at makes no entries of its own.
func TestMemoLeavesOutWhatNoRuleAsksFor(t *testing.T) {
	for _, test := range []struct {
		name string
		rule Rule
		call func(i int) (Caller, string)
	}{
		{"product", Rule{Customer: "a", Method: "a"}, func(i int) (Caller, string) {
			return Caller{fmt.Sprint(i), "x"}, "x"
		}},
		{"customer", Rule{Product: "a", Customer: "*", Method: "a"}, func(i int) (Caller, string) {
			return Caller{"x", fmt.Sprint(i)}, "x"
		}},
		{"method", Rule{Product: "a", Customer: "a", Method: "**"}, func(i int) (Caller, string) {
			return Caller{"x", "x"}, fmt.Sprint(i)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.rule.Tier = "batch"
			rules := make([]Rule, memoFrom)
			for i := range rules {
				rules[i] = test.rule
			}
			c := newClassifier(t, rules)
			for i := range 10 {
				caller, method := test.call(i)
				c.Classify(WithCaller(context.Background(), caller), method, 0, 0)
			}
			if got := c.memo.cache.Len(); got != 1 {
				t.Errorf("%d entries for one verdict", got)
			}
		})
	}
}

// A remembered name that is part of a request's buffer would keep all of it.
func TestMemoKeepsNoMemoryOfCallers(t *testing.T) {
	buffer := strings.Repeat("dispatch acme GET ", 1000)
	k := memoKey{Caller{Product: buffer[:8], Customer: buffer[9:13]}, buffer[14:17]}
	m := newMemo()
	m.add(k, batch)
	kept := m.cache.Keys()[0]
	if kept != k {
		t.Fatalf("kept %+v, want %+v", kept, k)
	}
	for _, pair := range [][2]string{
		{kept.caller.Product, k.caller.Product},
		{kept.caller.Customer, k.caller.Customer},
		{kept.method, k.method},
	} {
		if unsafe.StringData(pair[0]) == unsafe.StringData(pair[1]) {
			t.Errorf("%q is part of the caller's buffer", pair[0])
		}
	}
}
