package sla

import (
	"slices"
	"strings"
	"sync/atomic"
)

const (
	unknownNames  = 64 // names kept
	unknownLength = 64 // bytes of each kept
)

// unknown keeps the names of tiers that calls asked for and nobody knows.
// Callers choose these names, so there is a bound to how many are kept and how
// much of each.
//
// The list is sorted and replaced, never changed: looking up a name that is
// there already, the usual case after a change of the config, takes no lock.
type unknown struct {
	names atomic.Pointer[[]string]
}

func (u *unknown) add(name string) {
	name = name[:min(len(name), unknownLength)]
	for {
		old := u.names.Load()
		var names []string
		if old != nil {
			names = *old
		}
		at, found := slices.BinarySearch(names, name)
		if found || len(names) >= unknownNames {
			return
		}
		// The copy doesn't keep the caller's string alive.
		next := slices.Insert(slices.Clone(names), at, strings.Clone(name))
		if u.names.CompareAndSwap(old, &next) {
			return
		}
	}
}

func (u *unknown) list() []string {
	if names := u.names.Load(); names != nil {
		return slices.Clone(*names)
	}
	return nil
}
