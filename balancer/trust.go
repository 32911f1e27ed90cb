package balancer

import "net/textproto"

// alwaysSensitive are request headers that hold secrets, whatever the config
// says.
var alwaysSensitive = []string{
	"Authorization", "Cookie", "Proxy-Authorization",
	"X-Api-Key", "Api-Key", "X-Auth-Token", "X-Goog-Api-Key", "X-Amz-Security-Token",
}

// sensitive returns the canonical names of the headers that hold secrets.
func (c *Config) sensitive() map[string]bool {
	names := make(map[string]bool, len(alwaysSensitive)+len(c.Sensitive))
	for _, name := range alwaysSensitive {
		names[name] = true
	}
	for _, name := range c.Sensitive {
		names[textproto.CanonicalMIMEHeaderKey(name)] = true
	}
	return names
}

// trusts reports whether the credentials of a service's callers may go to one
// of its clouds.
func (c *Config) trusts(service, cloud string) bool {
	s := c.Services[service]
	group := c.trustGroup(cloud)
	if s.Trust != "" {
		return group == s.Trust
	}
	for other := range s.Clouds {
		if c.trustGroup(other) != group {
			return false
		}
	}
	return true
}

// trustGroup returns the group that a cloud belongs to.
func (c *Config) trustGroup(cloud string) string {
	if group := c.Clouds[cloud].Trust; group != "" {
		return group
	}
	for _, other := range c.Clouds {
		if other.Trust != "" {
			return "cloud:" + cloud // no name of a group has a colon
		}
	}
	return ""
}

// Sensitive reports whether a request header holds secrets by the config in
// force. The name may be written in any case.
func (r *Router) Sensitive(header string) bool {
	return r.table.Load().sensitive[textproto.CanonicalMIMEHeaderKey(header)]
}

// Sensitive reports whether a request header holds secrets by the config that
// the attempt goes by. The name may be written in any case.
func (a Attempt) Sensitive(header string) bool {
	return a.cloud.service.sensitive[textproto.CanonicalMIMEHeaderKey(header)]
}

// Trusted reports whether what the caller's sensitive headers hold may be sent
// in this attempt: see [Service.Trust]. Adapters leave them out otherwise.
func (a Attempt) Trusted() bool { return a.cloud.trusted }

// AllTrusted reports whether that holds for every cloud of the service, so that
// it doesn't matter where the attempt goes.
func (a Attempt) AllTrusted() bool { return a.cloud.service.trustsAll }
