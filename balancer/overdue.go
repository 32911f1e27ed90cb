package balancer

import (
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
)

// Overdue reports whether an attempt that has waited for so long should be given up
// for another one, if left is what is left of the call's time, 0 if it has no end:
// not while answers usually take as long, nor if the other would have less time than
// they take.
func (a Attempt) Overdue(waited, left time.Duration) bool {
	usual := a.usual()
	return usual < waited-waited/16 && (left == 0 || usual <= left)
}

// usual is how long answers usually take. Where few are known of the cloud that is
// said by all clouds together; where few are known of these, by twice the longest
// that is remembered, which may be that of an attempt that was given up, an hour ago.
func (a Attempt) usual() time.Duration {
	tier, clouds := int(a.tier), a.cloud.service.clouds
	if a.cloud.target.P99(tier) > 0 {
		return a.cloud.target.Usual(tier)
	}
	targets, longest := make([]*health.Target, len(clouds)), time.Duration(0)
	for i := range clouds {
		targets[i] = clouds[i].target
		longest = max(longest, targets[i].Usual(tier))
	}
	if median, answers := health.QuantileOf(targets, tier, 0.5); answers >= fewAnswers {
		return median
	}
	return 2 * longest
}

// fewAnswers are too few to tell how long they usually take.
const fewAnswers = 10

// lost reports whether the attempt's cloud is down, and another that may serve its
// tier isn't.
func (a Attempt) lost() bool {
	if a.cloud.target.State() != health.Down {
		return false
	}
	s, class := a.latest()
	for i := range s.clouds {
		if c := &s.clouds[i]; c.name != a.cloud.name && s.serves(&s.tiers[class.Tier], i) && c.target.State() != health.Down {
			return true
		}
	}
	return false
}

// GivenUp returns the outcome of an attempt that Pick made and that is given up now,
// for another one. left is what was left of the call's time when it began, 0 for a
// call without a deadline: see [failover.GivenUp]. Any goroutine may call it.
func (a Attempt) GivenUp(left time.Duration) health.Outcome {
	took := a.cloud.router.now() - a.began
	o := failover.GivenUp(took, left)
	o.Guess = guessed(took, a.usual())
	return o
}

// guessed reports whether it isn't known that answers usually take less time. A cloud
// that is frozen from the start is found as soon as others have answered.
func guessed(took, usual time.Duration) bool {
	return usual == 0 || took <= usual+usual/16
}
