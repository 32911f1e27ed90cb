package balancer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
)

const (
	// historyLasts is how far back shares are kept, and historyEvery how often
	// they are looked at: there are 900 samples at most.
	historyLasts = 15 * time.Minute
	historyEvery = time.Second
	// mostEvents is how many events are kept.
	mostEvents = 256
	// repeatAfter is how long a cloud's reason for its share isn't told again.
	repeatAfter = 30 * time.Second
)

// History is what has happened lately: the shares of the last 15 minutes and the
// last 256 events. It is plain data.
type History struct {
	// Since is when the router was made, or 15 minutes before At.
	Since, At time.Time
	Services  []ServiceHistory
	// Events are sorted by time, oldest first.
	Events []Event
}

// ServiceHistory are the shares of one service.
type ServiceHistory struct {
	Name     string
	Protocol Protocol
	// Samples are sorted by time, oldest first. Each holds until the next, at
	// least a second later; the first may be older than History.Since.
	Samples []ShareSample
}

// ShareSample are the shares in force at a time.
type ShareSample struct {
	At time.Time
	// Tiers and Clouds name the rows and columns of Shares. Samples share them:
	// they must not be changed.
	Tiers, Clouds []string
	// Shares holds, tier by tier, the share of each cloud, 0…1.
	Shares []float32
}

// EventKind says what an event is about.
type EventKind string

// The kinds of events.
const (
	EventState    EventKind = "state"    // a cloud's state changed
	EventFailover EventKind = "failover" // calls left a cloud because it is down
	EventPlan     EventKind = "plan"     // a cloud's share has another reason
	EventHold     EventKind = "hold"     // the fault is found to be on this side, or not any more
	EventChange   EventKind = "change"   // something became of a drain, shift or drill
	EventConfig   EventKind = "config"   // a config was put in force, or refused
)

// Event is something that happened.
type Event struct {
	// ID counts the events of the router, from 1 on.
	ID   uint64
	At   time.Time
	Kind EventKind
	// Service and Cloud say what it concerns; empty if that is all of them.
	Service  string
	Protocol Protocol // of Service
	Cloud    string
	// From and To are states or reasons, where there was such a change. To is
	// "in force" or "refused" for a config.
	From, To string
	// Text is for a person. Errors and reasons in it come from outside.
	Text string
}

// events are the last events, guarded by Router.mu.
type events struct {
	ring  []Event
	count uint64 // ever
}

func (e *events) add(event Event) {
	e.count++
	event.ID = e.count
	if len(e.ring) < mostEvents {
		e.ring = append(e.ring, event)
	} else {
		e.ring[(e.count-1)%mostEvents] = event
	}
}

// list returns them, oldest first.
func (e *events) list() []Event {
	if len(e.ring) < mostEvents {
		return slices.Clone(e.ring)
	}
	at := e.count % mostEvents
	return slices.Concat(e.ring[at:], e.ring[:at])
}

// samples are the shares of a service in time, oldest first. Shares that don't
// change take one, those that always do one for each second of the last 15
// minutes.
type samples struct{ list []sample }

type sample struct {
	at time.Duration
	shape
	shares []float32
}

// shape names what shares are of. Samples share it until the config changes.
type shape struct{ tiers, clouds []string }

// sample keeps the shares of all services, once a second. The caller holds mu.
func (r *Router) sample(now time.Duration) {
	if r.sampled > 0 && now-r.sampled < historyEvery {
		return
	}
	r.sampled = now
	for _, s := range r.order {
		s.samples.add(s.plan, now)
	}
}

func (h *samples) add(plan failover.Plan, now time.Duration) {
	// What is too old is needed only if nothing newer holds at the beginning.
	old := 0
	for old+1 < len(h.list) && h.list[old+1].at <= now-historyLasts {
		old++
	}
	h.list = slices.Delete(h.list, 0, old)
	if len(h.list) > 0 && h.list[len(h.list)-1].of(plan) {
		return
	}
	next := sample{at: now, shape: shapeOf(plan)}
	if len(h.list) > 0 {
		if last := h.list[len(h.list)-1].shape; slices.Equal(last.tiers, next.tiers) && slices.Equal(last.clouds, next.clouds) {
			next.shape = last
		}
	}
	for _, tier := range plan.Tiers {
		for _, share := range tier.Shares {
			next.shares = append(next.shares, float32(share.Fraction))
		}
	}
	h.list = append(h.list, next)
}

// of reports whether the sample is what the plan says.
func (x *sample) of(plan failover.Plan) bool {
	if len(plan.Tiers) != len(x.tiers) {
		return false
	}
	for i, tier := range plan.Tiers {
		if tier.Tier != x.tiers[i] || len(tier.Shares) != len(x.clouds) {
			return false
		}
		for k, share := range tier.Shares {
			if share.Cloud != x.clouds[k] || float32(share.Fraction) != x.shares[i*len(x.clouds)+k] {
				return false
			}
		}
	}
	return true
}

func shapeOf(plan failover.Plan) (s shape) {
	for i, tier := range plan.Tiers {
		s.tiers = append(s.tiers, tier.Tier)
		for _, share := range tier.Shares {
			if i == 0 {
				s.clouds = append(s.clouds, share.Cloud)
			}
		}
	}
	return s
}

// History returns what has happened lately.
func (r *Router) History() History {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	h := History{Since: r.wall(max(0, now-historyLasts)), At: r.wall(now), Events: r.events.list()}
	for _, s := range r.order {
		of := ServiceHistory{Name: s.name, Protocol: s.protocol}
		for _, x := range s.samples.list {
			of.Samples = append(of.Samples, ShareSample{At: r.wall(x.at), Tiers: x.tiers, Clouds: x.clouds, Shares: slices.Clone(x.shares)})
		}
		h.Services = append(h.Services, of)
	}
	return h
}

// recordState keeps a change of state.
func (r *Router) recordState(s *service, cloud string, c health.Change) {
	r.events.add(Event{
		At: r.wall(c.At), Kind: EventState, Service: s.name, Protocol: s.protocol, Cloud: cloud,
		From: c.From.String(), To: c.To.String(), Text: cut(c.Reason),
	})
}

// recordHold keeps that bad health isn't held against the clouds, or is again.
func (r *Router) recordHold(s *service, now time.Duration) {
	text := s.held
	if text == "" {
		text = "what is seen of the clouds counts again"
	}
	r.events.add(Event{At: r.wall(now), Kind: EventHold, Service: s.name, Protocol: s.protocol, Text: text})
}

// recordPlan keeps which clouds have their shares for another reason than
// before, and what became of them. A share that moves step by step is one event,
// and one that goes to and fro is told once in repeatAfter.
func (r *Router) recordPlan(s *service, was, is failover.Plan, now time.Duration) {
	if len(was.Tiers) == 0 {
		return // there is nothing to compare with
	}
	for _, c := range s.clouds {
		var tiers []string
		event := Event{At: r.wall(now), Kind: EventPlan, Service: s.name, Protocol: s.protocol, Cloud: c.name}
		for _, tier := range is.Tiers {
			before, after := shareIn(was, tier.Tier, c.name), shareIn(is, tier.Tier, c.name)
			if before == nil || after == nil || before.Reason == after.Reason {
				continue
			}
			if len(tiers) == 0 {
				event.From, event.To = string(before.Reason), string(after.Reason)
			}
			tiers = append(tiers, fmt.Sprintf("%s %s → %s", tier.Tier, percent(before.Fraction), percent(after.Fraction)))
			if after.Reason == failover.ReasonDown && before.Fraction > 0 {
				event.Kind = EventFailover
			}
		}
		to := failover.Reason(event.To)
		if last, told := c.told[to]; len(tiers) > 0 && event.Kind == EventPlan && told && now-last < repeatAfter {
			continue
		}
		if len(tiers) > 0 {
			if c.told == nil {
				c.told = make(map[failover.Reason]time.Duration)
			}
			c.told[to] = now
			event.Text = "share of " + strings.Join(tiers, ", ")
			r.events.add(event)
		}
	}
}

// shareIn returns the share of a cloud in a tier, nil if there is none.
func shareIn(plan failover.Plan, tier, cloud string) *failover.Share {
	for i := range plan.Tiers {
		for k := range plan.Tiers[i].Shares {
			if share := &plan.Tiers[i].Shares[k]; plan.Tiers[i].Tier == tier && share.Cloud == cloud {
				return share
			}
		}
	}
	return nil
}

// longestText is how many bytes of a text are kept.
const longestText = 1000

// cut bounds a text, whose length callers and files choose.
func cut(s string) string {
	if len(s) <= longestText {
		return s
	}
	return strings.ToValidUTF8(s[:longestText], "") + "…"
}
