package health

import "time"

const (
	windowSlots = 10
	windowSlot  = time.Second
)

// Counts are exact numbers of attempts. OK, Bad, Overloaded and Excused
// exclude each other; attempts that ended Neutral or haven't ended are in none
// of them. An answer that was good and broke off afterwards is in two, OK and Bad
// or Excused: together these may exceed Begun.
type Counts struct {
	Begun      uint64
	OK         uint64 // good answers, slow ones included
	Slow       uint64 // good answers that came later than they should
	Bad        uint64 // refused, failed, broken or timed out
	Overloaded uint64 // pushed back
	Excused    uint64 // bad ones that aren't held against the target
}

func (c Counts) plus(o Counts) Counts {
	return Counts{c.Begun + o.Begun, c.OK + o.OK, c.Slow + o.Slow, c.Bad + o.Bad, c.Overloaded + o.Overloaded, c.Excused + o.Excused}
}

func (c Counts) minus(o Counts) Counts {
	return Counts{c.Begun - o.Begun, c.OK - o.OK, c.Slow - o.Slow, c.Bad - o.Bad, c.Overloaded - o.Overloaded, c.Excused - o.Excused}
}

// judged is the number of outcomes that speak for or against.
func (c Counts) judged() uint64 { return c.OK + c.Bad }

// window holds exact counts of the last ten seconds in slots of one second.
// Averages that decay would hide an outage behind the good times before it.
type window struct {
	slots [windowSlots]Counts
	last  int64 // the second that the newest slot stands for
}

// add counts c at now, and forgets what is older than ten slots.
func (w *window) add(now time.Duration, c Counts) {
	second := int64(now / windowSlot)
	if second == w.last && c == (Counts{}) {
		return // most sweeps of most endpoints
	}
	for passed := min(second-w.last, windowSlots); passed > 0; passed-- {
		w.slots[(second-passed+1)%windowSlots] = Counts{}
	}
	w.last = max(w.last, second)
	slot := &w.slots[w.last%windowSlots]
	*slot = slot.plus(c)
}

// recent sums up slots from the newest backwards until enough outcomes are
// found that speak for or against; all of them if there are fewer. It takes at
// least two: the newest alone may have covered a moment only.
func (w *window) recent(enough uint64) Counts {
	var sum Counts
	for i := range int64(windowSlots) {
		sum = sum.plus(w.slots[(w.last-i+windowSlots)%windowSlots])
		if i > 0 && sum.judged() >= enough {
			break
		}
	}
	return sum
}

// total sums up all slots.
func (w *window) total() Counts {
	var sum Counts
	for i := range w.slots {
		sum = sum.plus(w.slots[i])
	}
	return sum
}
