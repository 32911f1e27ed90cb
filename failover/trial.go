package failover

import (
	"fmt"
	"slices"
	"time"
)

// shareGone is the share at which a cloud counts as left.
const shareGone = 0.01

// trial measures a change while it is in force, and says when to give it up.
type trial struct {
	began   time.Duration
	planned time.Duration // when the plan first had it; below 0: not yet
	gone    time.Duration // when the cloud's shares were first under 1 %; below 0: not yet
	well    time.Duration // when callers first got what they should after that; below 0: not yet

	tiers  map[string]*tierTrial  // by service and tier
	clouds map[string]*cloudTrial // by service, protocol and cloud
	order  []*tierTrial
	stay   []*cloudTrial

	favoured map[string]bool // likewise: those that a shift gives more
}

type tierTrial struct {
	service, tier string
	watched       bool
	target        float64
	window        time.Duration
	*meter
	shed    uint64 // as last read
	shedSum uint64 // since the change began
	peak    float64
}

type cloudTrial struct {
	service, protocol, cloud string
	*meter
	utilization float64 // the highest
	p99         time.Duration
}

// firstJudgement is how long a change must have been in force for its burn to
// count as a peak: the rate of the first few calls means nothing.
const firstJudgement = time.Second

// newTrial begins to measure, when the change has moved nothing yet.
func newTrial(now time.Duration, c *Change, signs []ServiceSigns) *trial {
	t := &trial{
		began: now, planned: -1, gone: -1, well: -1,
		tiers: make(map[string]*tierTrial), clouds: make(map[string]*cloudTrial), favoured: make(map[string]bool),
	}
	for i := range signs {
		t.adopt(&signs[i], c)
	}
	return t
}

// adopt notes which clouds of a service a shift moves to: also those that it comes to
// move to later, as when the service gets endpoints there. Those that it moved to before
// stay noted.
func (t *trial) adopt(s *ServiceSigns, c *Change) {
	if c.drains() {
		return
	}
	base := make(map[string]uint32, len(s.Input.Clouds))
	for _, cloud := range s.Input.Clouds {
		base[cloud.Name] = cloud.Weight
		if weight, known := s.Weights[cloud.Name]; known {
			base[cloud.Name] = weight
		}
	}
	from, to := parts(c.weights(base, 0)), parts(c.weights(base, 1))
	for cloud := range base {
		if to[cloud] > from[cloud] {
			t.favoured[s.name()+"\x00"+cloud] = true
		}
	}
}

// read takes in what is seen now.
func (t *trial) read(now time.Duration, c *Change, signs []ServiceSigns) {
	for i := range signs {
		s := &signs[i]
		if s.Weights != nil {
			t.adopt(s, c)
		}
		for k := range s.Input.Tiers {
			if k < len(s.Calls) {
				t.readTier(now, s, k)
			}
		}
		for k := range s.Input.Clouds {
			if k < len(s.Clouds) {
				t.readCloud(now, s, k, c)
			}
		}
	}
	t.measure(now, c, signs)
}

func (t *trial) readTier(now time.Duration, s *ServiceSigns, k int) {
	tier, calls := &s.Input.Tiers[k], s.Calls[k]
	bad := calls.Bad + calls.Shed
	key := s.Service + "\x00" + tier.Name
	m := t.tiers[key]
	if m == nil {
		m = &tierTrial{service: s.Service, tier: tier.Name, meter: newMeter(now, calls.Good, bad), shed: calls.Shed}
		t.tiers[key] = m
		t.order = append(t.order, m)
	}
	m.watched, m.target, m.window = watched(s.Input.Tiers, k), tier.Objective.Target, tier.Objective.Window
	m.read(now, calls.Good, bad)
	if calls.Shed > m.shed {
		m.shedSum += calls.Shed - m.shed
	}
	m.shed = calls.Shed
	if rate, _, _, _ := m.burn(now, m.target); now-t.began >= firstJudgement {
		m.peak = max(m.peak, rate)
	}
}

func (t *trial) readCloud(now time.Duration, s *ServiceSigns, k int, c *Change) {
	cloud, counts := &s.Input.Clouds[k], s.Clouds[k]
	key := s.name() + "\x00" + cloud.Name
	m := t.clouds[key]
	if m == nil {
		m = &cloudTrial{service: s.Service, protocol: s.Protocol, cloud: cloud.Name, meter: newMeter(now, counts.Good, counts.Bad)}
		t.clouds[key] = m
		if !c.drains() || cloud.Name != c.Cloud {
			t.stay = append(t.stay, m)
		}
	}
	m.read(now, counts.Good, counts.Bad)
	m.p99 = max(m.p99, counts.P99)
	for i := range s.Plan.Clouds {
		if p := &s.Plan.Clouds[i]; p.Cloud == cloud.Name {
			m.utilization = max(m.utilization, p.Utilization)
		}
	}
}

// measure finds the moments that a report is about.
func (t *trial) measure(now time.Duration, c *Change, signs []ServiceSigns) {
	if !c.drains() {
		return
	}
	highest, planned := 0.0, false
	for i := range signs {
		for _, tier := range signs[i].Plan.Tiers {
			for _, share := range tier.Shares {
				if share.Cloud == c.Cloud {
					highest = max(highest, share.Fraction)
					planned = planned || share.Reason == ReasonDrained || share.Reason == ReasonDraining
				}
			}
		}
	}
	if planned && t.planned < 0 {
		t.planned = now
	}
	if t.gone < 0 && planned && highest < shareGone {
		t.gone = now
	}
	if t.gone >= 0 && t.well < 0 {
		t.well = t.goodSecond(now)
	}
}

// goodSecond returns when the last second began if all of it came after the cloud
// was left and every protected tier was at its target in it; -1 if not.
func (t *trial) goodSecond(now time.Duration) time.Duration {
	began := t.gone
	for _, m := range t.order {
		switch {
		case !m.watched:
		case !m.meter.well(m.target):
			return -1
		default:
			began = max(began, m.recent[0].at)
		}
	}
	if now-began < recentTime {
		return -1
	}
	return began
}

// verdict returns why the change is to be given up, "" if it isn't. forced are the
// rules that were overridden when it began.
func (t *trial) verdict(now time.Duration, c *Change, forced []Rule, signs []ServiceSigns) string {
	a := c.Abort
	if a.Burn > 0 {
		for _, m := range t.order {
			if rate, bad, all, over := m.burn(now, m.target); m.watched && rate >= a.Burn && bad >= uint64(a.Events) {
				return fmt.Sprintf("tier %s of service %s burns its error budget %.1f times as fast as allowed: %d of %d calls were bad in %v",
					m.tier, m.service, rate, bad, all, over.Round(time.Millisecond))
			}
		}
	}
	if c.Kind == KindShift {
		if why := t.arrivals(now, c, signs); why != "" {
			return why
		}
	}
	if c.Kind == KindDrill && !slices.Contains(forced, RuleMinClouds) {
		for i := range signs {
			if few := c.tooFew(&ServiceInput{signs[i].name(), signs[i].Input}); len(few) > 0 {
				return few[0].Error()
			}
		}
	}
	if a.Headroom > 0 && !slices.Contains(forced, RuleCapacity) {
		for i := range signs {
			if why := t.crowded(c, &signs[i]); why != "" {
				return why
			}
		}
	}
	return ""
}

// crowded says which cloud that takes more calls than without the change has too
// little headroom, for sure.
func (t *trial) crowded(c *Change, s *ServiceSigns) string {
	in := s.sure()
	for _, cloud := range in.Clouds {
		if c.drains() && cloud.Name == c.Cloud || !c.drains() && !t.favoured[s.name()+"\x00"+cloud.Name] {
			continue
		}
		left, known := Headroom(in, s.Plan, cloud.Name)
		if !known || left >= c.Abort.Headroom {
			continue
		}
		if c.drains() {
			before := c.undone(&in)
			if was, _ := Headroom(before, Compute(before), cloud.Name); left >= was-negligible {
				continue // it would have no more without the change
			}
		}
		return fmt.Sprintf("the protected tiers of service %s leave cloud %s a headroom of %.0f %% of its capacity, which must be %.0f %%",
			s.name(), cloud.Name, 100*left, 100*c.Abort.Headroom)
	}
	return ""
}

// arrivals judges the clouds that a shift moves to by their attempts, against the
// strictest objective.
func (t *trial) arrivals(now time.Duration, c *Change, signs []ServiceSigns) string {
	for i := range signs {
		s := &signs[i]
		target := 0.0
		for k := range s.Input.Tiers {
			if watched(s.Input.Tiers, k) {
				target = max(target, s.Input.Tiers[k].Objective.Target)
			}
		}
		for _, cloud := range s.Input.Clouds {
			key := s.name() + "\x00" + cloud.Name
			m := t.clouds[key]
			if m == nil || !t.favoured[key] {
				continue
			}
			if rate, bad, all, over := m.burn(now, target); rate >= c.Abort.Burn && bad >= uint64(c.Abort.Events) {
				return fmt.Sprintf("attempts of service %s at cloud %s, which it moves to, fail %.1f times as often as the objective allows: %d of %d were bad in %v",
					s.name(), cloud.Name, rate, bad, all, over.Round(time.Millisecond))
			}
		}
	}
	return ""
}
