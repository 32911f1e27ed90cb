package sla

import "time"

// Counts are exact numbers of calls.
type Counts struct {
	Good uint64 `json:"good"`
	Bad  uint64 `json:"bad"`
}

func (c Counts) plus(o Counts) Counts { return Counts{c.Good + o.Good, c.Bad + o.Bad} }

// ring holds counts in slots of one length, which lie at its multiples since
// 1970. So the slots of two processes are the same slots, and adding them up
// loses nothing.
//
// It has one slot more than its span: a span that ends within a slot begins
// within another.
type ring struct {
	length int64 // of a slot, in seconds
	size   int64 // slots
	newest int64 // the number of the newest slot
	slots  []Counts
}

func newRing(length, span time.Duration) ring {
	return ring{length: int64(length / time.Second), size: int64(span/length) + 1}
}

// slot returns the number of the slot that t lies in.
func (r *ring) slot(t time.Time) int64 { return max(t.Unix(), 0) / r.length }

// add counts c in a slot. One that has left the ring already is out of every
// window. The memory is taken with the first count.
func (r *ring) add(slot int64, c Counts) {
	if c == (Counts{}) {
		return
	}
	if r.slots == nil {
		r.slots, r.newest = make([]Counts, r.size), slot
	}
	for ; r.newest < slot; r.newest++ {
		if slot-r.newest > r.size {
			r.newest = slot - r.size // the rest is cleared anyway
		}
		*r.at(r.newest + 1) = Counts{}
	}
	if slot > r.newest-r.size {
		*r.at(slot) = r.at(slot).plus(c)
	}
}

func (r *ring) at(slot int64) *Counts { return &r.slots[slot%r.size] }

// oldest returns the first slot that is in the ring and not before from.
func (r *ring) oldest(from int64) int64 { return max(from, r.newest-r.size+1, 0) }

// since sums up the slots from the one that from lies in. What is in a slot is
// in it as a whole.
func (r *ring) since(from time.Time) Counts {
	var sum Counts
	if r.slots == nil {
		return sum
	}
	for k := r.oldest(r.slot(from)); k <= r.newest; k++ {
		sum = sum.plus(*r.at(k))
	}
	return sum
}

// after is since, but of the slot that from lies in it takes the part that lies
// after from, as if its calls had come evenly.
func (r *ring) after(from time.Time) (good, bad float64) {
	first := r.slot(from)
	sum := r.since(time.Unix((first+1)*r.length, 0))
	good, bad = float64(sum.Good), float64(sum.Bad)
	if r.slots != nil && first <= r.newest && r.oldest(first) == first {
		gone := float64(from.Unix()-first*r.length) + float64(from.Nanosecond())/1e9
		part := min(1-gone/float64(r.length), 1) // before 1970 there is no slot
		good += part * float64(r.at(first).Good)
		bad += part * float64(r.at(first).Bad)
	}
	return good, bad
}
