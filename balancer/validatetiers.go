package balancer

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/fairlead-go/fairlead/internal/configfile"
	"github.com/fairlead-go/fairlead/sla"
)

func (v *validator) checkTiers(at *configfile.Path) {
	v.tiers = v.readableTiers(at)
	if n := len(v.Tiers); n > maxTiers {
		v.fault(at, "must have at most %d tiers, has %d", maxTiers, n)
	}
	first := make(map[string]int, len(v.Tiers))
	for i, tier := range v.Tiers {
		at := at.Index(i)
		v.checkName(at.Key("name"), tier.Name, maxNameLen)
		if j, ok := first[tier.Name]; ok && tier.Name != "" {
			v.fault(at.Key("name"), "must be given once, is also the name of tiers[%d]", j)
		} else {
			first[tier.Name] = i
		}
		v.checkTier(at, tier)
	}
}

// readableTiers returns the names of the tiers, or nil if the list or a name
// in it is lost: a reference to a tier can't be judged then.
func (v *validator) readableTiers(at *configfile.Path) []string {
	if v.doc.Lost(at) {
		return nil
	}
	var names []string
	for i, tier := range v.Config.tiers() {
		if at := at.Index(i); v.doc.Lost(at.Key("name")) {
			return nil
		}
		names = append(names, tier.Name)
	}
	return names
}

// checkTier looks at the figures of a tier, be it the config's or a service's.
func (v *validator) checkTier(at *configfile.Path, tier sla.Tier) {
	v.checkObjective(at.Key("objective"), tier.Objective)
	ranged(v, at.Key("timeout"), tier.Timeout, time.Millisecond, 24*time.Hour)
	ranged(v, at.Key("attempts"), tier.Attempts, 1, maxAttempts)
	if at, x := at.Key("hedge"), tier.Hedge; v.written(at, x != 0) && !(x > 0 && x <= mostHedge) { // also true for NaN
		v.fault(at, "must be above 0 and at most %v, is %v", mostHedge, x)
	}
	v.properFraction(at.Key("reserve"), tier.Reserve)
	if at := at.Key("spill"); v.written(at, tier.Spill != "") && tier.Spill != sla.SpillAllow && tier.Spill != sla.SpillNever {
		v.fault(at, "must be allow or never, is %s", configfile.Quote(string(tier.Spill)))
	}
	at = at.Key("clouds")
	v.checkCloudList(at.Key("only"), tier.Clouds.Only)
	v.checkCloudList(at.Key("prefer"), tier.Clouds.Prefer)
	if len(tier.Clouds.Only) == 0 {
		return
	}
	for i, cloud := range tier.Clouds.Prefer {
		if !slices.Contains(tier.Clouds.Only, cloud) {
			v.fault(at.Key("prefer").Index(i), "must be one of the clouds in only, is %s", configfile.Quote(cloud))
		}
	}
}

func (v *validator) checkObjective(at *configfile.Path, o sla.Objective) {
	v.properFraction(at.Key("target"), o.Target)
	ranged(v, at.Key("latency"), o.Latency, time.Millisecond, 24*time.Hour)
	v.checkWindow(at.Key("window"), o.Window)
}

func (v *validator) checkWindow(at *configfile.Path, window time.Duration) {
	ranged(v, at, window, time.Hour, defaultWindow)
	if window%time.Hour != 0 {
		v.fault(at, "must be in whole hours, is %s", show(window))
	}
}

func (v *validator) checkCloudList(at *configfile.Path, clouds []string) {
	if len(clouds) == 0 && v.doc.Has(at) {
		v.fault(at, "must have at least one cloud; leave it out to mean all")
	}
	for i, cloud := range clouds {
		if !v.checkCloudName(at.Index(i), cloud) {
			continue
		}
		if j := slices.Index(clouds, cloud); j < i {
			v.fault(at.Index(i), "must be given once, is the same cloud as [%d]", j)
		}
	}
}

// checkOwnTiers looks at the figures that a service has of its own.
func (v *validator) checkOwnTiers(at *configfile.Path, service Service) {
	first := make(map[string]int, len(service.Tiers))
	for i, own := range service.Tiers {
		at := at.Index(i)
		if !v.checkTierName(at.Key("name"), own.Name) {
			continue
		}
		if j, ok := first[own.Name]; ok {
			v.fault(at.Key("name"), "must be given once, is also the name of tiers[%d] of this service", j)
		} else {
			first[own.Name] = i
		}
		k := slices.IndexFunc(v.Tiers, func(t sla.Tier) bool { return t.Name == own.Name })
		if k >= 0 && v.Tiers[k].Protected && !own.Protected && v.doc.Has(at.Key("protected")) {
			v.fault(at.Key("protected"), "must be true or left out: a service can't take protection away")
		}
		v.checkTier(at, own)
	}
}

func (v *validator) checkAssign(at *configfile.Path) {
	catchAll := -1
	for i, rule := range v.Assign {
		at := at.Index(i)
		if v.doc.Lost(at) {
			continue
		}
		v.checkPattern(at.Key("product"), rule.Product)
		v.checkPattern(at.Key("customer"), rule.Customer)
		v.checkPattern(at.Key("method"), rule.Method)
		v.checkTierName(at.Key("tier"), rule.Tier)
		if catchAll >= 0 {
			v.fault(at, "must not stand behind assign[%d], which matches every call", catchAll)
		} else if matchesAll(rule.Product) && matchesAll(rule.Customer) && matchesAll(rule.Method) {
			catchAll = i
		}
	}
}

// matchesAll reports whether the pattern consists of stars or of nothing.
func matchesAll(pattern string) bool { return strings.Trim(pattern, "*") == "" }

func (v *validator) checkPattern(at *configfile.Path, pattern string) {
	if len(pattern) > maxPatternLen {
		v.fault(at, "must have at most %d bytes, has %d", maxPatternLen, len(pattern))
	} else if !utf8.ValidString(pattern) || strings.ContainsFunc(pattern, unicode.IsControl) {
		v.fault(at, "must be text without control characters, is %s", configfile.Quote(pattern))
	}
}
