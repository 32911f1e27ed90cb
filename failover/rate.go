package failover

import (
	"math"
	"time"
)

// Rate measures how many calls per second are made. It finds a spike within a few
// calls and is steady while nothing happens, however many or few they are: it
// counts in slots of 50 ms and takes the mean over the longest of the windows of
// 50, 100, 200 … 6400 ms that no shorter one contradicts. A window contradicts a
// longer one if its count differs from its part of the longer one's by more than
// 3.2 standard deviations. If calls come independently of each other, as in a
// Poisson process, one in 700 does so by chance. (The idea is that of ADWIN: Bifet
// and Gavaldà, "Learning from Time-Changing Data with Adaptive Windowing", 2007.)
//
// One goroutine at a time may use a Rate. The zero value is ready.
type Rate struct {
	slots   [rateSlots]float64 // counts, a ring
	newest  int
	filled  int           // slots that hold something, at most rateSlots
	end     time.Duration // of the newest slot
	started bool
	seen    uint64 // calls counted so far

	mean, deviation float64
}

const (
	rateSlot  = 50 * time.Millisecond
	rateSlots = 128 // 6.4 s, the longest window
	// contradiction is by how many standard deviations a window must differ.
	contradiction = 3.2
)

// Observe says how many calls were made ever, as of now. It is meant to be
// called every 50 ms; calls that were made between two distant calls of Observe
// count as evenly spread.
func (r *Rate) Observe(now time.Duration, made uint64) {
	if !r.started {
		r.started, r.end, r.seen = true, now, made
		return
	}
	// Half a slot early is on time: steps jitter.
	passed := int((now - r.end + rateSlot/2) / rateSlot)
	if passed <= 0 {
		return
	}
	calls := float64(made - r.seen)
	r.seen = made
	r.end += time.Duration(passed) * rateSlot
	for range min(passed, rateSlots) {
		r.newest = (r.newest + 1) % rateSlots
		r.slots[r.newest] = calls / float64(passed)
	}
	r.filled = min(r.filled+passed, rateSlots)
	r.estimate()
}

// estimate finds the longest window that no shorter one contradicts.
func (r *Rate) estimate() {
	var counts [8]float64 // of the windows of 1, 2, 4 … slots
	windows, sum := 0, 0.0
	for i, next := 0, 1; i < r.filled; i++ {
		sum += r.slots[(r.newest-i+rateSlots)%rateSlots]
		if i+1 == next {
			counts[windows] = sum
			windows++
			next *= 2
		}
	}
	longest := windows - 1
	for longest > 0 && contradicts(counts[:longest], counts[longest], float64(int(1)<<longest)) {
		longest--
	}
	span := (time.Duration(1<<longest) * rateSlot).Seconds()
	r.mean = counts[longest] / span
	r.deviation = math.Sqrt(counts[longest]) / span
}

// contradicts reports whether one of the shorter windows can't come from the same
// rate as the rest of one of the given count and slots. If it does, the calls of
// both fall into it binomially.
func contradicts(shorter []float64, count, slots float64) bool {
	for k, got := range shorter {
		part := float64(int(1)<<k) / slots
		want := count * part
		if math.Abs(got-want) > contradiction*math.Sqrt(max(want*(1-part), 1)) {
			return true
		}
	}
	return false
}

// Mean returns the calls per second, 0 before the second Observe, and the
// standard deviation of that estimate.
func (r *Rate) Mean() (mean, deviation float64) { return r.mean, r.deviation }
