package balancer

import "math"

const (
	// hedgeMemory is the number of hedges of which it is remembered how many won.
	hedgeMemory = 50
	// leastWon is the part of them below which hedges are not worth what they cost,
	// and trickle what is made of them then.
	leastWon = 0.1
	trickle  = 0.1
)

// wins is how many of a tier's last hedges were answered before the first attempt.
// Where nine in ten are not, what takes long is the call and not the place, or all
// places are alike: a hedge costs an attempt and buys nothing. A tenth of the
// hedges is made all the same, so that it is seen when they win again.
//
// The figures are ours. Of hedges that cut a tail about half win: with 1 % of slow
// answers and a delay at the 98th percentile, every second call that is hedged is
// a slow one. Of those between clouds that answer in 5 ms and an exponential part
// of 2 ms it is 4 %: exp(−5/2) ÷ 2.
//
// Each hedge counts for 2 % less with each that follows. The zero value stands for
// none, of which the best is thought. It belongs to the controller.
type wins struct {
	made, won uint64 // that are counted
	lately    float64
	wonLately float64 // of these
}

// count takes over how many there were ever.
func (w *wins) count(made, won uint64) {
	if w.lately == 0 {
		w.lately, w.wonLately = hedgeMemory, hedgeMemory
	}
	n := float64(made - w.made)
	left := math.Pow(1-1.0/hedgeMemory, n)
	w.lately = w.lately*left + n
	w.wonLately = min(w.wonLately*left+float64(won-w.won), w.lately)
	w.made, w.won = made, won
}

// part is the part of a tier's hedges that is made.
func (w *wins) part() float64 {
	if w.wonLately < leastWon*w.lately {
		return trickle
	}
	return 1
}
