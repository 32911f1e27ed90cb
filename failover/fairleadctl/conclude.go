package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/fairlead-go/fairlead/failover"
)

// conclude writes a result, for machines or for people. The error is errFinding if
// the result isn't good.
func (e *env) conclude(good, asJSON bool, result any, write func(io.Writer)) error {
	if !asJSON {
		write(e.stdout)
	} else if err := writeJSON(e.stdout, result); err != nil {
		return err
	}
	if !good {
		return errFinding
	}
	return nil
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// writeHead says for a person what is planned: a service, when, in what situation.
func (s *subject) writeHead(w io.Writer) {
	title := fmt.Sprintf("%s at %s", s, moment(s.at))
	if len(s.down) > 0 {
		title += ", without " + list(s.down)
	}
	fmt.Fprint(w, wrapped("", title))
	for i := range s.changes {
		fmt.Fprint(w, wrapped("", standing(&s.changes[i])))
	}
}

// standing says in a sentence where a change stands.
func standing(c *failover.ChangeStatus) string {
	text := fmt.Sprintf("%s is %s", c.Name(), c.State)
	if c.State == failover.ChangeRunning {
		text = c.Name() + " is in force"
		if !c.Until.IsZero() {
			text += " until " + moment(c.Until)
		}
	}
	if c.Reason != "" {
		text += ": " + c.Reason
	}
	return text
}

// plannedChange is a change that concerns a service at the time of its plan.
type plannedChange struct {
	ID     string               `json:"id"`
	Kind   failover.ChangeKind  `json:"kind"`
	State  failover.ChangeState `json:"state"`
	Until  time.Time            `json:"until,omitzero"`
	Reason string               `json:"reason,omitempty"`
}

func (s *subject) planned() []plannedChange {
	all := []plannedChange{}
	for _, c := range s.changes {
		all = append(all, plannedChange{c.ID, c.Kind, c.State, c.Until, c.Reason})
	}
	return all
}

func tierTitle(name string, protected bool) string {
	if protected {
		return name + " (protected)"
	}
	return name
}
