package sim

import (
	"time"

	"github.com/fairlead-go/fairlead/internal/histogram"
)

// Sample is what happened in a piece of time.
type Sample struct {
	From, Until time.Duration
	Tiers       []TierSample  // in the order of the scenario
	Clouds      []CloudSample // likewise
}

// TierSample is the calls of a tier: those that began in the sample's time are
// offered, and then either shed or admitted; what became of the admitted ones
// counts when they ended. A call that was refused a second attempt by shedding is
// both: it was admitted, and is shed when that happened.
type TierSample struct {
	Offered, Admitted, Shed uint64
	// Good calls were answered well and within the tier's objective, Late ones
	// well but not in time, Failed ones not well or not at all.
	Good, Late, Failed uint64
	// P50 and P99 are latencies of calls that were answered well.
	P50, P99 time.Duration
}

// CloudSample is what a cloud did.
type CloudSample struct {
	// First and Retries are the attempts sent there: the first ones of calls, and
	// the others.
	First, Retries uint64
	// Share is the part of all first attempts that this cloud had.
	Share float64
	// Arrived are requests that reached servers. Served ones were done; Wasted
	// are those of them that nobody waited for any more. Refused ones were pushed
	// back. Expired ones were dropped since their deadline was over.
	Arrived, Served, Wasted, Refused, Expired uint64
	// Utilization is how busy the workers were, 0…1.
	Utilization float64
	// Carries is how many calls per second the cloud really carries at the end
	// of the sample, Desired what the clients asked for when an autoscaler last
	// looked: 0 if there is none.
	Carries, Desired float64
}

// Attempts are all attempts sent to the cloud.
func (c *CloudSample) Attempts() uint64 { return c.First + c.Retries }

// sampler makes samples as time goes on.
type sampler struct {
	world   *world
	now     Sample // the one under way
	latency []*histogram.Histogram
	before  []meter // by cloud, at the beginning of the sample
	turn    func()
}

func newSampler(w *world) *sampler {
	p := &sampler{world: w, before: make([]meter, len(w.Clouds))}
	p.begin()
	p.turn = func() {
		p.finish()
		p.begin()
		w.after(w.SampleEvery, p.turn)
	}
	w.after(w.SampleEvery, p.turn)
	return p
}

// begin begins a sample.
func (p *sampler) begin() {
	w := p.world
	p.now = Sample{From: w.now, Tiers: make([]TierSample, len(w.Tiers)), Clouds: make([]CloudSample, len(w.Clouds))}
	p.latency = p.latency[:0]
	for range w.Tiers {
		p.latency = append(p.latency, new(histogram.Histogram))
	}
}

// finish ends the sample under way and gives it to the result.
func (p *sampler) finish() {
	w := p.world
	p.now.Until = w.now
	for i := range p.now.Tiers {
		var s histogram.Snapshot
		s.Add(p.latency[i])
		p.now.Tiers[i].P50, p.now.Tiers[i].P99 = s.Quantile(0.50), s.Quantile(0.99)
	}
	first := uint64(0)
	for i := range p.now.Clouds {
		first += p.now.Clouds[i].First
	}
	for i := range p.now.Clouds {
		c := &p.now.Clouds[i]
		sum, before := w.measured(i), p.before[i]
		p.before[i] = sum
		c.Share = float64(c.First) / float64(max(first, 1))
		c.Arrived = sum.arrived - before.arrived
		c.Served = sum.served - before.served
		c.Wasted = sum.wasted - before.wasted
		c.Refused = sum.refused - before.refused
		c.Expired = sum.expired - before.expired
		if able := sum.able - before.able; able > 0 {
			c.Utilization = (sum.busy - before.busy) / able
		}
		c.Carries = w.carrying[i]
		c.Desired = w.wants[i]
	}
	done := p.now
	w.result.Samples = append(w.result.Samples, done)
	if w.Watch != nil {
		w.Watch(&done)
	}
}

// end finishes the last sample.
func (p *sampler) end() {
	if p.world.now > p.now.From {
		p.finish()
	}
}

// measured sums up what the servers of a cloud did so far.
func (w *world) measured(cloud int) meter {
	var sum meter
	for _, s := range w.servers[cloud] {
		m := &s.meter
		m.advance(s)
		sum.busy += m.busy
		sum.able += m.able
		sum.arrived += m.arrived
		sum.served += m.served
		sum.wasted += m.wasted
		sum.refused += m.refused
		sum.expired += m.expired
	}
	return sum
}

// Between sums up the samples that lie in [from, until). Latencies are the
// worst of any sample, utilisations means over time.
func (r *Result) Between(from, until time.Duration) Sample {
	sum := Sample{From: from, Until: until, Tiers: make([]TierSample, len(r.Tiers)), Clouds: make([]CloudSample, len(r.Clouds))}
	first, whole := uint64(0), time.Duration(0)
	for i := range r.Samples {
		s := &r.Samples[i]
		if s.From < from || s.Until > until {
			continue
		}
		lasted := s.Until - s.From
		whole += lasted
		for k := range s.Tiers {
			sum.Tiers[k].add(&s.Tiers[k])
		}
		for k := range s.Clouds {
			first += s.Clouds[k].First
			sum.Clouds[k].add(&s.Clouds[k], lasted)
		}
	}
	for k := range sum.Clouds {
		c := &sum.Clouds[k]
		c.Share = float64(c.First) / float64(max(first, 1))
		c.Utilization /= max(whole.Seconds(), 1e-9)
	}
	return sum
}

func (t *TierSample) add(o *TierSample) {
	t.Offered += o.Offered
	t.Admitted += o.Admitted
	t.Shed += o.Shed
	t.Good += o.Good
	t.Late += o.Late
	t.Failed += o.Failed
	t.P50, t.P99 = max(t.P50, o.P50), max(t.P99, o.P99)
}

// add adds what o did in lasted; the utilisation is summed up times seconds.
func (c *CloudSample) add(o *CloudSample, lasted time.Duration) {
	c.First += o.First
	c.Retries += o.Retries
	c.Arrived += o.Arrived
	c.Served += o.Served
	c.Wasted += o.Wasted
	c.Refused += o.Refused
	c.Expired += o.Expired
	c.Utilization += o.Utilization * lasted.Seconds()
	c.Carries, c.Desired = o.Carries, o.Desired
}
