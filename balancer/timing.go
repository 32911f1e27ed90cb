package balancer

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/fairlead-go/fairlead/health"
)

// timing has the attributes with which attempts of a tier at a service in a cloud
// are timed, by the kind of their outcome: none are built per attempt. It doesn't
// change.
type timing [kinds][]metric.RecordOption

// kinds is the number of kinds of outcomes.
const kinds = health.Overloaded + 1

// time records how long the attempt took. The context of one that Do made may hold
// a span for the provider to point to.
func (a *Attempt) time(k health.Kind, took time.Duration) {
	ctx := context.Background()
	if a.run != nil {
		ctx = a.run.ctx
	}
	a.cloud.router.latency.Record(ctx, took.Seconds(), a.cloud.timings[a.tier][min(k, kinds-1)]...)
}

// timings returns those of a service in a cloud, by tier. The caller holds mu.
func (r *Router) timings(s *service, c *serviceCloud) []*timing {
	all := make([]*timing, len(s.tiers))
	for i, tier := range s.tiers {
		t := c.record.timings[tier.Name]
		if t == nil {
			t = new(timing)
			for k := range kinds {
				t[k] = []metric.RecordOption{r.attributes(labels{
					serviceKey: serviceKey{s.name, s.protocol}, cloud: c.name, tier: tier.Name, key: errorType, value: attemptErrors[k],
				})}
			}
			if c.record.timings == nil || len(c.record.timings) >= mostGone {
				c.record.timings = make(map[string]*timing)
			}
			c.record.timings[tier.Name] = t
		}
		all[i] = t
	}
	return all
}
