package balancer

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/internal/configfile"
)

const mostChangesListed = 1000

// checkChanges looks at each change by itself, at what it names, and at those that
// stand before it.
func (v *validator) checkChanges(at *configfile.Path) {
	if n := len(v.Changes); n > mostChangesListed {
		v.fault(at, "must have at most %d changes, has %d", mostChangesListed, n)
		return
	}
	first := make(map[string]int, len(v.Changes))
	for i := range v.Changes {
		change, at := &v.Changes[i], at.Index(i)
		if v.doc.Lost(at) {
			continue
		}
		faults := change.Faults()
		for _, fault := range faults {
			v.fault(below(at, fault.Field), "%s", fault.Problem)
		}
		if change.Start.IsZero() && change.Repeat == 0 {
			v.fault(at.Key("start"), "must be given: all clients begin by it")
		}
		v.checkZeros(at, change)
		v.checkChanged(at, change)
		if j, twice := first[change.ID]; twice && change.ID != "" {
			v.fault(at.Key("id"), "must be given once, is also that of changes[%d]", j)
			continue
		}
		first[change.ID] = i
		if len(faults) == 0 && !change.Start.IsZero() {
			v.checkContradictions(at, i)
		}
	}
}

// checkZeros refuses zeros that are written where they would stand for a default.
func (v *validator) checkZeros(at *configfile.Path, c *failover.Change) {
	for _, zero := range []struct {
		field string
		is    bool
		must  string
	}{
		{"grace", c.Grace == 0, "must be from 1s to 24h, is 0s"},
		{"repeat", c.Repeat == 0, "must be at least 1m, is 0s"},
		{"abort.burn", c.Abort.Burn == 0, "must be above 0, is 0"},
		{"abort.events", c.Abort.Events == 0, "must be from 1 to 1000000, is 0"},
		{"abort.headroom", c.Abort.Headroom == 0, "must be above 0 and below 1, is 0"},
	} {
		if at := below(at, zero.field); zero.is && v.doc.Has(at) {
			v.fault(at, "%s", zero.must)
		}
	}
}

// checkChanged looks at the clouds and services that a change names.
func (v *validator) checkChanged(at *configfile.Path, c *failover.Change) {
	if c.ID != "" {
		v.checkName(at.Key("id"), c.ID, maxNameLen)
	}
	if c.Cloud != "" {
		v.checkCloudName(at.Key("cloud"), c.Cloud)
		if c.Cloud == v.Observe {
			v.fault(at.Key("cloud"), "must not be %s: it gets every call while it is observed", c.Cloud)
		}
	}
	for _, weights := range []struct {
		at     *configfile.Path
		values map[string]uint32
	}{{at.Key("weights"), c.Weights}, {at.Key("from"), c.From}} {
		for _, cloud := range slices.Sorted(maps.Keys(weights.values)) {
			v.checkCloudName(weights.at.Key(cloud), cloud)
		}
		if len(weights.values) > 0 && len(weights.values) == len(v.clouds) && allZero(weights.values) {
			v.fault(weights.at, "must leave a cloud with a weight above 0")
		}
	}
	for i, service := range c.Services {
		if _, known := v.Services[service]; !known {
			v.fault(at.Key("services").Index(i), "must be one of the services%s", choice(service, sortedKeys(v.Services)))
		}
	}
}

func allZero(weights map[string]uint32) bool {
	for _, w := range weights {
		if w > 0 {
			return false
		}
	}
	return true
}

// checkContradictions compares a change with those that stand before it. The one
// that stands first holds.
func (v *validator) checkContradictions(at *configfile.Path, i int) {
	for j := range i {
		earlier := &v.Changes[j]
		if earlier.Start.IsZero() || len(earlier.Faults()) > 0 {
			continue
		}
		if err := v.Changes[i].Contradicts(earlier); err != nil {
			v.fault(at, "must not contradict changes[%d]: %v", j, err)
			return
		}
	}
	for _, earlier := range v.Changes[:i] {
		if why := v.together(&v.Changes[i], &earlier); why != "" {
			v.fault(at, "must not contradict change %s: %s", earlier.ID, why)
			return
		}
	}
}

// together says which tier two changes would leave with too few clouds, "" if
// none.
func (v *validator) together(c, earlier *failover.Change) string {
	if c.Force || c.Cloud == "" || earlier.Cloud == "" || c.Cloud == earlier.Cloud || earlier.Start.IsZero() || !c.Overlaps(earlier) {
		return ""
	}
	least := v.Failover.WithDefaults().MinClouds
	for _, name := range slices.Sorted(maps.Keys(v.Services)) {
		if !c.Concerns(name) || !earlier.Concerns(name) {
			continue
		}
		for p := range Protocol(protocols) {
			runs := v.Services[name].cloudsOf(p)
			for _, tier := range v.tiersOf(name) {
				allowed, left := 0, 0
				for _, cloud := range runs {
					if tier.Clouds.Allow(cloud) {
						allowed++
						if cloud != c.Cloud && cloud != earlier.Cloud {
							left++
						}
					}
				}
				if allowed > 0 && left < min(allowed, least) {
					return "together they would leave tier " + tier.Name + " of service " + name + " with " + strconv.Itoa(left) + " of its " + strconv.Itoa(allowed) + " clouds"
				}
			}
		}
	}
	return ""
}

// below follows a field such as abort.burn or allowed[0].from.
func below(at *configfile.Path, field string) *configfile.Path {
	for step := range strings.SplitSeq(field, ".") {
		name, index, listed := strings.Cut(strings.TrimSuffix(step, "]"), "[")
		at = at.Key(name)
		if i, err := strconv.Atoi(index); listed && err == nil {
			at = at.Index(i)
		}
	}
	return at
}

const (
	leastChangeInterval = time.Second
	mostChangeInterval  = 24 * time.Hour
)
