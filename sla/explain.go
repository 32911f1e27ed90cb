package sla

import "context"

// By says what decided a part of a call's class.
type By string

// The values of [Reasons.Tier] and [Reasons.Level].
const (
	ByContext  By = "context"  // the call's context: WithTier, WithLevel
	ByRule     By = "rule"     // the first rule that matches, for a tier
	ByDefault  By = "default"  // no rule matches, for a tier
	ByCustomer By = "customer" // the hash of the customer and the day, for a level
	ByChance   By = "chance"   // a random number: there is no customer, for a level
)

// Reasons says why a call has the class it has.
type Reasons struct {
	// Tier is ByContext, ByRule or ByDefault.
	Tier By
	// Rule is the index of the rule that decided, from 0 on; -1 if none did.
	Rule int
	// Unknown is the tier that the context names and the classifier doesn't
	// know; empty if there is none.
	Unknown string
	// Level is ByContext, ByCustomer or ByChance.
	Level By
}

// Explain returns what [Classifier.Classify] does, and why. It remembers
// nothing: neither a verdict nor the name of an unknown tier.
func (c *Classifier) Explain(ctx context.Context, method string, day Day, random uint64) (Class, Reasons) {
	s := from(ctx)
	class := Class{Tier: c.named(s.tier), Level: c.level(s, day, random), Contract: c.contracts[s.caller]}
	why := Reasons{Tier: ByContext, Rule: -1, Level: ByChance}
	if s.tier == "" || class.Tier < 0 {
		why.Unknown = s.tier
		class.Tier, why.Rule = c.decide(s.caller, method)
		if why.Tier = ByDefault; why.Rule >= 0 {
			why.Tier = ByRule
		}
	}
	switch {
	case s.leveled:
		why.Level = ByContext
	case s.caller.Customer != "":
		why.Level = ByCustomer
	}
	return class, why
}
