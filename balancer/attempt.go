package balancer

import (
	"cmp"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// Attempt is one try of a call at one endpoint. It is a small value that may
// be copied; its copies are the same attempt.
//
// It is kept small and filled in where it is returned: a pick is measured in
// tens of nanoseconds, and copies would take a good part of them.
type Attempt struct {
	cloud    *cloudTable
	endpoint *endpoint
	run      *run // nil unless Do made the attempt
	began    time.Duration
	tier     uint8 // the config has at most 32
	level    uint8
	number   uint16
	open     bool // the target may be silent as long as it likes
	hedge    bool // another attempt of the call was under way when it began
}

// begin starts the attempt at an endpoint.
func (a *Attempt) begin(c *cloudTable, e *endpoint) {
	a.cloud, a.endpoint, a.began = c, e, c.router.now()
	if a.open {
		e.live.Enter()
	} else {
		e.live.Begin(int(a.tier))
	}
	if c.router.trace.Picked != nil {
		a.picked()
	}
}

// picked calls the hook. If that panics the attempt ends, unless [Do] knows of it
// already.
func (a *Attempt) picked() {
	returned := false
	defer func() {
		if !returned && a.run == nil {
			a.endpoint.live.End()
			a.record(a.began, health.Outcome{Reason: "panic"})
		}
	}()
	a.cloud.router.trace.Picked(*a)
	returned = true
}

// table returns the service and the tier that the attempt was chosen by.
func (a *Attempt) table() (*serviceTable, *tierTable) {
	return a.cloud.service, &a.cloud.service.tiers[a.tier]
}

// Service returns the name of the service.
func (a Attempt) Service() string { return a.cloud.service.name }

// Cloud returns the name of the cloud.
func (a Attempt) Cloud() string { return a.cloud.name }

// Endpoint returns the endpoint.
func (a Attempt) Endpoint() *Endpoint { return &a.endpoint.Endpoint }

// Tier returns the name of the call's tier.
func (a Attempt) Tier() string { return a.cloud.service.tiers[a.tier].Name }

// Level returns the call's level inside its tier, 0…127: see [sla.Class].
func (a Attempt) Level() int { return int(a.level) }

// Number is 1 for the first attempt of a call.
func (a Attempt) Number() int { return int(a.number) }

// Time returns how long the attempt should be waited for before another is made
// of an idempotent call, given what is left of the call's time, or 0 if the
// call has no deadline: see [failover.AttemptTime]. Where neither a deadline nor
// the target's latencies say anything, it is 1 s. Whether the attempt should really
// be given up is then for [Attempt.Overdue] to say.
func (a Attempt) Time(left time.Duration) time.Duration {
	return cmp.Or(failover.AttemptTime(a.cloud.target.P99(int(a.tier)), left), time.Second)
}

// Done ends an attempt that [Router.Pick] made, with its outcome.
func (a Attempt) Done(o health.Outcome) {
	now := a.cloud.router.now()
	if o.Kind == health.OK && !a.open && !a.cloud.watched { // as nearly always
		a.cloud.target.Good(&a.endpoint.live, int(a.tier), a.began, now)
		return
	}
	a.record(now, o)
	a.endpoint.live.End()
	a.tell(now, o)
}

// Answered reports the outcome of an attempt that [Router.Pick] made, as soon
// as it is known: for a stream that is at its headers. The time since the pick
// is the attempt's latency. Call it once; within [Do] it is not needed.
func (a Attempt) Answered(o health.Outcome) { a.answered(a.cloud.router.now(), o) }

func (a *Attempt) answered(now time.Duration, o health.Outcome) {
	a.record(now, o)
	a.tell(now, o)
}

// record counts the outcome.
func (a *Attempt) record(now time.Duration, o health.Outcome) {
	if a.open {
		a.cloud.target.RecordOpen(&a.endpoint.live, int(a.tier), a.began, now, o)
	} else {
		a.cloud.target.Record(&a.endpoint.live, int(a.tier), a.began, now, o)
	}
	if a.cloud.watched {
		a.watch(now, o)
	}
}

// watch does what there is to do with the outcome beside counting it.
func (a *Attempt) watch(now time.Duration, o health.Outcome) {
	if a.cloud.recovering && o.Kind != health.Neutral && !o.Guess && !a.cloud.service.tiers[a.tier].Protected {
		a.cloud.live.unprotected.Add(1)
	}
	if a.cloud.router.latency != nil {
		a.time(o.Kind, now-a.began)
	}
}

// tell calls the hook.
func (a *Attempt) tell(now time.Duration, o health.Outcome) {
	if hook := a.cloud.router.trace.Answered; hook != nil {
		hook(*a, o, now-a.began)
	}
}

// End says that the attempt occupies its endpoint no longer: the last byte
// was read or given up. Call it once; within [Do] it is not needed.
func (a Attempt) End() { a.endpoint.live.End() }

// Keep, called by the function that [Do] runs, leaves the attempt open when
// that function returns: its context stays alive and its endpoint counts as
// occupied until [Attempt.Release] is called. An adapter keeps an attempt
// whose answer is still to be read, such as the body of an HTTP response. The
// call counts for its tier and contract when the attempt is released: it took as
// long as until Do returned, and is bad if the answer breaks off.
func (a Attempt) Keep() { a.run.kept = true }

// Final, called by the function that [Do] runs, says that there can be no other
// attempt, whatever comes of this one: what it sends can't be sent twice.
func (a Attempt) Final() { a.run.final = true }

// Sending, called by the function that [Do] runs, says that from now on
// something may reach the target. It reports false if the attempt was cut short,
// or another one was answered, before: then nothing may be sent. Once it has reported true, an attempt of a
// call that isn't idempotent is not cut short any more. Any goroutine may call
// it, and more than once. See [Call.Announces].
func (a Attempt) Sending() bool {
	if a.run.once {
		return a.run.fate.sending()
	}
	cut, _ := a.run.fate.isCut()
	return !cut && !a.run.fate.isLost()
}

// Unsent, called by the function that [Do] runs, says that certainly nothing of
// the attempt reached its target, so that its failure isn't ambiguous. An outcome
// of health.Refused or health.Overloaded says so itself, unless it forbids a retry.
func (a Attempt) Unsent() { a.run.unsent = true }

// Broken returns the error of a call whose answer had begun and broke off with
// err: what the router knows of it. The adapter adds the attempts.
func (a Attempt) Broken(err error) *CallError {
	return a.cloud.router.refusal(a.cloud.service, sla.Class{Tier: int(a.tier), Level: a.level}, err)
}

// Release ends an attempt that was kept, or that [Router.Pick] made and
// [Attempt.Answered] was told of. The outcome is that of the rest of the answer;
// a zero [health.Outcome] or health.OK adds nothing to what was told before. Call
// it once.
func (a Attempt) Release(rest health.Outcome) {
	now := a.began
	if rest.Kind.Bad() {
		now = a.cloud.router.now()
		a.cloud.target.Spoiled(&a.endpoint.live, a.began, now, rest)
	}
	a.End()
	if a.run != nil {
		a.run.ending.released(rest.Kind.Bad())
		a.run.close()
	}
	if rest.Kind.Bad() {
		a.tell(now, rest)
	}
}
