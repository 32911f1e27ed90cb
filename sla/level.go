package sla

import "time"

// Day is a day in UTC, counted from the 1st of January 1970, which is day 0.
type Day int64

// DayOf returns the day that t lies in.
func DayOf(t time.Time) Day {
	const seconds = 24 * 60 * 60
	s := t.Unix()
	day := s / seconds
	if s%seconds < 0 {
		day-- // division rounds towards zero, days do not
	}
	return Day(day)
}

// Level returns the level of a customer on a day: 0…127, all equally likely.
// While part of a tier is shed, the highest levels wait first. So it is the
// same customers who wait as long as it lasts, instead of a random slice of
// everyone, and others the next day.
//
// All processes that share the key agree on the level, and nobody can tell it
// without the key. It is a SipHash of the day and the customer.
func Level(key LevelKey, customer string, day Day) uint8 {
	return level(key.hash(customer, day))
}

// randomLevel returns the level of a call without a customer, made of a
// uniform random number.
//
// The same number also draws the call's cloud and endpoint, one from either
// half. If the level were some of its bits, shedding the highest levels would
// shed the calls of one cloud. Multiplying by an odd number close to 2⁶⁴ times
// the golden ratio (Knuth, The Art of Computer Programming, 6.4) makes a number
// that is just as uniform and whose top bits depend on all others, so that
// neither half alone tells the level.
func randomLevel(random uint64) uint8 { return level(mix(random)) }

// mix returns a number whose upper bits depend on all bits of random.
func mix(random uint64) uint64 { return random * 0x9e3779b97f4a7c15 }

// level takes the top 7 bits of a uniform number.
func level(uniform uint64) uint8 { return uint8(uniform >> 57) }
