package sla

import (
	"strconv"
	"strings"
	"time"
)

// The headers by which a call tells a server what it is. HTTP/1 writes them in
// any case, HTTP/2 and gRPC's metadata as here. gRPC has a header of its own
// for the timeout.
//
// A header counts by itself: one that is missing, malformed, out of range or
// given more than once is as if it weren't there, and says nothing against the
// others. Tier and level are what callers would like to choose, so a server
// reads them only from callers that it trusts.
const (
	// TierHeader holds the name of the call's tier: at most 63 characters,
	// a-z, 0-9, '-', '.' and '_', with a letter or digit at both ends.
	TierHeader = "x-sla-tier"
	// LevelHeader holds the call's level, 0…127.
	LevelHeader = "x-sla-level"
	// AttemptHeader holds the number of the attempt, 1…99, where 1 is the first.
	AttemptHeader = "x-sla-attempt"
	// TimeoutHeader holds how much time is left for the call, in milliseconds,
	// up to 24 h. The client has already taken off what the answer needs for
	// its way back. 0 and less: it is too late.
	TimeoutHeader = "x-sla-timeout-ms"
)

const (
	maxTierName = 63
	maxLevel    = 127
	maxAttempt  = 99
	maxTimeout  = 24 * time.Hour
)

// ParseTier reads the values of [TierHeader].
func ParseTier(values []string) (name string, ok bool) {
	if len(values) != 1 || !isTierName(values[0]) {
		return "", false
	}
	return values[0], true
}

// isTierName accepts the names that a config may give to tiers, nothing else:
// what comes out of it can be sent on and printed.
func isTierName(s string) bool {
	if s == "" || len(s) > maxTierName {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case c != '-' && c != '.' && c != '_', i == 0, i == len(s)-1:
			return false
		}
	}
	return true
}

// ParseLevel reads the values of [LevelHeader].
func ParseLevel(values []string) (level uint8, ok bool) {
	n, ok := decimal(values, maxLevel)
	return uint8(n), ok
}

// FormatLevel returns the value of [LevelHeader]. Levels above 127 count as 127.
func FormatLevel(level uint8) string { return strconv.Itoa(int(min(level, maxLevel))) }

// ParseAttempt reads the values of [AttemptHeader].
func ParseAttempt(values []string) (attempt int, ok bool) {
	n, ok := decimal(values, maxAttempt)
	return n, ok && n > 0
}

// FormatAttempt returns the value of [AttemptHeader]. Numbers below 1 and above
// 99 count as these.
func FormatAttempt(attempt int) string { return strconv.Itoa(min(max(attempt, 1), maxAttempt)) }

// ParseTimeout reads the values of [TimeoutHeader]. What is left may be 0 or
// less, and is at most 24 h: a header that says more is ignored.
func ParseTimeout(values []string) (left time.Duration, ok bool) {
	const most = int(maxTimeout / time.Millisecond)
	if len(values) == 1 {
		if digits, late := strings.CutPrefix(values[0], "-"); late {
			n, ok := decimal([]string{digits}, most)
			return -time.Duration(n) * time.Millisecond, ok
		}
	}
	n, ok := decimal(values, most)
	return time.Duration(n) * time.Millisecond, ok
}

// FormatTimeout returns the value of [TimeoutHeader] when that much time is
// left, the way back of the answer already taken off. It is in whole
// milliseconds, rounded down, at least 0 and at most 24 h. A call without a
// deadline has no such header.
func FormatTimeout(left time.Duration) string {
	return strconv.FormatInt(min(max(left, 0), maxTimeout).Milliseconds(), 10)
}

// decimal reads the only one of the values as a number up to most, which is
// below a billion: digits without a sign, white space or leading zeros. If it
// can't, the number is 0.
func decimal(values []string, most int) (n int, ok bool) {
	if len(values) != 1 {
		return 0, false
	}
	text := values[0]
	if text == "" || len(text) > 9 || len(text) > 1 && text[0] == '0' {
		return 0, false
	}
	for i := range len(text) {
		digit := text[i] - '0' // wraps round below '0'
		if digit > 9 {
			return 0, false
		}
		n = n*10 + int(digit)
	}
	if n > most {
		return 0, false
	}
	return n, true
}
