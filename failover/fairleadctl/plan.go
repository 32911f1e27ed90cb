package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

func planCommand() *command {
	return &command{
		name: "plan", args: "FILE", files: true,
		what: "where calls would go, what is shed, and why",
		long: `Prints the shares of each tier, what each cloud has to carry, what is shed and why, for the situation that the flags describe: lost clouds, demand, capacities, endpoints that are out. Without flags every cloud is well and nothing is known of demand. It is the plan of a router that has seen the situation for a while: how fast it gets there is bounded by failover.slope, but not for a loss or a drain.
Rates are those of all clients together. Changes of the file that are in force at the time count.
Exits with 1 if a protected tier (any tier, if none is protected) would not be served whole.`,
		examples: []example{
			{"what if on-premises is lost now?", "plan fairlead.yaml -down onprem -demand critical=3000 -demand batch=2000"},
			{"what if half of its endpoints are gone?", "plan fairlead.yaml -healthy onprem=50%"},
			{"what will be so during next week's drill?", "plan fairlead.yaml -at 2026-12-08T03:05:00+09:00"},
			{"for a script", "plan fairlead.yaml -down onprem -demand critical=3000 -json"},
		},
		setup: func(flags *flag.FlagSet) func(*env, []string) error {
			var s situation
			s.declare(flags)
			asJSON := flags.Bool("json", false, "write JSON")
			return func(e *env, args []string) error {
				file, err := oneFile(args)
				if err != nil {
					return err
				}
				cfg, err := balancer.Load(file)
				if err != nil {
					return err
				}
				subjects, err := s.subjects(cfg, e.now())
				if err != nil {
					return err
				}
				return tellPlans(e, subjects, *asJSON)
			}
		},
	}
}

func tellPlans(e *env, subjects []*subject, asJSON bool) error {
	out := planJSON{At: subjects[0].at}
	served := true
	for _, s := range subjects {
		p := newPlanned(s, failover.Compute(s.input))
		served = served && p.Served
		out.Services = append(out.Services, p)
	}
	return e.conclude(served, asJSON, out, func(w io.Writer) {
		for i, p := range out.Services {
			if i > 0 {
				fmt.Fprintln(w)
			}
			p.write(w, subjects[i])
		}
	})
}

// planJSON is what plan writes. Rates are calls per second of all clients together,
// fractions 0…1.
type planJSON struct {
	At       time.Time  `json:"at"`
	Services []*planned `json:"services"`
}

// planned is the plan of one service.
type planned struct {
	Service  string   `json:"service"`
	Protocol string   `json:"protocol"`
	Down     []string `json:"down"`
	// Served says that each protected tier is served whole, or each tier if none is
	// protected.
	Served  bool            `json:"served"`
	Changes []plannedChange `json:"changes"`
	Tiers   []plannedTier   `json:"tiers"`
	Clouds  []plannedCloud  `json:"clouds"`
}

type plannedTier struct {
	Tier      string         `json:"tier"`
	Protected bool           `json:"protected"`
	Demand    float64        `json:"demand"`
	Shed      float64        `json:"shed"`    // fraction
	Fail      bool           `json:"fail"`    // all calls fail at once
	Missing   float64        `json:"missing"` // fraction that is shed, fails or goes to a lost cloud
	Shares    []plannedShare `json:"shares"`
}

type plannedShare struct {
	Cloud  string          `json:"cloud"`
	Share  float64         `json:"share"` // of the calls that aren't shed
	Calls  float64         `json:"calls"` // per second
	Reason failover.Reason `json:"reason"`
	Text   string          `json:"text"`
}

type plannedCloud struct {
	Cloud       string  `json:"cloud"`
	State       string  `json:"state"`
	Weight      uint32  `json:"weight"`
	Healthy     float64 `json:"healthy"`
	Demand      float64 `json:"demand"` // before spill and shedding
	Load        float64 `json:"load"`
	Capacity    float64 `json:"capacity"` // 0: unknown
	Ceiling     float64 `json:"ceiling"`  // 0: none
	Utilization float64 `json:"utilization"`
	Desired     float64 `json:"desired"` // what it should have; 0: unknown
}

func newPlanned(s *subject, plan failover.Plan) *planned {
	in := &s.input
	p := &planned{Service: s.service, Protocol: s.protocol.String(), Down: []string{}, Served: true, Changes: s.planned()}
	p.Down = append(p.Down, s.down...)
	protection := slices.ContainsFunc(in.Tiers, func(t sla.Tier) bool { return t.Protected })
	for i, t := range plan.Tiers {
		tier := plannedTier{Tier: t.Tier, Protected: in.Tiers[i].Protected, Demand: t.Demand, Shed: t.Shed, Fail: t.Fail, Missing: missing(t, in)}
		for _, share := range t.Shares {
			tier.Shares = append(tier.Shares, plannedShare{share.Cloud, share.Fraction, t.Demand * (1 - t.Shed) * share.Fraction, share.Reason, reasonText(share, t)})
		}
		if (tier.Protected || !protection) && tier.Missing > negligible {
			p.Served = false
		}
		p.Tiers = append(p.Tiers, tier)
	}
	for _, c := range in.Clouds {
		cloud := plannedCloud{Cloud: c.Name, State: stateOf(&c), Weight: c.Weight, Healthy: c.Healthy, Capacity: c.Capacity, Ceiling: c.Ceiling}
		if i := slices.IndexFunc(plan.Clouds, func(p failover.CloudPlan) bool { return p.Cloud == c.Name }); i >= 0 {
			has := plan.Clouds[i]
			cloud.Demand, cloud.Load, cloud.Utilization, cloud.Desired = has.Demand, has.Load, has.Utilization, has.Desired
		}
		p.Clouds = append(p.Clouds, cloud)
	}
	return p
}

// negligible is taken for an error of rounding.
const negligible = 1e-9

// missing is the fraction of a tier's calls that nobody serves: they are shed, fail
// at once, or go by panic to a cloud that is lost.
func missing(t failover.TierPlan, in *failover.Input) float64 {
	if t.Fail {
		return 1
	}
	wasted := 0.0
	for _, share := range t.Shares {
		i := slices.IndexFunc(in.Clouds, func(c failover.Cloud) bool { return c.Name == share.Cloud })
		if lost(&in.Clouds[i]) {
			wasted += share.Fraction
		}
	}
	return t.Shed + (1-t.Shed)*wasted
}

func lost(c *failover.Cloud) bool { return c.State == health.Down || c.Healthy <= 0 }

// stateOf says in a word how a cloud is.
func stateOf(c *failover.Cloud) string {
	switch {
	case c.Drained:
		return "drained"
	case lost(c):
		return "down"
	case c.Leaving > 0:
		return "leaving"
	case c.Healthy < 1:
		return percent(c.Healthy) + " up"
	}
	return "well"
}

// reasonText says why a share is what it is.
func reasonText(share failover.Share, t failover.TierPlan) string {
	if t.Fail && share.Reason == failover.ReasonPanic {
		return "nothing, because too few clouds are left and panic is fail"
	}
	return share.Reason.Text()
}

// write writes the plan for a person.
func (p *planned) write(w io.Writer, s *subject) {
	s.writeHead(w)
	fmt.Fprintln(w)
	for _, line := range p.verdicts(s.total() > 0, blind(s.config)) {
		fmt.Fprint(w, wrapped("", line))
	}
	fmt.Fprintln(w)
	p.writeShares(w, s.total() > 0)
	fmt.Fprintln(w)
	p.writeClouds(w, s.total() > 0)
}

// verdicts say what becomes of the tiers.
func (p *planned) verdicts(demand, blind bool) (lines []string) {
	var whole []string
	for _, t := range p.Tiers {
		name := tierTitle(t.Tier, t.Protected)
		switch {
		case t.Missing <= negligible:
			whole = append(whole, name)
		case t.Fail:
			lines = append(lines, fmt.Sprintf("NOT SERVED: %s. No cloud may be tried, and calls fail at once.", name))
		case t.Missing-t.Shed > negligible && t.Missing >= 1-negligible:
			lines = append(lines, fmt.Sprintf("NOT SERVED: %s. Its calls are spread over clouds that are down.", name))
		case t.Missing-t.Shed > negligible:
			lines = append(lines, fmt.Sprintf("SERVED IN PART: %s. %s of its calls are shed or go to clouds that are down.", name, percent(t.Missing)))
		default:
			lines = append(lines, fmt.Sprintf("SHED: %s of %s calls/s of %s, for which no cloud has room.", rate(t.Demand*t.Shed), rate(t.Demand), name))
		}
	}
	if len(whole) > 0 {
		lines = append(lines, "Served whole: "+list(whole)+".")
	}
	if dark := p.dark(); demand && len(dark) > 0 {
		lines = append(lines, "The capacity of "+list(dark)+" isn't known, and nothing is shed for the lack of it.")
	}
	if blind {
		lines = append(lines, "But: "+noInstances)
	}
	if !demand {
		lines = append(lines, "Nothing is said of capacity, as -demand doesn't say how many calls there are.")
	}
	return lines
}

// dark are the clouds that get calls and whose capacity isn't known.
func (p *planned) dark() (names []string) {
	for _, c := range p.Clouds {
		if c.Capacity == 0 && c.Load > 0 {
			names = append(names, c.Cloud)
		}
	}
	return names
}

func (p *planned) writeShares(w io.Writer, demand bool) {
	t := table{head: []string{"TIER", "CLOUD", "SHARE", "CALLS/S", "WHY"}, right: []bool{false, false, true, true}}
	if !demand {
		t.head, t.right = []string{"TIER", "CLOUD", "SHARE", "WHY"}, []bool{false, false, true}
	}
	legend := table{}
	add := func(tier, cloud string, share, calls float64, why, text string) {
		cells := []string{tier, cloud, percent(share), rate(calls), why}
		if !demand {
			cells = slices.Delete(cells, 3, 4)
		}
		t.add(cells...)
		if line := []string{"  " + why, text}; !slices.ContainsFunc(legend.rows, func(row []string) bool { return slices.Equal(row, line) }) {
			legend.rows = append(legend.rows, line)
		}
	}
	for _, tier := range p.Tiers {
		name := tier.Tier
		for _, share := range tier.Shares {
			add(name, share.Cloud, share.Share, share.Calls, string(share.Reason), share.Text)
			name = ""
		}
		if tier.Shed > 0 {
			add(name, "(shed)", tier.Shed, tier.Demand*tier.Shed, "no room", "shed: this part of all calls; the shares divide the others")
		}
	}
	t.write(w)
	fmt.Fprintln(w)
	legend.write(w)
}

func (p *planned) writeClouds(w io.Writer, demand bool) {
	t := table{head: []string{"CLOUD", "STATE", "WEIGHT", "CAPACITY", "CALLS/S", "USED", "SHOULD HAVE"}, right: []bool{false, false, true, true, true, true, true}}
	if !demand {
		t.head = t.head[:4]
	}
	for _, c := range p.Clouds {
		used, desired := "unknown", "unknown"
		if c.Capacity > 0 {
			used, desired = percent(c.Utilization), rate(c.Desired)
		}
		cells := []string{c.Cloud, c.State, fmt.Sprint(c.Weight), known(c.Capacity), rate(c.Load), used, desired}
		if !demand {
			cells = cells[:4]
		}
		t.add(cells...)
	}
	t.write(w)
	var grows []string
	for _, c := range p.Clouds {
		if c.Ceiling > c.Capacity {
			grows = append(grows, fmt.Sprintf("%s can grow to %s", c.Cloud, rate(c.Ceiling)))
		}
	}
	if len(grows) > 0 {
		fmt.Fprint(w, wrapped("", strings.Join(grows, ", ")+"."))
	}
}

func tierNamed(name string) func(sla.Tier) bool {
	return func(t sla.Tier) bool { return t.Name == name }
}
