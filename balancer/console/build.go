package console

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// snapshot is all that views are made of, at one moment.
type snapshot struct {
	status  balancer.Status
	history balancer.History
	closed  bool
}

// countedFor is the time that counts of the health package are of.
const countedFor = 10.0 // seconds

// latestEvents is how many events the overview shows.
const latestEvents = 12

func (s *snapshot) overview() *Overview {
	v := &Overview{
		At: s.status.At, Observe: s.status.Observe, Closed: s.closed, Config: s.configAge(),
		Clouds: []CloudSummary{}, Services: []Service{}, UnknownTiers: append([]string{}, s.status.UnknownTiers...),
		Changes: s.changesView(latestChanges).Changes, ChangesKnown: len(s.status.Changes),
		Events: s.events(latestEvents).Events,
	}
	for i := range s.status.Services {
		v.Services = append(v.Services, newService(&s.status.Services[i]))
	}
	v.Clouds = sumUp(v.Services)
	s.contracts(v)
	v.Headline, v.Level = headline(v)
	return v
}

func (s *snapshot) configAge() ConfigAge {
	p := s.status.Config
	return ConfigAge{Path: p.Path, Loaded: p.Loaded, Checked: p.Checked, Error: p.Err}
}

// find returns a service by name and protocol. Without a protocol the first will
// do.
func (s *snapshot) find(name, protocol string) *balancer.ServiceStatus {
	for i := range s.status.Services {
		if of := &s.status.Services[i]; of.Name == name && (protocol == "" || of.Protocol.String() == protocol) {
			return of
		}
	}
	return nil
}

// samples returns what is kept of a service's shares.
func (s *snapshot) samples(name, protocol string) []balancer.ShareSample {
	for _, h := range s.history.Services {
		if h.Name == name && h.Protocol.String() == protocol {
			return h.Samples
		}
	}
	return nil
}

// service is the view of one service.
func (s *snapshot) service(of *balancer.ServiceStatus) *Service {
	v := newService(of)
	for _, x := range s.samples(v.Name, v.Protocol) {
		shares := make(map[string]map[string]float64, len(x.Tiers))
		for i, tier := range x.Tiers {
			shares[tier] = make(map[string]float64, len(x.Clouds))
			for k, cloud := range x.Clouds {
				shares[tier][cloud] = tidy(float64(x.Shares[i*len(x.Clouds)+k]))
			}
		}
		v.Samples = append(v.Samples, Sample{At: x.At, Shares: shares})
	}
	return &v
}

func newService(s *balancer.ServiceStatus) Service {
	v := Service{
		Name: s.Name, Protocol: s.Protocol.String(), Held: s.Held, PlannedSince: s.PlannedSince, RetryTokens: tidy(s.RetryTokens),
		Clouds: []Cloud{}, Tiers: []Tier{},
	}
	for i := range s.Clouds {
		v.Clouds = append(v.Clouds, newCloud(&s.Clouds[i]))
	}
	for i := range s.Tiers {
		v.Tiers = append(v.Tiers, newTier(&s.Tiers[i]))
	}
	return v
}

func newCloud(c *balancer.CloudStatus) Cloud {
	v := Cloud{
		Name: c.Name, State: c.State.String(), Reason: c.Reason, Since: c.Since, Drained: c.Drained, DrainedSince: c.DrainedSince, DrainedBy: c.DrainedBy, Gate: c.Gate,
		PerSecond: tidy(float64(c.Counts.Begun) / countedFor), PushedBack: c.Counts.Overloaded, InFlight: c.Capacity.InFlight,
		CapacitySource: string(c.Capacity.Source), CapacitySince: c.Capacity.Since,
		Capacity: known(c.Capacity.PerSecond), Utilization: known(c.Capacity.Utilization), Desired: known(c.Capacity.Desired),
		Demand: tidy(c.Capacity.Demand), Load: tidy(c.Capacity.Load), Endpoints: len(c.Endpoints),
	}
	if c.Capacity.Cap > 0 {
		v.Cap = &c.Capacity.Cap
	}
	if n := c.Counts.OK + c.Counts.Bad; n > 0 {
		v.Success = new(tidy(float64(c.Counts.OK) / float64(n)))
	}
	if c.Counts.OK > 0 {
		v.Slow = new(tidy(float64(c.Counts.Slow) / float64(c.Counts.OK)))
	}
	for _, e := range c.Endpoints {
		if e.Eligible {
			v.Eligible++
		}
	}
	return v
}

func newTier(t *balancer.TierStatus) Tier {
	v := Tier{
		Name: t.Name, Protected: t.Protected, Fail: t.Fail, Shares: []Share{}, Demand: tidy(t.Demand),
		Promise: newPromise(t.Promise), Shed: tidy(t.Shed), ShedLevel: t.ShedLevel, ShedCapacity: t.ShedCalls.Capacity, ShedInFlight: t.ShedCalls.InFlight,
	}
	for k, s := range t.Shares {
		share := Share{
			Cloud: s.Cloud, Share: tidy(s.Fraction), Reason: s.Reason, Text: s.Reason.Text(),
			P50: knownMillis(t.P50[k]), P99: knownMillis(t.P99[k]),
		}
		if k < len(t.Decided) {
			share.Decided = &t.Decided[k]
		}
		v.Shares = append(v.Shares, share)
	}
	return v
}

// mostContracts is how many contracts the overview shows.
const mostContracts = 20

func (s *snapshot) contracts(v *Overview) {
	v.Contracts, v.ContractsDeclared = []Contract{}, len(s.status.SLA.Contracts)
	if v.ContractsDeclared > 0 {
		v.Compliance = new(tidy(s.status.SLA.Compliance / 100))
	}
	for _, c := range s.status.SLA.Contracts[:min(mostContracts, v.ContractsDeclared)] {
		v.Contracts = append(v.Contracts, Contract{c.Name, newPromise(c.Standing)})
	}
}

func newPromise(p sla.Standing) Promise {
	v := Promise{
		Target: p.Target, Window: p.Window.Hours(), Latency: float64(p.Latency.Microseconds()) / 1000,
		Calls: p.Good + p.Bad, Bad: p.Bad, BudgetLeft: tidy(p.Left), Burn: tidy(p.Burns[0].LongRate), Paging: sla.Paging(p.Burns),
	}
	if v.Calls > 0 {
		v.Success = new(tidy(p.GoodPart()))
	}
	for _, b := range p.Burns {
		v.Burns = append(v.Burns, Burn{
			LongMinutes: b.Long.Minutes(), ShortMinutes: b.Short.Minutes(), Rate: b.Rate, Long: tidy(b.LongRate), Short: tidy(b.ShortRate), Firing: b.Firing,
		})
	}
	return v
}

// known is a figure for which 0 means that there is none.
func known(f float64) *float64 {
	if f == 0 {
		return nil
	}
	return new(tidy(f))
}

func knownMillis(d time.Duration) *float64 {
	if d == 0 {
		return nil
	}
	return new(float64(d.Microseconds()) / 1000)
}

// tidy rounds to 6 digits behind the point, since sums of fractions are not exact.
func tidy(f float64) float64 {
	const places = 1e6
	if math.Abs(f) > 1e9 {
		return f
	}
	return math.Round(f*places) / places
}

// severity orders states from good to bad.
var severity = map[string]int{
	health.Healthy.String(): 0, health.Unknown.String(): 1, health.Recovering.String(): 2, health.Degraded.String(): 3, health.Down.String(): 4,
}

// sumUp sums the clouds up over all services.
func sumUp(services []Service) []CloudSummary {
	all := []CloudSummary{}
	for _, s := range services {
		for _, c := range s.Clouds {
			i := slices.IndexFunc(all, func(sum CloudSummary) bool { return sum.Name == c.Name })
			if i < 0 {
				i = len(all)
				all = append(all, CloudSummary{Name: c.Name, State: c.State, Services: make(map[string]int)})
			}
			sum := &all[i]
			if severity[c.State] > severity[sum.State] {
				sum.State = c.State
			}
			sum.Services[c.State]++
			sum.Drained = sum.Drained || c.Drained
			sum.PerSecond = tidy(sum.PerSecond + c.PerSecond)
			sum.InFlight += c.InFlight
		}
	}
	slices.SortFunc(all, func(a, b CloudSummary) int { return compare(a.Name, b.Name) })
	return all
}

// headline says how things are, the worst first.
func headline(v *Overview) (text, level string) {
	var down, drained, odd []string
	failing, shedding, burning := 0, 0, 0
	changing := changeNews(v)
	for _, c := range v.Clouds {
		switch {
		case c.State == health.Down.String():
			down = append(down, fmt.Sprintf("%s is down%s", c.Name, part(v.Services, c.Name, c.State)))
		case c.Drained && !drilled(v, c.Name):
			drained = append(drained, c.Name+" is drained")
		case severity[c.State] > 1:
			odd = append(odd, fmt.Sprintf("%s is %s%s", c.Name, c.State, part(v.Services, c.Name, c.State)))
		}
	}
	for _, s := range v.Services {
		for _, t := range s.Tiers {
			if t.Fail {
				failing++
			}
			if t.Shed > 0 {
				shedding++
			}
			if t.Promise.Paging {
				burning++
			}
		}
	}
	switch {
	case v.Closed:
		return "The router is closed: this is how it ended.", "warning"
	case failing > 0:
		return sentence(append([]string{count(failing, "tier") + " of calls fail at once, because no cloud may serve them"}, append(down, changing...)...)), "bad"
	case len(down) > 0:
		return sentence(slices.Concat(down, changing, drained, odd)), "bad"
	case shedding > 0:
		return sentence(slices.Concat([]string{count(shedding, "tier") + " of calls are partly shed, because the clouds lack the capacity"}, changing, drained, odd)), "warning"
	case burning > 0:
		return sentence(slices.Concat([]string{count(burning, "tier") + " of calls burn the error budget"}, changing, drained, odd)), "warning"
	case len(changing)+len(drained)+len(odd) > 0:
		return sentence(slices.Concat(changing, drained, odd)), "warning"
	case v.Config.Error != "":
		return "All clouds serve. The config file has faults and isn't in force.", "warning"
	}
	return fmt.Sprintf("All is well: %s, %s.", count(len(v.Clouds), "cloud"), count(len(v.Services), "service")), "good"
}

// part says for which of its services a cloud is in a state, if not for all.
func part(services []Service, cloud, state string) string {
	var in []string
	all := 0
	for _, s := range services {
		for _, c := range s.Clouds {
			if c.Name != cloud {
				continue
			}
			all++
			if c.State == state {
				in = append(in, s.Name)
			}
		}
	}
	const few = 3
	if len(in) == all {
		return ""
	}
	if names := slices.Compact(slices.Clone(in)); len(names) <= few {
		return " for " + strings.Join(names, " and ")
	}
	return fmt.Sprintf(" for %d of %d services", len(in), all)
}

func (s *snapshot) endpoints(of *balancer.ServiceStatus) *Endpoints {
	v := &Endpoints{At: s.status.At, Service: of.Name, Protocol: of.Protocol.String(), Endpoints: []Endpoint{}}
	for _, c := range of.Clouds {
		for _, e := range c.Endpoints {
			one := Endpoint{Cloud: c.Name, Endpoint: e.Endpoint.String(), Host: e.Host, Eligible: e.Eligible, Reason: e.Reason, InFlight: e.InFlight}
			if !e.Load.At.IsZero() {
				one.Utilization, one.Reported = new(tidy(e.Load.Utilization())), e.Load.At
			}
			v.Endpoints = append(v.Endpoints, one)
		}
	}
	return v
}

// events returns the newest events, at most so many.
func (s *snapshot) events(most int) *Events {
	v := &Events{At: s.status.At, Events: []Event{}}
	for i := len(s.history.Events) - 1; i >= 0 && len(v.Events) < most; i-- {
		v.Events = append(v.Events, newEvent(&s.history.Events[i]))
	}
	return v
}

func newEvent(e *balancer.Event) Event {
	v := Event{ID: e.ID, At: e.At, Kind: string(e.Kind), Service: e.Service, Cloud: e.Cloud, From: e.From, To: e.To, Text: e.Text}
	if e.Service != "" {
		v.Protocol = e.Protocol.String()
	}
	return v
}

func (s *snapshot) lastEvent() uint64 {
	if n := len(s.history.Events); n > 0 {
		return s.history.Events[n-1].ID
	}
	return 0
}
