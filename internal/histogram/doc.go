// Package histogram counts latencies and tells their quantiles.
//
// By default, with the zero [Histogram], every duration from 1 µs to 137 s is
// counted in a bucket so narrow that its middle is at most 1/64 (1.6 %) away
// from what was recorded. Shorter durations are known to ± 16 ns, longer ones
// count as 137 s and negative ones as 0.
//
// The buckets are log-linear: 32 of equal width for each power of two, and
// below the first power 32 more that reach down to zero. A bucket's index is a
// shift and an addition, so recording is one atomic add on a fixed array of
// 3.5 KiB: no lock, no allocation, no memory that depends on the data. That is
// what decided against HDR histograms (a stored total and extremes are further
// shared writes), DDSketch (a logarithm and a map per record) and t-digest (a
// lock and a sort). Totals are summed up when somebody asks.
//
// A [Ring] keeps the recent past: some histograms that cover a span of time
// each, of which the oldest is cleared for reuse as time passes. A [Snapshot]
// merges any number of histograms. Merging adds counts and so is exact: the
// result is the same as if everything had been recorded in one.
//
// Recording and reading are safe from any goroutine at any time. Only
// [Ring.Advance] has an owner: one goroutine at a time may call it. What is
// read while others record is a consistent set of counts that includes all
// records that ended before and some of those under way.
//
// The package is internal and makes no promise of stability.
package histogram
