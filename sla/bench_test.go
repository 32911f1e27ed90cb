package sla

import (
	"context"
	"fmt"
	"testing"
)

func BenchmarkClassify(b *testing.B) {
	c := newClassifier(b, []Rule{{Product: "dispatch", Customer: "partner-*", Method: "GET /v1/*", Tier: "critical"}})
	background := context.Background()
	caller := WithCaller(background, Caller{"dispatch", "partner-acme"})
	for _, bench := range []struct {
		name string
		ctx  context.Context
	}{
		{"nothing known", background},
		{"tier", WithTier(background, "critical")},
		{"tier and customer", WithTier(caller, "critical")},
		{"rule and customer", caller},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					c.Classify(bench.ctx, "GET /v1/route", 20_000, 1)
				}
			})
		})
	}
}

// BenchmarkRules tells from how many rules on the memo pays: none of the
// rules matches, and each is found out only after two stars.
func BenchmarkRules(b *testing.B) {
	caller := Caller{"dispatch", "partner-acme-seoul"}
	const method = "GET /v1/route"
	for _, n := range []int{1, 8, 16, 64} {
		var rules []Rule
		for i := range n {
			rules = append(rules, Rule{Customer: fmt.Sprintf("partner-*-%d", i), Method: "GET /v1/*", Tier: "batch"})
		}
		c := newClassifier(b, rules)
		c.memo = newMemo()
		for _, bench := range []struct {
			name string
			tier func(Caller, string) int
		}{{"match", c.match}, {"recall", c.recall}} {
			b.Run(fmt.Sprintf("%d/%s", n, bench.name), func(b *testing.B) {
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						bench.tier(caller, method)
					}
				})
			})
		}
	}
}
