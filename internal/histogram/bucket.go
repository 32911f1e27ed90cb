package histogram

import (
	"math/bits"
	"time"
)

const (
	// Each power of two is cut into 1 << subBits buckets. The middle of a
	// bucket is at most half its width away from a value in it, and the width
	// is at most 1/32 of the value: an error of 1/64.
	subBits = 5
	// The narrowest buckets are 1 << minShift ns wide. They cover the first
	// full power of two, from 1,024 ns, and everything below it.
	minShift = 5
	// Durations from 1 << maxBits ns on, 137.4 s, count in the last bucket.
	maxBits = 37

	buckets = (maxBits - minShift - subBits + 1) << subBits
	longest = time.Duration(1)<<maxBits - 1
)

// bucketOf returns the index of the bucket that d falls into.
func bucketOf(d time.Duration) int {
	v := uint64(min(max(d, 0), longest))
	// The shift that leaves subBits bits after the leading one. The leading
	// bit then adds one more group of 32, which is why group 0, the values
	// that have no leading bit there, needs no case of its own.
	shift := max(bits.Len64(v)-subBits-1, minShift)
	return (shift-minShift)<<subBits + int(v>>shift)
}

// middle returns the duration halfway through bucket i.
func middle(i int) time.Duration {
	group, sub := i>>subBits, i&(1<<subBits-1)
	shift := minShift
	if group > 0 {
		shift += group - 1
		sub += 1 << subBits
	}
	return time.Duration(sub)<<shift + time.Duration(1)<<(shift-1)
}
