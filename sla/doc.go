// Package sla says whom a call is for and what it was promised.
//
// By default every call is of the config's default tier. A context made by
// [WithTier] names another one, and one made by [WithCaller] says who calls,
// so that the config's [Rule] list can choose: the first rule whose patterns
// match the product, the customer and the method wins. A tier that the config
// does not know counts as not given, so that a change of the config cannot
// make calls fail; [Classifier.Unknown] lists such names.
//
//	ctx = sla.WithTier(ctx, "critical")
//	ctx = sla.WithCaller(ctx, sla.Caller{Product: "dispatch", Customer: "acme"})
//
// Besides its tier a call has a level, 0…127. When a tier can be served only
// in part, the highest levels wait first. The level of a customer is a keyed
// hash that changes with the day (UTC): while a shortage lasts the same
// customers wait, not a random slice of all calls, tomorrow it is others, and
// nobody can choose a name that never waits. Processes agree on it when they
// share a [LevelKey]. A call without a customer gets a random level.
//
// A [Classifier] is made from the tiers and rules of one config and does not
// change; a new config gets a new one. Neither the number of tiers nor that of
// customers changes what a call costs, and what it keeps is bounded: at most
// 4,096 verdicts of rules with 1 MiB of text, and 64 unknown names.
//
// The package reads no clock, starts no goroutine and knows no protocol.
// Everything in it may be used from any number of goroutines at the same time.
//
// The API is at version 0 and may still change.
package sla
