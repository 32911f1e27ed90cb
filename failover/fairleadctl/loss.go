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
)

func lossCommand() *command {
	return &command{
		name: "n-1", args: "FILE -demand TIER=RPS...", files: true,
		what: "for each cloud: would its loss be survived?",
		long: `Tells for each cloud whether its loss would be survived: whether the others would carry every protected tier (every tier, if none is protected), which tiers would not be served whole, and how many calls per second of capacity are missing. It is about this moment, before anything has grown; where growth up to the ceilings would help, that is said, too.
A loss that depends on a cloud whose capacity isn't known is not called survived: give capacity in the file, or -capacity.
N equal clouds that are used to u survive a loss if u ≤ (N−1)/N, and a protected part s of the calls if s·u·N ≤ N−1.
Exits with 1 if the loss of some cloud would not be survived, or isn't known to be.`,
		examples: []example{
			{"may any cloud fail at tonight's peak?", "n-1 fairlead.yaml -demand critical=3000 -demand standard=2500"},
			{"and if one is out for maintenance already?", "n-1 fairlead.yaml -demand critical=3000 -down aws-seoul"},
			{"what if gcp had 5,000 calls/s?", "n-1 fairlead.yaml -demand critical=3000 -capacity gcp=5000"},
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
				if len(s.demand) == 0 {
					return usagef("-demand must say how many calls per second there are, for each tier that has some")
				}
				cfg, err := balancer.Load(file)
				if err != nil {
					return err
				}
				subjects, err := s.subjects(cfg, e.now())
				if err != nil {
					return err
				}
				if of := subjects[0]; len(of.given) == 0 {
					return usagef("-demand must be of service %s: there is none of it", of.service)
				}
				return tellLosses(e, subjects[0], *asJSON)
			}
		},
	}
}

// Verdicts about the loss of a cloud.
const (
	survives = "survived"
	fails    = "NOT survived"
	unknown  = "not known"
)

// lossJSON is what n-1 writes.
type lossJSON struct {
	At       time.Time          `json:"at"`
	Service  string             `json:"service"`
	Protocol string             `json:"protocol"`
	Demand   map[string]float64 `json:"demand"` // by tier
	Survives bool               `json:"survives"`
	Losses   []loss             `json:"losses"`
}

type loss struct {
	Cloud   string `json:"cloud"`
	Verdict string `json:"verdict"` // survived, NOT survived, not known
	// Short are the tiers that would not be served whole.
	Short []string `json:"short"`
	// Missing is how many calls per second nobody would serve, MissingProtected how
	// many of them are those of protected tiers.
	Missing          float64 `json:"missing"`
	MissingProtected float64 `json:"missingProtected"`
	// Unknown are the clouds that would get calls and whose capacity isn't known.
	Unknown []string `json:"unknown"`
	// Busiest is the cloud that would be used most, to Utilization.
	Busiest     string  `json:"busiest,omitempty"`
	Utilization float64 `json:"utilization"`
	// SurvivesGrown says that it would be survived if every cloud had grown to its
	// ceiling.
	SurvivesGrown bool `json:"survivesGrown"`

	growing []string // what would have grown, for a person
}

func newLoss(cfg *balancer.Config, in failover.Input, cloud string) loss {
	lost := failover.Lose(in, cloud)
	l := loss{Cloud: cloud, Verdict: survives, Short: append([]string{}, lost.Short...), Missing: lost.Missing, MissingProtected: lost.MissingProtected, Unknown: []string{}}
	for i, c := range lost.Plan.Clouds {
		switch has := in.Clouds[slices.IndexFunc(in.Clouds, func(x failover.Cloud) bool { return x.Name == c.Cloud })]; {
		case has.Capacity == 0 && c.Load > 0 && c.Cloud != cloud:
			l.Unknown = append(l.Unknown, c.Cloud)
		case c.Cloud != cloud && (l.Busiest == "" || c.Utilization > l.Utilization):
			l.Busiest, l.Utilization = c.Cloud, lost.Plan.Clouds[i].Utilization
		}
	}
	grown := in
	grown.Clouds = slices.Clone(in.Clouds)
	for i := range grown.Clouds {
		c := &grown.Clouds[i]
		if c.Ceiling > c.Capacity && c.Name != cloud {
			c.Capacity = c.Ceiling
			l.growing = append(l.growing, grows(cfg, c))
		}
	}
	l.SurvivesGrown = len(l.Unknown) == 0 && failover.Lose(grown, cloud).Survives
	switch {
	case !lost.Survives:
		l.Verdict = fails
	case len(l.Unknown) > 0:
		l.Verdict = unknown
	}
	return l
}

// grows says that a cloud has grown, and how long that takes.
func grows(cfg *balancer.Config, c *failover.Cloud) string {
	text := fmt.Sprintf("%s had grown to %s", c.Name, rate(c.Ceiling))
	if ready := cfg.Clouds[c.Name].Ready; ready > 0 {
		text += fmt.Sprintf(" (new capacity takes %s)", brief(ready))
	}
	return text
}

func tellLosses(e *env, s *subject, asJSON bool) error {
	out := lossJSON{At: s.at, Service: s.service, Protocol: s.protocol.String(), Demand: map[string]float64{}, Survives: true}
	for i, t := range s.input.Tiers {
		out.Demand[t.Name] = s.input.Demand[i]
	}
	for _, c := range s.input.Clouds {
		if c.Drained || lost(&c) {
			continue // nothing more can be lost of it
		}
		l := newLoss(s.config, s.input, c.Name)
		out.Survives = out.Survives && l.Verdict == survives
		out.Losses = append(out.Losses, l)
	}
	return e.conclude(out.Survives, asJSON, out, func(w io.Writer) { out.write(w, s) })
}

func (o *lossJSON) write(w io.Writer, s *subject) {
	s.writeHead(w)
	var parts, silent []string
	for i, t := range s.input.Tiers {
		if !s.given[t.Name] {
			silent = append(silent, t.Name)
			continue
		}
		parts = append(parts, rate(s.input.Demand[i])+" "+tierTitle(t.Name, t.Protected))
	}
	fmt.Fprint(w, wrapped("", fmt.Sprintf("%s calls/s: %s", rate(s.total()), strings.Join(parts, ", "))))
	if len(silent) > 0 {
		fmt.Fprint(w, wrapped("", "No demand is given of "+list(silent)+"."))
	}
	fmt.Fprintln(w)
	t := table{head: []string{"LOSS OF", "VERDICT", "MISSING", "PROTECTED", "BUSIEST", "TIERS NOT SERVED WHOLE"}, right: []bool{false, false, true, true, true}}
	for _, l := range o.Losses {
		busiest := percent(l.Utilization)
		switch {
		case len(l.Unknown) > 0:
			busiest = "unknown"
		case l.Busiest == "":
			busiest = "none left"
		}
		short := "none"
		if len(l.Short) > 0 {
			short = strings.Join(l.Short, ", ")
		}
		t.add(l.Cloud, l.Verdict, rate(l.Missing), rate(l.MissingProtected), busiest, short)
	}
	t.write(w)
	for _, l := range o.Losses {
		if text := l.text(); text != "" {
			fmt.Fprint(w, "\n"+wrapped("", text))
		}
	}
	if blind(s.config) {
		fmt.Fprint(w, "\n"+wrapped("", "But: "+noInstances))
	}
	fmt.Fprintln(w, "\nMISSING and PROTECTED are calls per second, BUSIEST is the cloud used most then.")
}

// text says what a person must know of a loss that isn't survived.
func (l *loss) text() string {
	switch {
	case l.Verdict == unknown:
		return fmt.Sprintf("Without %s, %s would get calls, whose capacity isn't known: it is not in the file, nor in -capacity.", l.Cloud, list(l.Unknown))
	case l.Verdict == survives:
		return ""
	}
	need := fmt.Sprintf("%s calls/s have nowhere to go", rate(l.Missing))
	switch {
	case l.Missing == 0:
		need = "calls of " + list(l.Short) + " would have nowhere to go"
	case l.MissingProtected == l.Missing:
		need += ", all of protected tiers"
	case l.MissingProtected > 0:
		need += fmt.Sprintf(", %s of them of protected tiers", rate(l.MissingProtected))
	}
	text := fmt.Sprintf("Without %s, %s.", l.Cloud, need)
	switch {
	case l.SurvivesGrown:
		text += " It would be survived once " + list(l.growing) + "."
	case l.Busiest == "":
		text += " No cloud is left."
	}
	return text
}
