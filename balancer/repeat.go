package balancer

import (
	"slices"

	"github.com/fairlead-go/fairlead/health"
)

// Again, called by the function that [Do] runs, makes a further attempt where the
// adapter's protocol retries by itself. o is what became of this one. The new
// attempt is chosen and paid as any retry is, and takes this one's place: Do looks
// after it alone, and reports both. The error is a [*CallError]; then this one
// goes on being the last.
func (a Attempt) Again(o health.Outcome) (Attempt, error) {
	r := a.cloud.router
	s, class := a.latest()
	tried := append(slices.Clip(a.run.before), a)
	var next Attempt
	if err := r.paidAgain(&next, s, class, r.random(), tried, a.open); err != nil {
		return a, err
	}
	now := r.now()
	a.answered(now, o)
	a.endpoint.live.End()
	next.run = a.run
	if a.run.clock != nil {
		a.run.clock.alone()
	}
	a.run.moveTo(&next.cloud.live.lasting, r.random())
	a.run.before, a.run.moved = tried, &next
	a.run.reports = append(a.run.reports, AttemptReport{
		Cloud: a.Cloud(), Endpoint: a.Endpoint().String(), Outcome: o, Took: now - a.began,
	})
	return next, nil
}
