package sla

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Class is what a call is treated by.
type Class struct {
	// Tier is the index of the call's tier in the config's tiers.
	Tier int
	// Level is 0…127. While part of the tier is shed, calls of the highest
	// levels wait first.
	Level uint8
	// Contract is the contract that the call belongs to: 1 for the first of the
	// classifier's, 0 for none.
	Contract int
}

// Classifier tells the class of calls. Its zero value puts all calls into tier
// 0. All methods may be called from any goroutine.
type Classifier struct {
	tiers    []string // their names: looking through a few is cheaper than hashing
	rules    []matcher
	fallback int
	key      LevelKey
	unknown  unknown

	// seen tells which parts of a call the rules look at. The others are left
	// out of the memo's key, so that a million customers take one entry when
	// no rule asks for the customer.
	seen struct{ product, customer, method bool }
	memo *memo // nil if there are too few rules for it to pay

	contracts map[Caller]int // one more than their index; nil if there are none
}

// memoFrom is the number of rules from which on their verdict is remembered.
// On one core, asking the memo costs as much as matching 16 rules that differ
// in their first letters, or 4 whose stars must all be tried (BenchmarkRules).
// On several cores calls wait for each other there, and matching scales.
const memoFrom = 16

// NewClassifier returns the classifier for these tiers. Calls that no rule
// gives a tier to get the tier named fallback. Every rule and the fallback
// must name one of the tiers; the error lists all that do not. Of contracts that
// are for the same calls the first one counts.
func NewClassifier(tiers []Tier, rules []Rule, fallback string, key LevelKey, contracts ...Contract) (*Classifier, error) {
	c := &Classifier{key: key}
	if len(contracts) > 0 {
		c.contracts = make(map[Caller]int, len(contracts))
	}
	for i, contract := range contracts {
		caller := Caller{Product: contract.Product, Customer: contract.Customer}
		if _, ok := c.contracts[caller]; !ok {
			c.contracts[caller] = i + 1
		}
	}
	for _, t := range tiers {
		c.tiers = append(c.tiers, t.Name)
	}
	var faults []error
	for i, r := range rules {
		tier := slices.Index(c.tiers, r.Tier)
		if tier < 0 {
			faults = append(faults, fmt.Errorf("sla: rule %d: no tier is named %q", i, r.Tier))
		}
		m := newMatcher(r, tier)
		c.rules = append(c.rules, m)
		c.seen.product = c.seen.product || !m.product.any()
		c.seen.customer = c.seen.customer || !m.customer.any()
		c.seen.method = c.seen.method || !m.method.any()
	}
	if c.fallback = slices.Index(c.tiers, fallback); c.fallback < 0 {
		faults = append(faults, fmt.Errorf("sla: fallback: no tier is named %q", fallback))
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	if len(c.rules) >= memoFrom {
		c.memo = newMemo()
	}
	return c, nil
}

// Classify returns the class of a call of method: the tier that the context
// names, else that of the first rule that matches, else the fallback.
//
// The level is the one that the context gives, else that of its customer on that
// day. Without a customer it is made of random, which must be uniform. It depends
// on the whole of random and neither on its upper nor on its lower half alone, so
// that the halves may serve other draws of the same call.
//
// Classify takes no lock and allocates nothing when the context names a tier
// of the config or there are fewer than 16 rules. Otherwise it looks the call
// up in a cache of 4,096 verdicts of the rules, under a lock, and allocates
// only to add to it. The contract is looked up in a map that never changes: what
// that costs doesn't depend on how many contracts or customers there are.
func (c *Classifier) Classify(ctx context.Context, method string, day Day, random uint64) Class {
	s := from(ctx)
	class := Class{Tier: c.named(s.tier), Level: c.level(s, day, random)}
	if class.Tier < 0 {
		class.Tier = c.tier(s, method)
	}
	if len(c.contracts) > 0 {
		class.Contract = c.contracts[s.caller]
	}
	return class
}

// Tiers returns the names of the tiers: [Class.Tier] is an index in it. The zero
// Classifier has none.
func (c *Classifier) Tiers() []string { return slices.Clone(c.tiers) }

// Unknown returns the names of tiers that contexts gave and the config does
// not know, sorted: the first 64 of them, of each the first 64 bytes.
func (c *Classifier) Unknown() []string { return c.unknown.list() }

func (c *Classifier) level(s *said, day Day, random uint64) uint8 {
	switch {
	case s.leveled:
		return s.level
	case s.caller.Customer == "":
		return randomLevel(random)
	}
	return Level(c.key, s.caller.Customer, day)
}

// tier is that of a call whose context names none that there is.
func (c *Classifier) tier(s *said, method string) int {
	if s.tier != "" {
		c.unknown.add(s.tier)
	}
	if c.memo == nil {
		return c.match(s.caller, method)
	}
	return c.recall(s.caller, method)
}

// named returns the index of a tier, or -1.
func (c *Classifier) named(tier string) int {
	for i, name := range c.tiers {
		if name == tier {
			return i
		}
	}
	return -1
}

// recall does what match does, from memory where it can.
func (c *Classifier) recall(caller Caller, method string) int {
	if !c.seen.product {
		caller.Product = ""
	}
	if !c.seen.customer {
		caller.Customer = ""
	}
	if !c.seen.method {
		method = ""
	}
	k := memoKey{caller, method}
	if !k.short() {
		return c.match(caller, method)
	}
	tier, ok := c.memo.get(k)
	if !ok {
		tier = c.match(caller, method)
		c.memo.add(k, tier)
	}
	return tier
}

// match returns the tier that the rules give, or the fallback.
func (c *Classifier) match(caller Caller, method string) int {
	tier, _ := c.decide(caller, method)
	return tier
}

// decide is match with the index of the rule that decided, or -1.
func (c *Classifier) decide(caller Caller, method string) (tier, rule int) {
	for i := range c.rules {
		if c.rules[i].match(caller, method) {
			return c.rules[i].tier, i
		}
	}
	return c.fallback, -1
}
