package balancer

import (
	"slices"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/health"
)

// Why a cloud went down, as far as that can be told in one of a few words.
const (
	fellSilent = iota
	fellFailing
	fellProbes
	fellAgain // on its way back
	falls
)

var fallReasons = [falls]string{"silent", "failing", "probes", "gate"}

// cloudKey is a service that speaks a protocol in a cloud, and tierRecordKey one of its
// tiers.
type (
	cloudKey struct {
		serviceKey
		cloud string
	}
	tierRecordKey struct {
		serviceKey
		tier string
	}
)

// cloudRecord is what is counted of a service in a cloud for as long as the router
// lives: what leaves the config and comes back goes on counting. Router.mu guards
// it.
type cloudRecord struct {
	fell    [falls]uint64
	timings map[string]*timing // by tier
	past    []pastTarget       // that left the config and may still be in use
	done    health.Totals      // of those that aren't any more
}

type pastTarget struct {
	*health.Target
	left time.Duration
}

// fall counts a change to health.Down.
func (c *cloudRecord) fall(change health.Change) {
	kind := fellFailing
	switch {
	case change.From == health.Recovering:
		kind = fellAgain
	case strings.HasPrefix(change.Reason, "silent"):
		kind = fellSilent
	case strings.HasPrefix(change.Reason, "probes"):
		kind = fellProbes
	}
	c.fell[kind]++
}

// totals returns the totals of the target there is and of all before it.
func (c *cloudRecord) totals(now *health.Target) health.Totals {
	sum := now.Totals()
	add := func(t health.Totals) {
		sum.Outcomes = sum.Outcomes.Plus(t.Outcomes)
		for tier, n := range t.Begun {
			sum.Begun[tier] += n
		}
	}
	add(c.done)
	for _, t := range c.past {
		add(t.Totals())
	}
	return sum
}

// retire keeps the counts of a target that leaves the config.
func (c *cloudRecord) retire(now time.Duration, t *health.Target) {
	c.past = append(c.past, pastTarget{t, now})
}

// settle lets go of targets that nobody uses any more. For a second a pick may be
// about to, that chose the target before.
func (c *cloudRecord) settle(now time.Duration) {
	c.past = slices.DeleteFunc(c.past, func(t pastTarget) bool {
		if now-t.left < time.Second || !t.Idle() {
			return false
		}
		last := t.Totals()
		c.done.Outcomes = c.done.Outcomes.Plus(last.Outcomes)
		if c.done.Begun == nil {
			c.done.Begun = make(map[string]uint64)
		}
		for tier, n := range last.Begun {
			c.done.Begun[tier] += n
		}
		return true
	})
}

// mostGone is of how many services, clouds and tiers that have left the config
// the counts are kept.
const mostGone = 1000

// record returns the record of a service in a cloud.
func (r *Router) record(s *service, cloud string) *cloudRecord {
	key := cloudKey{serviceKey{s.name, s.protocol}, cloud}
	if r.records[key] == nil {
		r.records[key] = new(cloudRecord)
	}
	return r.records[key]
}

// endingsOf returns how the calls ended of a service's tier.
func (r *Router) endingsOf(s *service, tier string) *endings {
	key := tierRecordKey{serviceKey{s.name, s.protocol}, tier}
	if r.endings[key] == nil {
		r.endings[key] = new(endings)
	}
	return r.endings[key]
}

// forgetGone bounds what is kept of services, clouds and tiers that have left the
// config. Those that come back after that begin anew.
func (r *Router) forgetGone(now time.Duration) {
	for _, c := range r.records {
		c.settle(now)
	}
	clouds, tiers := make(map[cloudKey]bool), make(map[tierRecordKey]bool)
	for _, s := range r.order {
		for _, c := range s.clouds {
			clouds[cloudKey{serviceKey{s.name, s.protocol}, c.name}] = true
		}
		for _, t := range s.tiers {
			tiers[tierRecordKey{serviceKey{s.name, s.protocol}, t.Name}] = true
		}
	}
	dropGone(r.records, clouds)
	dropGone(r.endings, tiers)
}

func dropGone[K comparable, V any](kept map[K]V, there map[K]bool) {
	if len(kept) <= len(there)+mostGone {
		return
	}
	for key := range kept {
		if !there[key] {
			delete(kept, key)
		}
	}
}
