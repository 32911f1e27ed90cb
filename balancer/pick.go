package balancer

import (
	"context"
	"time"

	"github.com/fairlead-go/fairlead/sla"
)

// Call says what is to be called.
type Call struct {
	// Service is the name of a configured service.
	Service string
	// Protocol is what the service's endpoints must speak. Default: HTTP.
	Protocol Protocol
	// Method is what assignment rules match, such as "GET /v1/route". It may
	// be empty.
	Method string
	// Idempotent says that the call may be run twice: it is tried again even
	// when an attempt may have reached its target, and hedged if its tier is.
	Idempotent bool
	// Announces says that the function that [Do] runs calls [Attempt.Sending]
	// before it sends anything. Then a call that isn't idempotent doesn't wait
	// for its deadline either while nothing has been sent, as when an endpoint
	// doesn't answer a dial.
	Announces bool
	// Wait says that [Do] waits while no cloud may serve the call, for as long as
	// the call has time, and doesn't fail.
	Wait bool
	// Stream says whether messages flow one by one, as in gRPC's streams. Default:
	// one question, one answer.
	Stream Streaming
	// OneByOne says that the function that [Do] runs can't make two attempts at
	// the same time: the call isn't hedged. Streams never are.
	OneByOne bool
}

// Pick chooses a cloud and an endpoint for one attempt of a call. It is what
// adapters of protocols with retries of their own stand on; others use [Do].
//
// Whether the attempt was the call's last one is not known here, so it says
// something about its cloud and nothing about what the caller was promised: an
// adapter that knows calls [Router.Count] when the call has ended.
//
// The caller must end the attempt with [Attempt.Done], or with
// [Attempt.Answered] and [Attempt.End], and must do so exactly once.
//
// tried are the attempts of the same call that came before, oldest first. A
// pick with any is paid from the service's retry budget; it fails with
// [ErrBudget] if there is nothing left. It prefers a cloud that wasn't tried,
// then an endpoint that wasn't.
//
// Pick blocks only while no cloud that the call's tier may use has ever had an
// address, and then until the first DNS answer, until ctx ends, or for the tier's
// timeout, which ends no stream. With no attempts tried it allocates nothing, and it takes no lock, but
// for one of the cache of assignment rules if the config has 16 or more and the
// context names no tier. Any number of goroutines may call it.
//
// The error is a [*CallError] unless the service is unknown or the router is
// closed, or an [*sla.ShedError] if there is not enough for all and the call has
// to wait.
func (r *Router) Pick(ctx context.Context, call Call, tried []Attempt) (a Attempt, err error) {
	if len(tried) == 0 {
		err = r.Begin(ctx, &call, &a)
		return a, err
	}
	s, class, draw, _, err := r.classify(ctx, &call)
	if err == nil {
		err = r.paidAgain(&a, s, class, draw, tried, call.open(ctx))
	}
	return a, err
}

// Begin is [Router.Pick] of a call's first attempt, which it fills in where it is
// kept: for adapters that count nanoseconds. If there is an error there is no
// attempt, whatever a then holds. The call is only read.
func (r *Router) Begin(ctx context.Context, call *Call, a *Attempt) error {
	t := r.table.Load() // as in classifyNow, a call of which would be felt here
	s := t.find(call.Service, call.Protocol)
	if s == nil {
		return t.unknown(call.Service, call.Protocol)
	}
	draw := r.random()
	class := t.classifier.Classify(ctx, call.Method, r.today(), draw)
	if s.tiers[class.Tier].waits != nil {
		var err error
		if s, class, draw, _, err = r.classifyLater(ctx, call, s, class); err != nil {
			return err
		}
	}
	if err := r.admit(s, class, draw); err != nil {
		return err
	}
	return r.first(a, s, class, draw, call.open(ctx))
}

// classify finds the service and the call's class in the newest table, and
// draws the random number that serves the call's level and its first pick. It
// waits while no address of a cloud is known that the call may go to, and returns
// since when it has, or a negative time if it hasn't. With an error there is a
// table of the service only if the service is known.
func (r *Router) classify(ctx context.Context, call *Call) (*serviceTable, sla.Class, uint64, time.Duration, error) {
	s, class, draw, err := r.classifyNow(ctx, call)
	if err == nil && s.tiers[class.Tier].waits != nil {
		return r.classifyLater(ctx, call, s, class)
	}
	return s, class, draw, -1, err
}

// classifyNow is classify without the wait.
func (r *Router) classifyNow(ctx context.Context, call *Call) (*serviceTable, sla.Class, uint64, error) {
	t := r.table.Load()
	s := t.find(call.Service, call.Protocol)
	if s == nil {
		return nil, sla.Class{}, 0, t.unknown(call.Service, call.Protocol)
	}
	draw := r.random()
	return s, t.classifier.Classify(ctx, call.Method, r.today(), draw), draw, nil
}

// classifyLater is classify for a class that has to wait.
func (r *Router) classifyLater(ctx context.Context, call *Call, s *serviceTable, class sla.Class) (*serviceTable, sla.Class, uint64, time.Duration, error) {
	began, draw, err := r.now(), uint64(0), error(nil)
	for err == nil && s.tiers[class.Tier].waits != nil {
		if err = r.awaitAddress(ctx, call, s, class, began); err == nil {
			s, class, draw, err = r.classifyNow(ctx, call)
		}
	}
	return s, class, draw, began, err
}

// awaitAddress waits for the next answer of a lookup, for no longer than the
// tier's timeout from began on, which ends no stream.
func (r *Router) awaitAddress(ctx context.Context, call *Call, s *serviceTable, class sla.Class, began time.Duration) error {
	tier := &s.tiers[class.Tier]
	if tier.Timeout > 0 && call.Stream == NoStream {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, began+tier.Timeout-r.now(), tier.expired)
		defer cancel()
	}
	select {
	case <-tier.waits:
		return nil
	case <-ctx.Done():
		e := r.refusal(s, class, context.Cause(ctx))
		e.also = []error{ctx.Err()}
		return e
	case <-r.closing:
		return ErrClosed
	}
}

// first makes a the first attempt of a call. Its cloud is drawn by the shares
// of the plan, which hold the decision and its reason, its endpoint by power of
// two choices. One draw serves both: the cloud takes the high half, the
// endpoints the low.
func (r *Router) first(a *Attempt, s *serviceTable, class sla.Class, draw uint64, open bool) error {
	tier := &s.tiers[class.Tier]
	switch {
	case s.observed >= 0:
		return r.firstObserved(a, s, class, draw, open)
	case tier.shares == nil:
		return r.refusal(s, class, ErrNoCloud)
	}
	c := &s.clouds[tier.shares.draw(uint32(draw>>32))]
	if len(c.endpoints) == 0 {
		return r.refusal(s, class, ErrNoCloud)
	}
	i := c.choose(uint32(draw), class.Tier)
	if i < 0 {
		if c, i = s.roomElsewhere(class.Tier, draw, c); i < 0 {
			return r.shed(s, class, sla.ShedInFlight)
		}
	}
	*a = Attempt{tier: uint8(class.Tier), level: class.Level, number: 1, open: open}
	a.begin(c, c.endpoints[i])
	return nil
}

// firstObserved is first while observing: every call goes to one cloud, whatever
// is decided and is under way.
func (r *Router) firstObserved(a *Attempt, s *serviceTable, class sla.Class, draw uint64, open bool) error {
	if tier := &s.tiers[class.Tier]; tier.shares != nil {
		tier.decided[tier.shares.draw(uint32(draw>>32))].Add(1)
	}
	c := &s.clouds[s.observed]
	if len(c.endpoints) == 0 {
		return r.refusal(s, class, ErrNoCloud)
	}
	*a = Attempt{tier: uint8(class.Tier), level: class.Level, number: 1, open: open}
	a.begin(c, c.endpoints[c.twoChoices(uint32(draw))])
	return nil
}

// twoChoices draws two endpoints and returns the index of the one with the
// smaller cost, or of the other if that one is in slow start and yields.
// Compared with one random choice this shortens queues exponentially
// (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing").
func (c *cloudTable) twoChoices(bits uint32) int {
	n := uint64(len(c.endpoints))
	product := uint64(bits) * n
	i := int(product >> 32)
	if n == 1 {
		return i
	}
	j := int((product & (1<<32 - 1)) * (n - 1) >> 32)
	if j >= i {
		j++
	}
	best, other := &c.endpoints[i].live, &c.endpoints[j].live
	if other.Cost() < best.Cost() {
		best, other, i, j = other, best, j, i
	}
	if best.Yields(bits*0x9e3779b1, other) { // a third draw from the same bits
		return j
	}
	return i
}
