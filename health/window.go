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
	slots *[windowSlots]slot // nil as long as there is nothing to count
	last  int64              // the second that the newest slot stands for
}

// slot holds the counts of a second. There are many endpoints, and each has ten.
type slot struct{ begun, ok, slow, bad, overloaded, excused uint32 }

func (s *slot) add(c Counts) {
	s.begun += uint32(c.Begun)
	s.ok += uint32(c.OK)
	s.slow += uint32(c.Slow)
	s.bad += uint32(c.Bad)
	s.overloaded += uint32(c.Overloaded)
	s.excused += uint32(c.Excused)
}

func (s *slot) counts() Counts {
	return Counts{uint64(s.begun), uint64(s.ok), uint64(s.slow), uint64(s.bad), uint64(s.overloaded), uint64(s.excused)}
}

// add counts c at now, and forgets what is older than ten slots.
func (w *window) add(now time.Duration, c Counts) {
	second := int64(now / windowSlot)
	if c == (Counts{}) && (second == w.last || w.slots == nil) {
		return // most sweeps of most endpoints
	}
	if w.slots == nil {
		w.slots = new([windowSlots]slot)
	}
	for passed := min(second-w.last, windowSlots); passed > 0; passed-- {
		w.slots[(second-passed+1)%windowSlots] = slot{}
	}
	w.last = max(w.last, second)
	w.slots[w.last%windowSlots].add(c)
}

// recent sums up slots from the newest backwards until enough outcomes are
// found that speak for or against; all of them if there are fewer. It takes at
// least two: the newest alone may have covered a moment only.
func (w *window) recent(enough uint64) Counts {
	var sum Counts
	if w.slots == nil {
		return sum
	}
	for i := range int64(windowSlots) {
		sum = sum.plus(w.slots[(w.last-i+windowSlots)%windowSlots].counts())
		if i > 0 && sum.judged() >= enough {
			break
		}
	}
	return sum
}

// total sums up all slots.
func (w *window) total() Counts {
	var sum Counts
	if w.slots == nil {
		return sum
	}
	for i := range w.slots {
		sum = sum.plus(w.slots[i].counts())
	}
	return sum
}
