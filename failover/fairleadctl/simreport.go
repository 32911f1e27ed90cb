package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/internal/sim"
	"github.com/fairlead-go/fairlead/sla"
)

// simulated is what came of a simulation. Counts are those of the calls that were
// simulated, rates those of the demand.
type simulated struct {
	File    string   `json:"file"`
	Service string   `json:"service"`
	From    string   `json:"from"`
	Until   string   `json:"until"`
	Begins  string   `json:"begins"` // From by the calendar
	Faults  []string `json:"faults"`
	Seed    uint64   `json:"seed"`
	Clients int      `json:"clients"`
	// Scale is the part of the demand, and of the clouds, that was simulated.
	Scale float64 `json:"scale"`
	// Served says that no call of a protected tier failed or was shed; of no tier,
	// if none is protected.
	Served bool             `json:"served"`
	Tiers  []simulatedTier  `json:"tiers"`
	Clouds []simulatedCloud `json:"clouds"`
	Events []simulatedEvent `json:"events"` // at the first client
	// Changes are what became of the changes of the file.
	Changes []simulatedChange `json:"changes"`
	Notes   []string          `json:"notes"`

	result *sim.Result
	s      *simulation
}

type simulatedTier struct {
	Tier      string `json:"tier"`
	Protected bool   `json:"protected"`
	Calls     uint64 `json:"calls"`
	Good      uint64 `json:"good"` // answered well, within the objective's latency
	Late      uint64 `json:"late"`
	Shed      uint64 `json:"shed"`
	Failed    uint64 `json:"failed"`
	// Worst is the time with the least part of good calls, and Least that part.
	Worst string  `json:"worst,omitempty"`
	Least float64 `json:"least"`
	P99   float64 `json:"p99Ms"` // the highest of any second
}

type simulatedCloud struct {
	Cloud    string  `json:"cloud"`
	Attempts uint64  `json:"attempts"`
	Retries  uint64  `json:"retries"` // of the attempts
	Peak     float64 `json:"peak"`    // attempts per second
	Carries  float64 `json:"carries"` // calls per second at most; 0: as many as needed
	Busiest  float64 `json:"busiest"` // utilisation, 0…1
}

type simulatedEvent struct {
	At     string `json:"at"`
	Cloud  string `json:"cloud"`
	From   string `json:"from"`
	To     string `json:"to"`
	Reason string `json:"reason"`
}

const mostEvents = 200

func (s *simulation) report(file string, cfg *balancer.Config, result *sim.Result) *simulated {
	r := &simulated{
		File: file, Service: s.subject.String(), From: s.demandOf.clock(s.begin), Until: s.demandOf.clock(s.end),
		Begins: moment(s.first.Add(s.begin)), Faults: []string{}, Seed: s.seed, Clients: s.clients, Scale: s.scale, Served: true, Notes: s.notes(cfg),
		Events: []simulatedEvent{}, result: result, s: s,
	}
	for _, f := range s.faults {
		r.Faults = append(r.Faults, f.text)
	}
	whole := result.Between(0, 1<<62)
	tiers := s.subject.input.Tiers
	protection := slices.ContainsFunc(tiers, func(t sla.Tier) bool { return t.Protected })
	for i, t := range tiers {
		is := whole.Tiers[i]
		tier := simulatedTier{Tier: t.Name, Protected: t.Protected, Calls: is.Offered, Good: is.Good, Late: is.Late, Shed: is.Shed, Failed: is.Failed, Least: 1, P99: is.P99.Seconds() * 1000}
		for _, sample := range result.Samples {
			if good, ok := goodPart(&sample.Tiers[i]); ok && good < tier.Least {
				tier.Least, tier.Worst = good, r.clock(sample.From)
			}
		}
		if (t.Protected || !protection) && (tier.Shed > 0 || tier.Failed > 0) {
			r.Served = false
		}
		r.Tiers = append(r.Tiers, tier)
	}
	unknown := s.unknownCapacities()
	for i, c := range s.subject.input.Clouds {
		is := whole.Clouds[i]
		cloud := simulatedCloud{Cloud: c.Name, Attempts: is.First + is.Retries, Retries: is.Retries}
		for _, sample := range result.Samples {
			has := sample.Clouds[i]
			cloud.Carries = max(cloud.Carries, has.Carries/s.scale)
			cloud.Busiest = max(cloud.Busiest, has.Utilization)
			cloud.Peak = max(cloud.Peak, r.perSecond(&sample, has.First+has.Retries))
		}
		if slices.Contains(unknown, c.Name) {
			cloud.Carries = 0
		}
		r.Clouds = append(r.Clouds, cloud)
	}
	for _, c := range result.Changes {
		if c.Client == 0 && len(r.Events) < mostEvents {
			r.Events = append(r.Events, simulatedEvent{r.clock(c.At), c.Cloud, c.From.String(), c.To.String(), c.Reason})
		}
	}
	r.Changes = r.changes(result.Moves)
	return r
}

// clock is a time of the simulation as the demand writes times.
func (r *simulated) clock(at time.Duration) string { return r.s.demandOf.clock(at + r.s.begin) }

// perSecond is a count of a sample as a rate of the whole demand.
func (r *simulated) perSecond(s *sim.Sample, n uint64) float64 {
	return float64(n) / (s.Until - s.From).Seconds() / r.s.scale
}

// goodPart is the part of the calls that came to their end which did so well; few
// calls say nothing.
func goodPart(t *sim.TierSample) (part float64, ok bool) {
	const few = 20
	n := t.Good + t.Late + t.Failed + t.Shed
	return float64(t.Good) / float64(max(n, 1)), n >= few
}

func (s *simulation) notes(cfg *balancer.Config) []string {
	notes := []string{}
	if s.scale < 1 {
		notes = append(notes, fmt.Sprintf("1 in %s calls was simulated, against clouds smaller by as much (-calls). Few calls make a cloud's loss seen later than many, and demand look more uneven.", rate(1/s.scale)))
	}
	if cfg.Instances == 0 {
		notes = append(notes, noInstances)
	}
	if unknown := s.unknownCapacities(); len(unknown) > 0 {
		notes = append(notes, "The capacity of "+list(unknown)+" isn't known: as large as needed.")
	}
	if len(s.changes) > 0 && len(s.due()) == 0 {
		notes = append(notes, fmt.Sprintf("No change of the file is due from %s to %s (-on).", moment(s.first.Add(s.begin)), moment(s.first.Add(s.end))))
	}
	if cfg.Observe != "" {
		notes = append(notes, "The file's observe was left out of account.")
	}
	return notes
}

// write writes the report for a person.
func (r *simulated) write(w io.Writer, out string) {
	fmt.Fprint(w, wrapped("", r.title()))
	for _, f := range r.Faults {
		fmt.Fprint(w, wrapped("  fault: ", f))
	}
	for _, c := range r.s.due() {
		fmt.Fprint(w, wrapped("  change: ", c))
	}
	fmt.Fprintln(w)
	fmt.Fprint(w, wrapped("", r.verdict()))
	fmt.Fprintln(w)
	r.tierTable().write(w)
	fmt.Fprintln(w, "P99 is that of the worst second.")
	fmt.Fprintln(w)
	r.cloudTable().write(w)
	if len(r.Changes) > 0 {
		fmt.Fprintln(w, "\nWhat became of changes:")
		r.changeTable().write(w)
	}
	if len(r.Events) > 0 {
		fmt.Fprintln(w, "\nAs the first client saw it:")
		r.eventTable(16).write(w)
	}
	if len(r.Notes) > 0 {
		fmt.Fprintln(w)
	}
	for _, note := range r.Notes {
		fmt.Fprint(w, wrapped("note: ", note))
	}
	if out != "" {
		fmt.Fprint(w, "\n"+wrapped("", "The report with charts is in "+out+"."))
	}
}

func (r *simulated) title() string {
	return fmt.Sprintf("%s from %s to %s, %s, seed %d", r.Service, r.From, r.Until, plural(r.Clients, "client"), r.Seed)
}

// verdict says in a sentence what callers got.
func (r *simulated) verdict() string {
	var hurt []string
	protection := slices.ContainsFunc(r.Tiers, func(t simulatedTier) bool { return t.Protected })
	for _, t := range r.Tiers {
		if (t.Protected || !protection) && (t.Failed > 0 || t.Shed > 0) {
			hurt = append(hurt, fmt.Sprintf("%s of %s calls of %s failed and %s were shed", rate(float64(t.Failed)), rate(float64(t.Calls)), t.Tier, rate(float64(t.Shed))))
		}
	}
	switch {
	case len(hurt) > 0:
		return "NOT ALL SERVED: " + strings.Join(hurt, "; ") + "."
	case protection:
		return "Every call of a protected tier was served."
	}
	return "Every call was served."
}

func (r *simulated) tierTable() *table {
	t := &table{
		head:  []string{"TIER", "CALLS", "IN TIME", "LATE", "SHED", "FAILED", "P99", "LEAST IN TIME"},
		right: []bool{false, true, true, true, true, true, true},
	}
	for _, x := range r.Tiers {
		worst := "none"
		if x.Worst != "" {
			worst = fmt.Sprintf("%s at %s", percent(x.Least), x.Worst)
		}
		part := func(n uint64) string { return percent(float64(n) / float64(max(x.Calls, 1))) }
		t.add(x.Tier, rate(float64(x.Calls)), part(x.Good), part(x.Late), part(x.Shed), part(x.Failed), fmt.Sprintf("%.0f ms", x.P99), worst)
	}
	return t
}

func (r *simulated) cloudTable() *table {
	t := &table{
		head:  []string{"CLOUD", "ATTEMPTS", "RETRIES", "PEAK/S", "CARRIES/S", "BUSIEST"},
		right: []bool{false, true, true, true, true, true},
	}
	for _, x := range r.Clouds {
		carries := "enough"
		if x.Carries > 0 {
			carries = rate(x.Carries)
		}
		t.add(x.Cloud, rate(float64(x.Attempts)), rate(float64(x.Retries)), rate(x.Peak), carries, percent(x.Busiest))
	}
	return t
}

func (r *simulated) eventTable(most int) *table {
	t := &table{}
	for i, x := range r.Events {
		if i == most {
			t.add("…", "", fmt.Sprintf("%d more are in -json", len(r.Events)-most))
			break
		}
		t.add(x.At, x.Cloud, fmt.Sprintf("%s → %s: %s", x.From, x.To, strings.TrimPrefix(x.Reason, x.To+": ")))
	}
	return t
}
