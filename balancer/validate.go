package balancer

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/internal/configfile"
)

const (
	maxClouds      = 64
	maxTiers       = 32
	maxNameLen     = 63
	maxServiceLen  = 253 // a service may be called as its host is (RFC 1035)
	maxPatternLen  = 256
	maxContracts   = 1000
	maxAttempts    = 10
	mostHedge      = 0.5
	mostInstances  = 1000000
	mostCapacity   = 1e9 // calls per second
	leastSubset    = 2
	mostSubset     = 100000
	namesListed    = 8 // a message lists the names to choose from if they are no more
	nameCharacters = "lower-case letters, digits, '-', '.' and '_', with a letter or digit at both ends"
)

// Names appear in URLs, logs and metric labels, and are compared byte by
// byte.
var namePattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$`)

// Validate reports all that is wrong with c as a [*ConfigError], nil if
// nothing is. [New] and [ParseConfig] do the same, so that only a program that
// builds or changes a Config needs it. The environment isn't looked at: a name
// that can't be resolved or a LevelKey that leads nowhere is not a fault of
// the configuration.
func (c *Config) Validate() error {
	var faults configfile.Faults
	validate(c, nil, &faults)
	return newConfigError("", &faults)
}

// validator looks for faults of meaning in one Config.
type validator struct {
	*Config
	doc    *configfile.Document
	faults *configfile.Faults
	clouds []string // their names, sorted; nil if they couldn't be read
	tiers  []string // in order; nil if some couldn't be read
}

// validate adds to faults what is wrong with c, which doc was decoded into;
// doc is nil for a literal.
func validate(c *Config, doc *configfile.Document, faults *configfile.Faults) {
	v := &validator{Config: c, doc: doc, faults: faults}
	root := (*configfile.Path)(nil)
	if at := root.Key("version"); v.written(at, c.Version != 0) && c.Version != 1 {
		v.fault(at, "must be 1, is %d", c.Version)
	}
	v.checkClouds(root.Key("clouds"))
	v.checkTiers(root.Key("tiers"))
	v.checkServices(root.Key("services"))
	v.checkAssign(root.Key("assign"))
	v.checkContracts(root.Key("contracts"))
	v.checkSensitive(root.Key("sensitive"))
	if at := root.Key("default"); v.written(at, c.Default != "") {
		v.checkTierName(at, c.Default)
	}
	if at := root.Key("levelKey"); v.written(at, c.LevelKey != "") {
		if err := checkLevelKey(c.LevelKey); err != nil {
			v.fault(at, "%v", err)
		}
	}
	v.checkHealth(root.Key("health"))
	v.checkFailover(root.Key("failover"))
	v.checkRetry(root.Key("retry"))
	v.checkChanges(root.Key("changes"))
	ranged(v, root.Key("instances"), v.Instances, 1, mostInstances)
	if at := root.Key("observe"); v.written(at, c.Observe != "") {
		v.checkObserve(at)
	}
}

// fault records a fault, unless the decoder found one already in the same
// place or around it.
func (v *validator) fault(at *configfile.Path, format string, args ...any) {
	if !v.doc.Lost(at) {
		v.faults.Add(v.doc.Line(at), at, format, args...)
	}
}

// written reports whether somebody gave the value: it isn't zero, or the file
// has the key.
func (v *validator) written(at *configfile.Path, nonzero bool) bool {
	return nonzero || v.doc.Has(at)
}

func (v *validator) checkClouds(at *configfile.Path) {
	if !v.doc.Lost(at) {
		v.clouds = slices.Sorted(maps.Keys(v.Clouds))
	}
	if n := len(v.Clouds); n < 1 || n > maxClouds {
		v.fault(at, "must have from 1 to %d clouds, has %d", maxClouds, n)
	}
	for _, name := range v.clouds {
		at := at.Key(name)
		v.checkName(at, name, maxNameLen)
		if at := at.Key("weight"); v.doc.Has(at) && v.Clouds[name].Weight == 0 {
			v.fault(at, "must be from 1 to 4294967295, is 0; to take a cloud out of use, drain it")
		}
		v.checkCloudTrust(at, v.Clouds[name])
		ranged(v, at.Key("ready"), v.Clouds[name].Ready, time.Second, 24*time.Hour)
	}
}

func (v *validator) checkServices(at *configfile.Path) {
	if len(v.Services) == 0 {
		v.fault(at, "must have at least one service")
	}
	for _, name := range slices.Sorted(maps.Keys(v.Services)) {
		v.checkName(at.Key(name), name, maxServiceLen)
		v.checkService(at.Key(name), name)
	}
}

func (v *validator) checkService(at *configfile.Path, name string) {
	service := v.Services[name]
	cloudsAt := at.Key("clouds")
	if len(service.Clouds) == 0 {
		v.fault(cloudsAt, "must have at least one cloud")
	}
	for _, cloud := range slices.Sorted(maps.Keys(service.Clouds)) {
		at := cloudsAt.Key(cloud)
		v.checkCloudName(at, cloud)
		v.checkServiceCloud(at, service.Clouds[cloud])
	}
	v.checkServiceTrust(at.Key("trust"), service)
	v.checkOwnTiers(at.Key("tiers"), service)
	ranged(v, at.Key("subset"), service.Subset, leastSubset, mostSubset)
	if !v.doc.Lost(cloudsAt) && len(service.Clouds) > 0 {
		v.checkResidency(at, name)
	}
}

// checkServiceCloud looks at what a service has in one cloud.
func (v *validator) checkServiceCloud(at *configfile.Path, cloud ServiceCloud) {
	for p := range Protocol(protocols) {
		v.checkEndpoints(at.Key(p.String()), cloud.endpoints(p), p)
	}
	if len(cloud.HTTP) == 0 && len(cloud.GRPC) == 0 && !v.doc.Has(at.Key("http")) && !v.doc.Has(at.Key("grpc")) {
		v.fault(at, "must have at least one endpoint, in http or grpc")
	}
	v.checkCapacity(at, cloud)
	if at := at.Key("serverName"); v.written(at, cloud.ServerName != "") {
		switch _, _, err := parseHost(cloud.ServerName); {
		case err != nil:
			v.fault(at, "must be an IP address or a DNS name, is %s", configfile.Quote(cloud.ServerName))
		case len(cloud.GRPC) == 0:
			v.fault(at, "must be left out without grpc endpoints: those of http are verified by their host")
		}
	}
}

// checkCapacity looks at the calls per second that a service can carry in a
// cloud.
func (v *validator) checkCapacity(at *configfile.Path, cloud ServiceCloud) {
	capacity, ceiling := at.Key("capacity"), at.Key("ceiling")
	for _, c := range []struct {
		at    *configfile.Path
		value float64
	}{{capacity, cloud.Capacity}, {ceiling, cloud.Ceiling}} {
		if v.written(c.at, c.value != 0) && !(c.value > 0 && c.value <= mostCapacity) { // also true for NaN
			v.fault(c.at, "must be above 0 and at most %g calls per second, is %v", mostCapacity, c.value)
			return
		}
	}
	switch {
	case cloud.Ceiling == 0 || v.doc.Lost(capacity):
	case cloud.Capacity == 0:
		v.fault(ceiling, "must stand beside a capacity, which is what there is now")
	case cloud.Ceiling < cloud.Capacity:
		v.fault(ceiling, "must be at least capacity (%v), is %v", cloud.Capacity, cloud.Ceiling)
	}
}

// checkResidency refuses a service that has none of the clouds that one of
// its tiers is confined to: every call would fail. Names that aren't clouds
// have been reported where they stand.
func (v *validator) checkResidency(at *configfile.Path, name string) {
	for _, tier := range v.tiersOf(name) {
		only := tier.Clouds.Only
		for p := range Protocol(protocols) {
			runs := v.Services[name].cloudsOf(p)
			possible := func(cloud string) bool {
				return slices.Contains(runs, cloud) || !slices.Contains(v.clouds, cloud)
			}
			if len(only) > 0 && len(runs) > 0 && !slices.ContainsFunc(only, possible) {
				v.fault(at, "must have a cloud that tier %s may use%s, which is only %s", tier.Name, v.over(name, p), strings.Join(only, ", "))
			}
		}
	}
}

// over names the protocol where a service speaks more than one.
func (v *validator) over(service string, p Protocol) string {
	for other := range Protocol(protocols) {
		if other != p && v.Services[service].speaks(other) {
			return " over " + p.String()
		}
	}
	return ""
}

func (v *validator) checkEndpoints(at *configfile.Path, urls []string, p Protocol) {
	if len(urls) == 0 && v.doc.Has(at) {
		v.fault(at, "must have at least one endpoint")
	}
	first := make(map[endpointURL]int, len(urls))
	for i, raw := range urls {
		at := at.Index(i)
		if v.doc.Lost(at) {
			continue
		}
		endpoint, err := parseEndpoint(raw, p)
		if err != nil {
			v.fault(at, "%v", err)
			continue
		}
		if j, ok := first[endpoint]; ok {
			v.fault(at, "must be given once, is the same endpoint as %v[%d]", p, j)
			continue
		}
		first[endpoint] = i
	}
}

// checkObserve refuses an observed cloud that a service or a tier can't use:
// observing is meant to be free of risk, and that call would fail.
func (v *validator) checkObserve(at *configfile.Path) {
	if !v.checkCloudName(at, v.Observe) {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(v.Services)) {
		for p := range Protocol(protocols) {
			if runs := v.Services[name].cloudsOf(p); len(runs) > 0 && !slices.Contains(runs, v.Observe) {
				v.fault(at, "must be a cloud of every service, but %s does not have %s%s", name, v.Observe, v.over(name, p))
			}
		}
		for _, tier := range v.tiersOf(name) {
			if only := tier.Clouds.Only; len(only) > 0 && !slices.Contains(only, v.Observe) {
				v.fault(at, "must be a cloud that every tier may use, but %s may not use %s for %s", tier.Name, v.Observe, name)
			}
		}
	}
}

func (v *validator) checkName(at *configfile.Path, name string, longest int) {
	if name == "" {
		v.fault(at, "must be a name, is empty")
	} else if len(name) > longest || !namePattern.MatchString(name) {
		v.fault(at, "must be a name of at most %d characters: %s; is %s", longest, nameCharacters, configfile.Quote(name))
	}
}

// checkCloudName reports whether the name is that of a cloud. Without a
// readable list of clouds it gives every name the benefit of the doubt.
func (v *validator) checkCloudName(at *configfile.Path, name string) bool {
	if v.clouds == nil || slices.Contains(v.clouds, name) {
		return true
	}
	v.fault(at, "must be one of the clouds%s", choice(name, v.clouds))
	return false
}

// checkTierName reports whether the name is that of a tier, like
// checkCloudName.
func (v *validator) checkTierName(at *configfile.Path, name string) bool {
	if v.tiers == nil || slices.Contains(v.tiers, name) {
		return true
	}
	v.fault(at, "must be one of the tiers%s", choice(name, v.tiers))
	return false
}

// choice ends the sentence "must be one of the clouds".
func choice(got string, names []string) string {
	list := ""
	if len(names) <= namesListed {
		list = " (" + strings.Join(names, ", ") + ")"
	}
	if got == "" {
		return list + ", is empty"
	}
	near := ""
	if name := configfile.Nearest(got, names); name != "" {
		near = "; did you mean " + name + "?"
	}
	return list + ", is " + configfile.Quote(got) + near
}
