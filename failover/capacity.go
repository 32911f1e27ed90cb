package failover

import (
	"math"
	"time"
)

// CapacitySource says where the figure for a cloud's capacity comes from.
type CapacitySource string

const (
	// CapacityUnknown means that there is no figure.
	CapacityUnknown CapacitySource = ""
	// CapacityConfigured is this client's part of what the config says.
	CapacityConfigured CapacitySource = "config"
	// CapacityReported is steered by what the servers report of their load.
	CapacityReported CapacitySource = "reports"
	// CapacityPushback is what is left after servers pushed calls back.
	CapacityPushback CapacitySource = "pushback"
)

// CapacitySigns are what a [Capacity] goes by. Rates are in calls per second and
// this client's alone.
type CapacitySigns struct {
	// Configured is the client's part of the configured capacity, Ceiling of what
	// the cloud can grow to; 0: unknown, or nothing grows.
	Configured, Ceiling float64
	// Load is what the plan in force sends to the cloud.
	Load float64
	// Utilization is the mean of what the servers report: 1 is what they mean to
	// carry. It counts if Reported is set: if there are reports that aren't stale.
	Utilization float64
	Reported    bool
	// Carries is what the servers carry now, for all clients together, as their
	// reports say: calls per second ÷ utilization, as in gRFC A58. 0: unknown. It is
	// left out where it can't be true, as behind a load balancer whose servers each
	// report for themselves.
	Carries float64
	// Clients is how many clients share it. 0: unknown.
	Clients int
	// Answered counts the attempts that ended in an answer or without one in the time
	// that they had, ever, PushedBack those of them that were too much for the cloud:
	// it said so or gave no answer. Those that were given up early are in neither.
	Answered, PushedBack uint64
	// Congested says that more calls would only wait: see [Cap].
	Congested bool
	// Down says that the cloud is. What it pushed back or didn't answer when it fell
	// says nothing of what it can carry when it is back.
	Down bool
}

// Capacity steers how many calls per second one client may send to one cloud. It
// is not a measurement of the cloud: many clients do this at the same time, see
// the same signs and must end up with fair parts that together use the cloud to
// the full.
//
// Without signs it is the configured part, or unknown.
//
// With load reports it follows
//
//	dC/dt = 1.2 × C × (1 − utilization/0.95) per second + part/20 per second
//
// where part is the configured part. The first term takes the utilization to its
// target. The second is the same for all clients and thereby fair: where they
// differ, the smaller ones gain on the larger by half in 14 s. (It is Kelly's
// primal algorithm for a shared link: Kelly, Maulloo and Tan, "Rate control for
// communication networks", 1998; additive increase and multiplicative decrease in
// small steps.) In balance the cloud is used to 0.95 + 0.04 × part/C. Dividing by
// the reported utilization instead would be quicker, but keep whatever unfairness
// there is.
//
// If reports tell how many calls the servers carry, and it is known how many
// clients share that, each client's fair part is known as well. While a fifth of
// the cloud isn't used, a client that has less catches up within a second or two,
// and until the cloud is full, one that has less than half of what others send: it
// needn't wait for the first term, which is slow where others use much. The first
// term then counts what the client has begun to send since the reports as if all
// clients had, for they see the same: else a cloud that has grown would be overrun.
// The number of clients needn't be quite true. A client that usually makes less than
// its part of the calls, in the last minute, takes that for its fair part.
//
// A report is old when it comes. So what this client changed since is added to
// it: the utilization counts as that much higher as the client sends more than
// it did a second ago, by half of it at most: it is one of many.
//
// If nothing is configured the capacity becomes a known one when the cloud is first
// full, by what is reported alone: what the client sends then, but no more than all
// that the cloud carries. That is the part, too. It goes to what there is in 30 s
// while the cloud is full and pushes nothing back: parts of clients that want much
// more than there is would add too much. After 30 s in which it limited nothing, the
// capacity is unknown again.
//
// It grows only while three quarters of it are used, to the ceiling at most, and
// never beyond the configured part if there is no ceiling; what isn't used any more
// sinks back to that part by a third in 10 s.
//
// If servers push more than 5 % of the calls back, or don't answer them in time,
// within a quarter of a second, it is cut to what they took meanwhile, but to one per
// second and 2 % of the part at least: only calls find out when there is more again.
// From then on it grows by 5 % in the first second, 10 % in the next, then 20 % and so
// on: slow enough to stay near what there is if nothing has changed, and soon back
// where it was if the trouble is over. It doesn't grow while the cloud is congested; but
// 30 s after it was last cut, answers may be slow for other reasons than load, and it
// goes back by 5 % per second, to the configured part if there is one.
// Without reports, nobody says that there is more than the configured part: to the
// ceiling it grows by at most 20 % per second.
//
// One goroutine at a time may use a Capacity. The zero value is ready.
type Capacity struct {
	allowance  float64 // 0: unknown
	configured float64
	part       float64 // the configured one, or what was sent when the cloud was first full
	source     CapacitySource
	changed    time.Duration // when the allowance last changed by itself
	stepped    time.Duration
	started    bool
	ago        float64       // Load about a second ago
	steady     float64       // Load that has lasted for some seconds
	clients    int           // that there are said to be
	usual      float64       // the client's part of all calls, 0…1
	watched    float64       // the seconds that this is the mean of
	lastCut    time.Duration // when pushback last cut it
	limited    time.Duration // when it last limited anything

	counted              time.Duration // when the counts were last looked at
	answered, pushedBack uint64        // as they were then
}

const (
	firstGrowth    = 0.05 // per second, after pushback; doubles with each second
	mostGrowth     = 1.0  // per second
	beyondPart     = 0.2  // per second: growth to the ceiling without reports
	idleDecay      = 25 * time.Second
	countFor       = 250 * time.Millisecond
	leastCounted   = 20   // answers that a fraction of pushback needs
	muchPushback   = 0.05 // of the answers
	leastPushback  = 3    // answers
	forgottenIn    = 30 * time.Second
	slowByLoad     = 30 * time.Second // after trouble; what is slow later may be so for other reasons
	limiting       = 0.9              // of the allowance: more might be sent if it were larger
	inUse          = 0.75             // of the allowance: room for what is offered by chance
	leastAllowance = 0.02             // of the part
	leastTaken     = 1                // per second: all that a cloud may get that takes nothing
)

// Step goes on to now and returns the capacity, 0 if it is unknown, and where
// that comes from. It is meant to be called at each sweep.
func (c *Capacity) Step(now time.Duration, s CapacitySigns) (perSecond float64, source CapacitySource) {
	if !c.started {
		c.started, c.stepped, c.changed, c.counted = true, now, now, now
		c.answered, c.pushedBack = s.Answered, s.PushedBack
		c.ago = s.Load
	}
	was := c.allowance
	dt := min(now-c.stepped, time.Second).Seconds()
	c.stepped = now
	c.configure(s.Configured)
	relax(&c.ago, s.Load, dt, reportAge)
	taken, pushed := c.pushback(now, s)
	switch {
	case s.Down:
		c.restart(now, s)
	case pushed:
		c.lastCut, c.limited = now, now
		c.cut(max(taken, leastTaken), CapacityPushback)
	case s.Reported:
		c.steer(dt, s)
	default:
		c.probe(now, dt, s)
	}
	c.bound(s)
	c.forget(now, s)
	if c.allowance != was {
		c.changed = now
	}
	return c.allowance, c.source
}

// Since is when the capacity last changed.
func (c *Capacity) Since() time.Duration { return c.changed }

// configure takes over a configured part that has changed, also because endpoints
// came or went: what was found out then stays true of each of the others.
func (c *Capacity) configure(part float64) {
	was := c.configured
	if part == was {
		return
	}
	c.configured = part
	if part == 0 || was == 0 {
		c.reset()
		return
	}
	c.part = part
	c.allowance *= part / was
}

// reset goes back to what is configured.
func (c *Capacity) reset() {
	c.allowance, c.part, c.source = c.configured, c.configured, CapacityConfigured
	if c.configured == 0 {
		c.source = CapacityUnknown
	}
}

// restart goes back to what is configured and forgets what was found out.
func (c *Capacity) restart(now time.Duration, s CapacitySigns) {
	c.reset()
	c.ago, c.lastCut = s.Load, 0
	c.counted, c.answered, c.pushedBack = now, s.Answered, s.PushedBack
}

// forget makes a capacity that isn't configured an unknown one if it has limited
// nothing for long.
func (c *Capacity) forget(now time.Duration, s CapacitySigns) {
	full := s.Reported && s.Utilization > targetUtilization
	if c.allowance == 0 || full || s.Congested && now-c.lastCut < slowByLoad || s.Load >= limiting*c.allowance {
		c.limited = now
	}
	if s.Configured == 0 && now-c.limited >= forgottenIn {
		c.reset()
	}
}

// pushback reports whether the cloud said "too much" to too many calls, and how
// many per second it took meanwhile. It looks at a quarter of a second, or a second
// if there are few answers.
func (c *Capacity) pushback(now time.Duration, s CapacitySigns) (taken float64, pushed bool) {
	answered := s.Answered - c.answered
	refused := min(s.PushedBack-c.pushedBack, answered) // one may be counted before it is an answer
	passed := now - c.counted
	if passed < countFor || answered < leastCounted && passed < 4*countFor {
		return 0, false
	}
	c.counted, c.answered, c.pushedBack = now, s.Answered, s.PushedBack
	taken = float64(answered - refused)
	taken += 2 * math.Sqrt(taken) // of few answers chance may have refused too many
	return taken / passed.Seconds(), refused >= leastPushback && float64(refused) > muchPushback*float64(answered)
}

// cut takes the allowance down.
func (c *Capacity) cut(to float64, source CapacitySource) {
	if c.allowance != 0 && c.allowance <= to || to <= 0 {
		return
	}
	if c.part == 0 {
		c.part = to
	}
	c.allowance, c.source = to, source
}

// probe looks for what there is without reports.
func (c *Capacity) probe(now time.Duration, dt float64, s CapacitySigns) {
	growth := min(firstGrowth*math.Exp2((now-c.lastCut).Seconds()), mostGrowth)
	if s.Congested {
		growth = firstGrowth
	}
	beyond := s.Configured > 0 && c.allowance >= s.Configured
	switch {
	case c.allowance == 0, s.Congested && (beyond || now-c.lastCut < slowByLoad):
	case beyond && c.used(s):
		c.allowance += dt * min(growth, beyondPart) * c.allowance
	case s.Configured > 0 && c.allowance < s.Configured, c.used(s):
		c.allowance += dt * growth * c.allowance
	}
	c.rest(dt, s)
}

// rest lets what isn't used sink back to the part.
func (c *Capacity) rest(dt float64, s CapacitySigns) {
	if goal := max(c.part, s.Load/inUse); c.allowance > goal && !c.used(s) {
		relax(&c.allowance, goal, dt, idleDecay)
	}
}

// relax takes x towards goal by 1 − 1/e in tau; dt seconds have passed.
func relax(x *float64, goal, dt float64, tau time.Duration) {
	*x += (goal - *x) * -math.Expm1(-dt/tau.Seconds())
}

// used reports whether the allowance is what limits the calls.
func (c *Capacity) used(s CapacitySigns) bool { return s.Load >= inUse*c.allowance }

// bound keeps the allowance within what the config says.
func (c *Capacity) bound(s CapacitySigns) {
	switch most := max(s.Configured, s.Ceiling); {
	case c.allowance == 0:
	case s.Configured > 0 && c.allowance >= most:
		c.allowance = most
		if most == s.Configured {
			c.source = CapacityConfigured
		}
	default:
		c.allowance = max(c.allowance, leastAllowance*c.part)
	}
}
