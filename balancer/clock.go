package balancer

import (
	"sync"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
)

// clock cuts an attempt short when its time is over and the retry budget pays
// for another: at once, or as soon as it does. Once the attempt's cloud is known
// to be down the next one is free: it goes where the first should have gone, and
// there are no more of them than were under way when the cloud fell.
//
// Nearly all attempts end long before. So a router keeps clocks for further
// attempts, and doesn't stop their timers but lets them run: one that rings too
// early is set again. Setting a timer for each attempt would cost as much as a
// pick.
type clock struct {
	router *Router

	mu     sync.Mutex
	timer  *time.Timer
	set    time.Duration // when the timer will ring; 0: it won't
	run    *run          // nil while the clock serves nobody
	due    time.Duration // when the run's time is over
	target *health.Target
	budget *failover.Budget // nil if it pays for nothing
	spends bool             // all of the budget
}

// startClock gives a run the time from now to due.
func (r *Router) startClock(now, due time.Duration, of *run, target *health.Target, budget *failover.Budget, spends bool) *clock {
	c, _ := r.clocks.Get().(*clock)
	if c == nil {
		c = &clock{router: r}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.run, c.due, c.target, c.budget, c.spends = of, due, target, budget, spends
	if c.set == 0 || due < c.set {
		c.setTimer(now)
	}
	return c
}

// setTimer makes the clock ring when it is due. The caller holds mu.
func (c *clock) setTimer(now time.Duration) {
	c.set = c.due
	if c.timer == nil {
		c.timer = time.AfterFunc(c.due-now, c.ring)
	} else {
		c.timer.Reset(c.due - now)
	}
}

// ring cuts the attempt short, unless it has its answer.
func (c *clock) ring() {
	run, paidBy := c.over()
	switch {
	case run == nil:
	case run.fate.cut(paidBy != nil):
		run.cancel()
	case paidBy != nil:
		paidBy.Return()
	}
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
		case c.budget != nil && c.budget.Withdraw(c.spends):
			return c.run, c.budget
		case c.target.State() == health.Down:
			return c.run, nil
		}
		c.due = now + stepEvery // when there may be more in the budget
	}
	c.setTimer(now)
	return nil, nil
}

// turn has the clock look at another target: the attempt was moved there.
func (c *clock) turn(target *health.Target) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.run != nil {
		c.target = target
	}
}

// stop takes the clock from its run. It is called once for each start. A ring
// at this very moment finds the run answered, or somebody else's not yet due.
func (c *clock) stop() {
	c.mu.Lock()
	c.run, c.target, c.budget = nil, nil, nil
	c.mu.Unlock()
	c.router.clocks.Put(c)
}
