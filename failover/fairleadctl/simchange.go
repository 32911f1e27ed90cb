package main

import (
	"fmt"
	"maps"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/internal/sim"
)

// simulatedChange is something that became of a change, at one or more clients.
type simulatedChange struct {
	At      string               `json:"at"` // at the first of them
	Change  string               `json:"change"`
	Kind    failover.ChangeKind  `json:"kind"`
	State   failover.ChangeState `json:"state"`
	Clients int                  `json:"clients"`
	Reason  string               `json:"reason,omitempty"` // likewise
	// Outcome is that of a drill. RTO, in milliseconds, is the longest of any client,
	// none if at none callers got what they should; PeakBurn and BudgetSpent are the
	// most.
	Outcome     failover.Outcome `json:"outcome,omitempty"`
	RTO         *float64         `json:"rtoMs,omitempty"`
	PeakBurn    float64          `json:"peakBurn,omitempty"`
	BudgetSpent float64          `json:"budgetSpent,omitempty"`
}

// concerning returns the changes of a config that concern a service, as changes of a
// world in which there is nothing else.
func concerning(cfg *balancer.Config, service string) (all []failover.Change) {
	has := cfg.Services[service].Clouds
	only := func(weights map[string]uint32) map[string]uint32 {
		weights = maps.Clone(weights)
		maps.DeleteFunc(weights, func(cloud string, _ uint32) bool { _, runs := has[cloud]; return !runs })
		return weights
	}
	for _, c := range cfg.Changes {
		if !c.Concerns(service) {
			continue
		}
		c.Services, c.Weights, c.From = nil, only(c.Weights), only(c.From)
		if _, runs := has[c.Cloud]; runs || len(c.Weights) > 0 {
			all = append(all, c)
		}
	}
	return all
}

// due says which changes are in force at some time of the simulation.
func (s *simulation) due() (texts []string) {
	begin, end := s.first.Add(s.begin), s.first.Add(s.end)
	for i := range s.changes {
		c := &s.changes[i]
		from, until := c.Occurrence(begin)
		if !from.Before(end) || !until.IsZero() && !until.After(begin) {
			continue
		}
		text := c.Name() + " from " + moment(from)
		if until.IsZero() {
			text += " on"
		} else {
			text += " to " + moment(until)
		}
		texts = append(texts, text)
	}
	return texts
}

// changes sums up what became of changes at the clients.
func (r *simulated) changes(moves []sim.ChangeEvent) []simulatedChange {
	type event struct {
		id      string
		begins  time.Time
		state   failover.ChangeState
		outcome failover.Outcome
	}
	all, index := []simulatedChange{}, map[event]int{}
	for _, m := range moves {
		c := &m.Change
		of := event{id: c.ID, begins: c.Begins, state: c.State}
		if c.Report != nil && c.State != failover.ChangeRunning {
			of.outcome = c.Report.Outcome
		}
		i, known := index[of]
		if !known {
			i = len(all)
			index[of] = i
			all = append(all, simulatedChange{At: r.clock(m.At), Change: c.ID, Kind: c.Kind, State: c.State, Reason: c.Reason, Outcome: of.outcome})
		}
		all[i].Clients++
		if of.outcome != "" {
			if rto := float64(c.Report.RTO.Microseconds()) / 1000; !c.Report.Restored.IsZero() && (all[i].RTO == nil || rto > *all[i].RTO) {
				all[i].RTO = &rto
			}
			all[i].PeakBurn = max(all[i].PeakBurn, c.Report.PeakBurn)
			all[i].BudgetSpent = max(all[i].BudgetSpent, c.Report.BudgetSpent)
		}
	}
	return all
}

func (r *simulated) changeTable() *table {
	t := &table{}
	for _, c := range r.Changes {
		t.add(c.At, c.Change, c.text(r.Clients))
	}
	return t
}

// text says what became of the change.
func (c *simulatedChange) text(clients int) string {
	text := fmt.Sprintf("%s %s", c.Kind, c.State)
	if c.Clients < clients {
		text += fmt.Sprintf(" at %d of %d clients", c.Clients, clients)
	}
	switch c.Outcome {
	case "":
		if c.Reason != "" {
			text += ": " + c.Reason
		}
	case failover.Succeeded:
		text += fmt.Sprintf(": %s, RTO %v, peak burn %.1f, budget spent %s", c.Outcome,
			time.Duration(*c.RTO*float64(time.Millisecond)).Round(time.Millisecond), c.PeakBurn, percent(c.BudgetSpent))
	default:
		text += fmt.Sprintf(": %s, %s", c.Outcome, c.Reason)
	}
	return text
}
