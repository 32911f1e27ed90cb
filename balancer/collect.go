package balancer

import (
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// figure is one figure for one instrument: n for a whole one, else x.
type figure struct {
	whole metric.Int64Observable
	part  metric.Float64Observable
	n     int64
	x     float64
	at    []metric.ObserveOption
}

// reading gathers figures. The caller holds mu.
type reading struct {
	*Router
	figures []figure
}

func (r *reading) number(of metric.Int64Observable, n uint64, about labels) {
	r.figures = append(r.figures, figure{whole: of, n: int64(n), at: r.at(about)})
}

func (r *reading) figure(of metric.Float64Observable, x float64, about labels) {
	r.figures = append(r.figures, figure{part: of, x: x, at: r.at(about)})
}

// figures reads all that there is to report.
func (r *Router) figures() []figure {
	r.mu.Lock()
	defer r.mu.Unlock()
	read, now := &reading{Router: r, figures: make([]figure, 0, r.figured)}, r.now()
	read.number(r.instruments.configErrors, r.refusals, labels{})
	if r.source != nil {
		confirmed := r.source.provenance().Confirmed
		if confirmed.IsZero() {
			confirmed = r.epoch
		}
		read.figure(r.instruments.configAge, time.Since(confirmed).Seconds(), labels{})
	}
	for _, s := range r.order {
		read.service(s)
		for _, c := range s.clouds {
			c.record.settle(now)
			read.cloud(s, c)
		}
	}
	r.figured = len(read.figures)
	return read.figures
}

func (r *reading) service(s *service) {
	in, about := r.instruments, labels{serviceKey: serviceKey{s.name, s.protocol}}
	r.number(in.retries, s.retries.Load(), about)
	r.figure(in.tokens, s.budget.Balance(), about)
	for _, tier := range s.tiers {
		of := about
		of.tier = tier.Name
		r.figure(in.target, tier.Objective.Target, of)
		t := r.endingsOf(s, tier.Name)
		for e := range callEnd(callEnds) {
			of.key, of.value = errorType, errorTypes[e]
			r.number(in.calls, t.ended(e), of)
		}
		r.promise(s.name, &tier, of)
		for _, reason := range shedReasons {
			of.key, of.value = reasonKey, string(reason)
			r.number(in.shed, t.shedFor(reason), of)
		}
	}
}

// promise reads what is left of a tier's error budget and how fast it burns.
func (r *reading) promise(service string, tier *sla.Tier, about labels) {
	about.key, about.value = "", ""
	standing := r.ledger.standing(service, tier, r.wall(r.now()))
	r.figure(r.instruments.budget, standing.Left, about)
	about.key = windowKey
	rates := make(map[time.Duration]float64) // by window: rules share one
	for _, b := range standing.Burns {
		rates[b.Long], rates[b.Short] = b.LongRate, b.ShortRate
	}
	for window, rate := range rates {
		about.value = show(window)
		r.figure(r.instruments.burn, rate, about)
	}
}

func (r *reading) cloud(s *service, c *serviceCloud) {
	in, about := r.instruments, labels{serviceKey: serviceKey{s.name, s.protocol}, cloud: c.name}
	r.counts(s, c, about)
	var inFlight, eligible int
	for _, e := range c.endpoints {
		inFlight += e.live.InFlight()
		if e.live.Eligible() {
			eligible++
		}
	}
	r.number(in.inFlight, uint64(max(0, inFlight)), about)
	of := about
	of.key = stateKey
	for state, n := range map[string]int{"eligible": eligible, "ejected": len(c.endpoints) - eligible} {
		of.value = state
		r.number(in.endpoints, uint64(n), of)
	}
	for state := range health.Recovering + 1 {
		of.value = state.String()
		one := uint64(0)
		if state == c.target.State() {
			one = 1
		}
		r.number(in.health, one, of)
	}
	r.plan(s, c, about)
}

// counts reads what is counted of attempts.
func (r *reading) counts(s *service, c *serviceCloud, about labels) {
	in, totals := r.instruments, c.record.totals(c.target)
	for _, tier := range s.tiers {
		of := about
		of.tier = tier.Name
		r.number(in.picks, totals.Begun[tier.Name], of)
	}
	r.number(in.spoiled, totals.Spoiled, about)
	of := about
	of.key = errorType
	for k, n := range [kinds]uint64{
		health.Neutral: totals.Neutral, health.OK: totals.OK, health.Refused: totals.Refused, health.Failed: totals.Failed,
		health.Broken: totals.Broken, health.TimedOut: totals.TimedOut, health.Overloaded: totals.Overloaded,
	} {
		if health.Kind(k) != health.Reached { // attempts don't end so
			of.value = attemptErrors[k]
			r.number(in.attempts, n, of)
		}
	}
	of.key = reasonKey
	for i, n := range c.record.fell {
		of.value = fallReasons[i]
		r.number(in.failovers, n, of)
	}
}

// plan reads what is decided. Where no capacity is known there is nothing to say
// of it: a zero would tell an autoscaler that nobody wants anything.
func (r *reading) plan(s *service, c *serviceCloud, about labels) {
	in := r.instruments
	for _, tier := range s.plan.Tiers {
		for _, share := range tier.Shares {
			if share.Cloud == c.name {
				of := about
				of.tier, of.key, of.value = tier.Tier, reasonKey, string(share.Reason)
				r.figure(in.share, share.Fraction, of)
			}
		}
	}
	plan := cloudPlan(s.plan, c.name)
	r.figure(in.demand, plan.Demand, about)
	r.figure(in.load, plan.Load, about)
	if capacity := c.capacity.perSecond; capacity > 0 { // the plan has none while nobody calls
		r.figure(in.capacity, capacity, about)
		r.figure(in.desired, plan.Desired, about)
		r.figure(in.utilization, plan.Utilization, about)
	}
}
