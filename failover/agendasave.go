package failover

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// savedChange is what must survive a restart: an applied change, or what has
// become of one that the config has.
type savedChange struct {
	Change  Change
	Applied bool        `json:",omitempty"`
	State   ChangeState `json:",omitempty"` // empty: to be begun if its time has come
	Since   time.Time   `json:",omitzero"`
	Reason  string      `json:",omitempty"`
	Handled time.Time   `json:",omitzero"`
	Gone    bool        `json:",omitempty"`
	Until   time.Time   `json:",omitzero"`
}

// Save returns what [Agenda.Restore] needs, as JSON: the changes that were added,
// and what was ended, given up or refused before its time was over.
func (a *Agenda) Save() ([]byte, error) {
	saved := []savedChange{}
	for _, e := range a.entries {
		s := savedChange{Change: e.Change, Applied: e.applied}
		switch e.state {
		case ChangeAborted, ChangeCancelled, ChangeRefused, ChangeEnded:
			s.State, s.Since, s.Reason, s.Handled, s.Until = e.state, e.since, e.reason, e.handled, e.until
			s.Gone = e.gone
		default:
			if !e.applied {
				continue
			}
		}
		saved = append(saved, s)
	}
	return json.Marshal(saved)
}

// Restore takes up what was saved: added changes are there again, and those that
// were in force are once more with the next Step if their time isn't over. What was
// ended or given up stays so, also for a change of the config that is the same
// move. It is called before the first Step, after Set.
func (a *Agenda) Restore(data []byte) error {
	var saved []savedChange
	if len(data) == 0 {
		return nil
	}
	if err := json.Unmarshal(data, &saved); err != nil {
		return fmt.Errorf("what was saved of changes can't be read: %w", err)
	}
	for _, s := range saved {
		if err := s.Change.Validate(); err != nil {
			return fmt.Errorf("what was saved of change %s: %w", s.Change.ID, err)
		}
	}
	for _, s := range saved {
		i := slices.IndexFunc(a.entries, func(e *entry) bool { return e.ID == s.Change.ID })
		switch {
		case i < 0 && s.Applied:
			a.entries = append(a.entries, newEntry(s.Change.WithDefaults(), s.Change.Start, true))
			i = len(a.entries) - 1
		case i < 0 || a.entries[i].applied != s.Applied || !a.entries[i].sameMove(&s.Change):
			continue
		}
		if e := a.entries[i]; s.State != "" {
			e.state, e.since, e.reason, e.handled, e.begins, e.until = s.State, s.Since, s.Reason, s.Handled, s.Handled, s.Until
			e.gone = s.Gone
		}
	}
	return nil
}
