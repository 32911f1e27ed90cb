package balancer

import (
	"maps"
	"net/textproto"
	"slices"
	"strings"

	"github.com/fairlead-go/fairlead/internal/configfile"
)

const (
	maxSensitive = 64
	maxHeaderLen = 128
)

func (v *validator) checkCloudTrust(at *configfile.Path, cloud Cloud) {
	if at := at.Key("trust"); v.written(at, cloud.Trust != "") {
		v.checkName(at, cloud.Trust, maxNameLen)
	}
	if at := at.Key("host"); v.written(at, cloud.Host != "") && cloud.Host != HostEndpoint && cloud.Host != HostCaller {
		v.fault(at, "must be endpoint or caller, is %s", configfile.Quote(string(cloud.Host)))
	}
}

// checkServiceTrust refuses a group that none of the service's clouds belongs
// to: its callers' credentials would get nowhere.
func (v *validator) checkServiceTrust(at *configfile.Path, service Service) {
	if !v.written(at, service.Trust != "") || v.clouds == nil {
		return
	}
	groups := make(map[string]bool)
	for cloud := range service.Clouds {
		if group := v.Clouds[cloud].Trust; group != "" {
			groups[group] = true
		}
	}
	if len(groups) == 0 {
		v.fault(at, "must be the trust of one of its clouds, which have none")
	} else if !groups[service.Trust] {
		v.fault(at, "must be the trust of one of its clouds%s", choice(service.Trust, slices.Sorted(maps.Keys(groups))))
	}
}

func (v *validator) checkSensitive(at *configfile.Path) {
	if n := len(v.Sensitive); n > maxSensitive {
		v.fault(at, "must have at most %d headers, has %d", maxSensitive, n)
	}
	first := make(map[string]int, len(v.Sensitive))
	for i, name := range v.Sensitive {
		at := at.Index(i)
		if !isHeaderName(name) {
			v.fault(at, "must be the name of a header, of at most %d characters, is %s", maxHeaderLen, configfile.Quote(name))
			continue
		}
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		if j, ok := first[canonical]; ok {
			v.fault(at, "must be given once, is the same header as sensitive[%d]", j)
			continue
		}
		first[canonical] = i
	}
}

// isHeaderName reports whether the name is a token (RFC 9110, section 5.6.2).
func isHeaderName(name string) bool {
	const others = "!#$%&'*+-.^_`|~"
	for _, c := range []byte(name) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && !strings.Contains(others, string(rune(c))) {
			return false
		}
	}
	return name != "" && len(name) <= maxHeaderLen
}
