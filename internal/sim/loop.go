package sim

import "time"

// loop is the clock of a simulation: it runs events in the order of their
// virtual time, and those of the same time in the order in which they were
// set. The zero value stands at time 0 and has no events.
type loop struct {
	now  time.Duration
	set  uint64   // events ever set
	heap []*event // with four children to a node: shallower than a binary heap
	free []*event // to be used again
}

type event struct {
	at    time.Duration
	order uint64 // which of all events it is: breaks ties and tells uses of one event apart
	place int    // in the heap
	run   func()
}

func (e *event) before(o *event) bool {
	return e.at < o.at || e.at == o.at && e.order < o.order
}

// timer is an event that can be stopped. The zero value is one that ran.
type timer struct {
	event *event
	order uint64
}

// at sets an event for a time, which is now if it lies in the past.
func (l *loop) at(when time.Duration, run func()) timer {
	var e *event
	if n := len(l.free); n > 0 {
		e, l.free = l.free[n-1], l.free[:n-1]
	} else {
		e = new(event)
	}
	l.set++
	*e = event{at: max(when, l.now), order: l.set, place: len(l.heap), run: run}
	l.heap = append(l.heap, e)
	l.up(e)
	return timer{event: e, order: e.order}
}

// after sets an event for a time from now.
func (l *loop) after(d time.Duration, run func()) timer { return l.at(l.now+d, run) }

// stop takes an event back. It does nothing if the event ran or was stopped.
func (l *loop) stop(t timer) {
	if t.event != nil && t.event.order == t.order {
		l.remove(t.event)
	}
}

// step runs the next event, if there is one no later than until. It reports
// whether there was.
func (l *loop) step(until time.Duration) bool {
	if len(l.heap) == 0 || l.heap[0].at > until {
		return false
	}
	e := l.heap[0]
	l.now = e.at
	run := e.run
	l.remove(e)
	run()
	return true
}

// remove takes an event out of the heap.
func (l *loop) remove(e *event) {
	place, last := e.place, l.heap[len(l.heap)-1]
	l.heap = l.heap[:len(l.heap)-1]
	if last != e {
		l.put(last, place)
		l.up(last)
		l.down(last)
	}
	*e = event{}
	l.free = append(l.free, e)
}

func (l *loop) put(e *event, place int) { l.heap[place], e.place = e, place }

// up moves an event towards the root as far as it belongs.
func (l *loop) up(e *event) {
	place := e.place
	for place > 0 {
		parent := l.heap[(place-1)/4]
		if !e.before(parent) {
			break
		}
		up := parent.place
		l.put(parent, place)
		place = up
	}
	l.put(e, place)
}

// down moves an event away from the root as far as it belongs.
func (l *loop) down(e *event) {
	place := e.place
	for {
		first := 4*place + 1
		if first >= len(l.heap) {
			break
		}
		least := l.heap[first]
		for _, child := range l.heap[first+1 : min(first+4, len(l.heap))] {
			if child.before(least) {
				least = child
			}
		}
		if !least.before(e) {
			break
		}
		down := least.place
		l.put(least, place)
		place = down
	}
	l.put(e, place)
}
