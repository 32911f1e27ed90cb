package sla

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Snapshot is what the accounts of a process hold at one moment. It is plain
// data, for a [Store] and for [Merge].
type Snapshot struct {
	// At is when it was taken. No count is dated later.
	At        time.Time        `json:"at"`
	Tiers     []TierRecord     `json:"tiers,omitempty"`
	Contracts []ContractRecord `json:"contracts,omitempty"`
}

// TierRecord is the account of a tier of a service.
type TierRecord struct {
	Service   string    `json:"service"`
	Tier      string    `json:"tier"`
	Objective Objective `json:"objective"`
	Record
}

// ContractRecord is the account of a contract.
type ContractRecord struct {
	Name      string    `json:"name"`
	Objective Objective `json:"objective"`
	Record
}

// Record holds the counts of one account.
type Record struct {
	Seconds Slots `json:"seconds,omitzero"` // of the last 5 minutes
	Minutes Slots `json:"minutes,omitzero"` // of the last 6 hours
	Hours   Slots `json:"hours,omitzero"`   // of the last 30 days
}

// Slots are counts of seconds, minutes or hours that follow one another.
type Slots struct {
	// Last is the number of the last slot: how many of its length are between
	// the beginning of 1970 (UTC) and its own beginning.
	Last int64 `json:"last"`
	// Good and Bad have a number for each slot, that of the last one last.
	Good []uint64 `json:"good"`
	Bad  []uint64 `json:"bad"`
}

const (
	// mostRecords is how many records of either kind a snapshot may have. A config
	// has at most 1,000 contracts; there may be many services.
	mostRecords = 100_000
	// mostCount is the most that a slot may hold, so that sums of all slots of
	// many processes are far from overflowing.
	mostCount = 1 << 48
	// mostText is the longest name.
	mostText = 1024
	// lastYear keeps times within what Go and JSON can tell.
	lastYear = 9999
)

// Validate reports the first thing that is wrong with a snapshot, nil if nothing
// is. The zero Snapshot is valid.
func (s *Snapshot) Validate() error {
	if s.At.IsZero() && len(s.Tiers) == 0 && len(s.Contracts) == 0 {
		return nil
	}
	if s.At.Unix() < 0 || s.At.Year() > lastYear {
		return fmt.Errorf("sla: snapshot of %v", s.At)
	}
	if len(s.Tiers) > mostRecords || len(s.Contracts) > mostRecords {
		return fmt.Errorf("sla: snapshot of %d tiers and %d contracts, at most %d of each", len(s.Tiers), len(s.Contracts), mostRecords)
	}
	seen := make(map[[2]string]bool)
	for i := range s.Tiers {
		t := &s.Tiers[i]
		key := [2]string{t.Service, t.Tier}
		if err := check(key, seen, &t.Record, t.Objective, s.At); err != nil {
			return fmt.Errorf("sla: snapshot: tiers[%d]: %w", i, err)
		}
	}
	clear(seen)
	for i := range s.Contracts {
		c := &s.Contracts[i]
		if err := check([2]string{c.Name}, seen, &c.Record, c.Objective, s.At); err != nil {
			return fmt.Errorf("sla: snapshot: contracts[%d]: %w", i, err)
		}
	}
	return nil
}

func check(key [2]string, seen map[[2]string]bool, r *Record, o Objective, at time.Time) error {
	switch {
	case seen[key]:
		return errors.New("the same name as one before")
	case len(key[0])+len(key[1]) > mostText:
		return fmt.Errorf("a name of %d bytes", len(key[0])+len(key[1]))
	case !(o.Target > 0 && o.Target < 1): // also true for NaN
		return fmt.Errorf("a target of %v", o.Target)
	case o.Window <= 0 || o.Window > hoursSpan:
		return fmt.Errorf("a window of %v", o.Window)
	}
	seen[key] = true
	h := newHistory()
	for i, slots := range r.slots() {
		if err := slots.check(h.rings()[i], at); err != nil {
			return err
		}
	}
	return nil
}

func (s *Slots) check(r *ring, at time.Time) error {
	switch n := len(s.Good); {
	case n != len(s.Bad):
		return fmt.Errorf("%d good and %d bad slots", n, len(s.Bad))
	case int64(n) > r.size:
		return fmt.Errorf("%d slots, at most %d", n, r.size)
	case n > 0 && (s.Last < int64(n)-1 || s.Last > r.slot(at)):
		return fmt.Errorf("%d slots until number %d, at %d", n, s.Last, r.slot(at))
	}
	for _, n := range slices.Concat(s.Good, s.Bad) {
		if n > mostCount {
			return fmt.Errorf("a count of %d", n)
		}
	}
	return nil
}

func (r *Record) slots() [3]*Slots { return [3]*Slots{&r.Seconds, &r.Minutes, &r.Hours} }

func (h *history) record(at time.Time) Record {
	var rec Record
	for i, slots := range rec.slots() {
		*slots = h.rings()[i].slotsAt(at)
	}
	return rec
}

// slotsAt returns what is in the ring at the given time, from the first slot that
// isn't empty to the last one.
func (r *ring) slotsAt(at time.Time) Slots {
	var s Slots
	if r.slots == nil {
		return s
	}
	first, last := r.oldest(r.slot(at)-r.size+1), r.newest
	for first <= last && *r.at(first) == (Counts{}) {
		first++
	}
	for first <= last && *r.at(last) == (Counts{}) {
		last--
	}
	if first > last {
		return s
	}
	s.Last = last
	for k := first; k <= last; k++ {
		c := r.at(k)
		s.Good, s.Bad = append(s.Good, c.Good), append(s.Bad, c.Bad)
	}
	return s
}

func (h *history) restore(rec Record, now time.Time) {
	for i, s := range rec.slots() {
		r := h.rings()[i]
		first := s.Last - int64(len(s.Good)) + 1
		for k := range s.Good {
			r.add(min(first+int64(k), r.slot(now)), Counts{s.Good[k], s.Bad[k]})
		}
	}
}

// Merge returns the snapshot of several processes together: exactly the counts
// that one account would hold that all of them had counted in. The order and
// grouping of merges doesn't matter. Where the objectives differ, the higher
// target and the longer window count.
//
// The snapshots must be valid and of different processes: the same one twice
// counts twice.
func Merge(snapshots ...Snapshot) Snapshot {
	var all Snapshot
	for _, s := range snapshots {
		if s.At.After(all.At) {
			all.At = s.At.UTC()
		}
	}
	tiers := make(map[[2]string]*merged)
	contracts := make(map[[2]string]*merged)
	for _, s := range snapshots {
		for _, t := range s.Tiers {
			merge(tiers, [2]string{t.Service, t.Tier}, t.Objective, t.Record, all.At)
		}
		for _, c := range s.Contracts {
			merge(contracts, [2]string{c.Name}, c.Objective, c.Record, all.At)
		}
	}
	for key, m := range tiers {
		all.Tiers = append(all.Tiers, TierRecord{key[0], key[1], m.objective, m.history.record(all.At)})
	}
	for key, m := range contracts {
		all.Contracts = append(all.Contracts, ContractRecord{key[0], m.objective, m.history.record(all.At)})
	}
	slices.SortFunc(all.Tiers, func(a, b TierRecord) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Tier, b.Tier))
	})
	slices.SortFunc(all.Contracts, func(a, b ContractRecord) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

type merged struct {
	objective Objective
	history   history
}

func merge(into map[[2]string]*merged, key [2]string, o Objective, r Record, at time.Time) {
	m := into[key]
	if m == nil {
		m = &merged{history: newHistory()}
		into[key] = m
	}
	m.objective.Target = max(m.objective.Target, o.Target)
	m.objective.Latency = max(m.objective.Latency, o.Latency)
	m.objective.Window = max(m.objective.Window, o.Window)
	m.history.restore(r, at)
}
