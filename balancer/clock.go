package balancer

import (
	"sync"
	"time"

	"github.com/fairlead-go/fairlead/failover"
)

// clock cuts an attempt short when its time is over and the retry budget pays
// for another: at once, or as soon as it does. Once the attempt's cloud is known
// to be down, and another isn't, the next one is free: it goes where the first
// should have gone, and there are no more of them than were under way when the cloud
// fell. Where all are down nobody is better off elsewhere, and what is cut short
// could never show that one is back.
//
// Before that it says when the attempt is to be hedged. While a hedge is under way
// the attempt is cut for free as well: the hedge is the other attempt.
//
// Nearly all attempts end long before. So a router keeps clocks for further
// attempts, and doesn't stop their timers but lets them run: one that rings too
// early is set again. Setting a timer for each attempt would cost as much as a
// pick.
type clock struct {
	router *Router

	mu     sync.Mutex
	timer  *time.Timer
	set    time.Duration    // when the timer will ring; 0: it won't
	run    *run             // nil while the clock serves nobody
	due    time.Duration    // when the run's time is over
	at     Attempt          // whose run it is, as it is now
	until  time.Duration    // when the call's time is over; 0: never
	waits  bool             // as long as answers usually take: something may have been sent
	budget *failover.Budget // nil if it pays for nothing
	spends bool             // all of the budget

	hedger  hedger        // nil unless the attempt is to be hedged
	hedgeAt time.Duration // when
	covered bool          // a hedge is under way
}

// hedger makes the hedge of an attempt whose clock says that it is time.
type hedger interface {
	makeHedge(c *clock, of *run, first Attempt)
}

// startClock gives an attempt the time until due. The call's own time is over at until,
// 0 for never.
func (r *Router) startClock(at Attempt, due, until time.Duration, waits bool, budget *failover.Budget, spends bool) *clock {
	c, _ := r.clocks.Get().(*clock)
	if c == nil {
		c = &clock{router: r}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.run, c.at, c.due, c.until, c.waits, c.budget, c.spends = at.run, at, due, until, waits, budget, spends
	c.keep(at.began)
	return c
}

// arm has an attempt hedged when it is time.
func (c *clock) arm(now, at time.Duration, by hedger) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hedger, c.hedgeAt = by, at
	c.keep(now)
}

// keep has the timer ring for what comes next, if it doesn't ring before. The
// caller holds mu.
func (c *clock) keep(now time.Duration) {
	if c.set == 0 || c.next() < c.set {
		c.setTimer(now)
	}
}

// next is when there is something to do. The caller holds mu.
func (c *clock) next() time.Duration {
	if c.hedger != nil {
		return min(c.hedgeAt, c.due)
	}
	return c.due
}

// setTimer makes the clock ring for what comes next. The caller holds mu.
func (c *clock) setTimer(now time.Duration) {
	c.set = c.next()
	if c.timer == nil {
		c.timer = time.AfterFunc(c.set-now, c.ring)
	} else {
		c.timer.Reset(c.set - now)
	}
}

// ring hedges the attempt or cuts it short, unless it has its answer. It runs in a
// goroutine of its own, which is then that of the hedge.
func (c *clock) ring() {
	if hedger, run, first := c.hedges(); hedger != nil {
		hedger.makeHedge(c, run, first)
		return
	}
	run, paidBy := c.over()
	switch {
	case run == nil:
	case run.fate.cut(paidBy != nil):
		run.stop()
	case paidBy != nil:
		paidBy.Return()
	}
}

// hedges returns who makes a hedge of what, if it is time for one.
func (c *clock) hedges() (by hedger, of *run, first Attempt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.router.now()
	if c.run == nil || c.hedger == nil || now < c.hedgeAt || now >= c.due {
		return nil, nil, Attempt{}
	}
	by, c.hedger = c.hedger, nil
	c.setTimer(now)
	return by, c.run, c.at
}

// over returns the run whose time is over and the budget that has paid for its
// successor, nil if that is free. The run is nil if none is over, or if there is
// nothing to pay with yet.
func (c *clock) over() (*run, *failover.Budget) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set = 0
	if c.run == nil {
		return nil, nil
	}
	now := c.router.now()
	if now >= c.due {
		switch {
		case c.covered:
			return c.run, nil
		case c.budget != nil && c.overdue(now) && c.budget.Withdraw(c.spends):
			return c.run, c.budget
		case c.at.lost():
			return c.run, nil
		}
		c.due = now + stepEvery // when there may be more in the budget
	}
	c.setTimer(now)
	return nil, nil
}

// overdue reports whether another attempt is better than to wait. The caller holds mu.
func (c *clock) overdue(now time.Duration) bool {
	left := time.Duration(0)
	if c.until > 0 {
		left = max(c.until-now, 1)
	}
	return !c.waits || c.at.Overdue(now-c.at.began, left)
}

// cover says that a hedge of the run is under way.
func (c *clock) cover(of *run) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.run == of {
		c.covered = true
	}
}

// uncover says that the hedge has failed. The run goes on as before, or until its
// call's time is over if that may not make another attempt.
func (c *clock) uncover(of *run, more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.run != of {
		return
	}
	c.covered = false
	if !more {
		c.run = nil
	}
}

// turn has the clock look at another place: the attempt was moved there.
func (c *clock) turn(to *Attempt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.run != nil {
		c.at = *to
	}
}

// alone says that the adapter has made another attempt itself: from now on the
// call isn't hedged.
func (c *clock) alone() {
	c.mu.Lock()
	c.hedger = nil
	c.mu.Unlock()
}

// stop takes the clock from its run. It is called once for each start. A ring
// at this very moment finds the run answered, or somebody else's not yet due.
func (c *clock) stop() {
	c.mu.Lock()
	c.run, c.at, c.budget, c.hedger, c.covered = nil, Attempt{}, nil, nil, false
	c.mu.Unlock()
	c.router.clocks.Put(c)
}
