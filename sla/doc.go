// Package sla says whom a call is for, what it was promised, and what it got.
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
// 4,096 verdicts of rules with 1 MiB of text, and 64 unknown names. An account
// takes 23 KiB, and there is one for each tier of a service and each contract of
// the config: customers whom it doesn't name add none.
//
// # What was promised and what was kept
//
// An [Objective] says what part of the calls must be good: an acceptable answer
// within the tier's latency. A [Contract] promises that to one customer of one
// product. An [Account] counts the calls of a tier or a contract, good and bad,
// exactly: in each of the last 300 seconds, 360 minutes and 720 hours.
//
//	budget      = (1 − target) · calls of the objective's window
//	budget left = 1 − bad calls / budget             see BudgetLeft
//	burn rate   = part of bad calls / (1 − target)   see BurnRate
//
// Windows roll and end now. An alarm takes two of them that both burn too fast,
// and ten bad calls at least: see [BurnRules], which are those of Google's Site
// Reliability Workbook, chapter 5. At 99.9 % and constant traffic a total outage
// alarms after 51.84 s, 10 % bad calls after 518.4 s, 1 % never, and the alarm
// ends 295.68 s after the last bad call.
//
// A [Report] lists contracts by what is left of their budgets. Compliance is the
// part of the contracts that have some left, in per cent.
//
// A [Snapshot] is all of this as plain data. A [Store] keeps it over a restart: a
// [File] does, whole at any time and with a checksum. [Merge] adds up the
// snapshots of several processes, exactly.
//
// # Concurrency
//
// The package reads no clock, starts no goroutine and knows no protocol. Only a
// [File] touches the system. An [Account] belongs to one goroutine, but for its
// [Meter]: counting takes no lock and allocates nothing. Everything else may be
// used from any number of goroutines at the same time.
//
// The API is at version 0 and may still change.
package sla
