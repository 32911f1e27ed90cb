package failover

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// savedChange is what must survive a restart: an applied change, or what has
// become of one that the config has.
type savedChange struct {
	Change  Change
	Applied bool        `json:",omitempty"`
	State   ChangeState `json:",omitempty"` // empty: to be begun when its time has come
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
		case ChangeRunning:
			s.State, s.Handled = e.state, e.handled
		}
		if !e.applied && (s.State == "" || s.State == ChangeRunning) {
			continue
		}
		saved = append(saved, s)
	}
	return json.Marshal(saved)
}

// Restore takes up what was saved: added changes are there again, and those that
// were in force are once more with the next Step if their time isn't over (of what
// repeats, that of the same occurrence), also if the wall clock was set back meanwhile.
// What was ended or given up stays so, also for a change of the config that is the
// same move. It is called before the first Step, after Set. The error lists what can't
// be taken up; the rest is.
func (a *Agenda) Restore(data []byte) error {
	var saved []savedChange
	if len(data) == 0 {
		return nil
	}
	if err := json.Unmarshal(data, &saved); err != nil {
		return fmt.Errorf("what was saved of changes can't be read: %w", err)
	}
	var faults []error
	for i := range saved {
		if err := saved[i].Change.Validate(); err != nil {
			faults = append(faults, fmt.Errorf("what was saved of change %s: %w", saved[i].Change.ID, err))
			continue
		}
		a.restore(&saved[i])
	}
	return errors.Join(faults...)
}

func (a *Agenda) restore(s *savedChange) {
	i := slices.IndexFunc(a.entries, func(e *entry) bool { return e.ID == s.Change.ID })
	switch {
	case i < 0 && s.Applied:
		a.entries = append(a.entries, newEntry(s.Change.WithDefaults(), s.Change.Start, true))
		i = len(a.entries) - 1
	case i < 0 || a.entries[i].applied != s.Applied || !a.entries[i].sameMove(&s.Change):
		return
	}
	switch e := a.entries[i]; s.State {
	case "":
	case ChangeRunning:
		e.resumed, e.handled = true, s.Handled
	default:
		e.state, e.since, e.reason, e.handled, e.begins, e.until = s.State, s.Since, s.Reason, s.Handled, s.Handled, s.Until
		e.gone = s.Gone
	}
}
