package failover

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// Rule is a code that says which rule refuses a change.
type Rule string

const (
	RuleWindow        Rule = "window"        // it would not lie in allowed times, or touch blocked ones
	RuleContradiction Rule = "contradiction" // an earlier change moves the same calls
	RuleMinClouds     Rule = "minClouds"     // a tier would be left with too few clouds
	RuleCapacity      Rule = "capacity"      // the clouds that stay can't carry the protected tiers
	RuleInterval      Rule = "interval"      // another change has begun or ended just now
	RuleObserve       Rule = "observe"       // the cloud gets every call while it is observed
)

// Refusal is the error about a change that may not begin.
type Refusal struct {
	Rule   Rule
	Reason string // for a person, with the figures
}

func (r *Refusal) Error() string { return r.Reason }

// ServiceInput is the input of one service's plan.
type ServiceInput struct {
	Service string // as a person should read it
	Input   Input
}

// Check returns why the change may not begin, given the inputs of the services
// that it concerns: the error is a [*Refusal], or nil if it may.
//
//   - No tier may be left with fewer clouds that are neither drained nor down
//     than MinClouds or, if it is allowed fewer, those. For a shift a cloud of
//     weight 0 doesn't count. A tier from which the change takes no cloud isn't
//     asked.
//   - Where capacities are known, the clouds that stay must carry all calls of
//     protected tiers that are carried now, and a drill or shift must leave each
//     of them the headroom that it is given up for.
//
// It is about what an operator plans. What the health of clouds demands is never
// asked.
func (c *Change) Check(services []ServiceInput) error {
	if refusals := c.refusals(services); len(refusals) > 0 {
		return refusals[0]
	}
	return nil
}

// refusals returns what Check looks for, all of it.
func (c *Change) refusals(services []ServiceInput) (all []*Refusal) {
	var few, lacking []error
	for i := range services {
		few = append(few, c.tooFew(&services[i])...)
		lacking = append(lacking, c.lacking(&services[i])...)
	}
	if len(few) > 0 {
		all = append(all, &Refusal{Rule: RuleMinClouds, Reason: errors.Join(few...).Error()})
	}
	if len(lacking) > 0 {
		all = append(all, &Refusal{Rule: RuleCapacity, Reason: errors.Join(lacking...).Error()})
	}
	return all
}

// tooFew lists the tiers that the change takes a cloud from and that would be left
// with too few clouds.
func (c *Change) tooFew(s *ServiceInput) (faults []error) {
	after := c.done(&s.Input)
	for _, tier := range s.Input.Tiers {
		allowed, left, takes := 0, 0, false
		for i, cloud := range after.Clouds {
			if !tier.Clouds.Allow(cloud.Name) {
				continue
			}
			allowed++
			if cloud.serves() && (c.drains() || cloud.Weight > 0) {
				left++
			}
			if c.drains() {
				takes = takes || cloud.Name == c.Cloud
			} else {
				takes = takes || cloud.Weight == 0 && s.Input.Clouds[i].Weight > 0 && cloud.serves()
			}
		}
		least := min(allowed, max(1, s.Input.MinClouds))
		if left < least && takes {
			faults = append(faults, fmt.Errorf("tier %s of service %s would be left with %d of its %d clouds, and must keep %d that are neither drained nor down",
				tier.Name, s.Service, left, allowed, least))
		}
	}
	return faults
}

func (c *Cloud) serves() bool { return !c.Drained && c.State != health.Down }

// lacking lists what the clouds that stay can't carry.
func (c *Change) lacking(s *ServiceInput) (faults []error) {
	in := c.done(&s.Input)
	before, after := Compute(s.Input), Compute(in)
	for i, tier := range in.Tiers {
		if !watched(in.Tiers, i) || i >= len(in.Demand) {
			continue
		}
		if missing := in.Demand[i] * (after.Tiers[i].Shed - before.Tiers[i].Shed); missing > 1e-6*in.Demand[i] {
			faults = append(faults, fmt.Errorf("tier %s of service %s would lack the capacity for %.4g of %.4g calls/s",
				tier.Name, s.Service, missing, in.Demand[i]))
		}
	}
	if loss := Lose(s.Input, c.Cloud); c.Kind == KindDrill && len(faults) == 0 && !loss.Survives {
		faults = append(faults, fmt.Errorf("without cloud %s the calls of tier %s of service %s would not all be served: %.4g calls/s are missing",
			c.Cloud, strings.Join(loss.Short, ", "), s.Service, loss.Missing))
	}
	if len(faults) > 0 || c.Abort.Headroom == 0 {
		return faults
	}
	for _, cloud := range in.Clouds {
		left, known := Headroom(in, after, cloud.Name)
		was, _ := Headroom(in, before, cloud.Name)
		if known && left < c.Abort.Headroom && left < was {
			faults = append(faults, fmt.Errorf("the protected tiers of service %s would leave cloud %s a headroom of %.0f %% of its capacity, which must be %.0f %%",
				s.Service, cloud.Name, 100*left, 100*c.Abort.Headroom))
		}
	}
	return faults
}

// Headroom returns the part of a cloud's capacity that the plan leaves beside the
// calls of protected tiers, or of all tiers if none is protected: below 0 if it
// is too little for them. Calls of other tiers don't count, as they give way.
// known is false if the capacity isn't.
func Headroom(in Input, plan Plan, cloud string) (left float64, known bool) {
	i := slices.IndexFunc(in.Clouds, func(c Cloud) bool { return c.Name == cloud })
	if i < 0 || in.Clouds[i].Capacity <= 0 || len(in.Demand) == 0 {
		return 0, false
	}
	load := 0.0
	for k := range in.Tiers {
		if k < len(in.Demand) && watched(in.Tiers, k) {
			load += in.Demand[k] * (1 - plan.Tiers[k].Shed) * plan.Tiers[k].fraction(cloud)
		}
	}
	return 1 - load/in.Clouds[i].Capacity, true
}

// watched reports whether a tier is one that a change must not harm: protected, or
// any if none is.
func watched(tiers []sla.Tier, i int) bool {
	return tiers[i].Protected || !slices.ContainsFunc(tiers, func(t sla.Tier) bool { return t.Protected })
}

// done returns the input as the change leaves it.
func (c *Change) done(in *Input) Input {
	after := *in
	after.Clouds = slices.Clone(in.Clouds)
	var weights map[string]uint32
	if !c.drains() {
		now := make(map[string]uint32, len(after.Clouds))
		for _, cloud := range after.Clouds {
			now[cloud.Name] = cloud.Weight
		}
		weights = c.weights(now, 1)
	}
	for i := range after.Clouds {
		cloud := &after.Clouds[i]
		if c.drains() {
			cloud.Drained = cloud.Drained || cloud.Name == c.Cloud
		} else {
			cloud.Weight = weights[cloud.Name]
		}
	}
	return after
}

// undone returns the input as it would be without the drain that is in force.
func (c *Change) undone(in *Input) Input {
	before := *in
	before.Clouds = slices.Clone(in.Clouds)
	for i := range before.Clouds {
		if cloud := &before.Clouds[i]; cloud.Name == c.Cloud {
			cloud.Drained, cloud.Leaving = false, 0
		}
	}
	return before
}

// even is what the weights of a shift under way sum up to.
const even = 1e8

// weights returns the weights with a shift that has gone a part of its way, 0…1.
// In between, each cloud's part of the sum moves in a straight line.
func (c *Change) weights(base map[string]uint32, progress float64) map[string]uint32 {
	from, to := overlaid(base, c.From), overlaid(base, c.Weights)
	switch {
	case progress <= 0:
		return from
	case progress >= 1:
		return to
	}
	a, b := parts(from), parts(to)
	mid := make(map[string]uint32, len(base))
	for cloud := range base {
		mid[cloud] = uint32(even*(a[cloud]+(b[cloud]-a[cloud])*progress) + 0.5)
	}
	return mid
}

// overlaid returns the base with what the other names in its place.
func overlaid(base, over map[string]uint32) map[string]uint32 {
	all := make(map[string]uint32, len(base))
	for cloud, weight := range base {
		if w, named := over[cloud]; named {
			weight = w
		}
		all[cloud] = weight
	}
	return all
}

func parts(weights map[string]uint32) map[string]float64 {
	sum := 0.0
	for _, w := range weights {
		sum += float64(w)
	}
	all := make(map[string]float64, len(weights))
	for cloud, w := range weights {
		all[cloud] = float64(w) / max(sum, 1)
	}
	return all
}

// tooSoon returns why a change must wait for another that has begun or ended. In a
// client that comes late the other one may have begun after it. What is planned to
// follow just after the interval does, though no two clocks go alike.
func tooSoon(c *Change, ago, interval time.Duration) *Refusal {
	if c.Kind == KindDrain || ago.Abs() >= interval-interval/100 {
		return nil
	}
	return &Refusal{Rule: RuleInterval, Reason: fmt.Sprintf("another change began or ended %v %s, and %v must lie between",
		ago.Abs().Round(time.Second), map[bool]string{false: "ago", true: "later"}[ago < 0], interval)}
}
