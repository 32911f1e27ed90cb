package configfile

import (
	"regexp"
	"strconv"
	"strings"
)

// Path leads from the top of a document to one value. The nil Path is the
// document itself. A Path doesn't change once made.
type Path struct {
	parent *Path
	step   string // as it is printed: .key, ["odd key"] or [3]
}

// plainKey is what can stand in a path without quotes and leave no doubt
// where the key ends.
var plainKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// Key returns the path to the value that the mapping at p has under key.
func (p *Path) Key(key string) *Path {
	if plainKey.MatchString(key) && len(key) <= maxQuoted {
		return &Path{p, "." + key}
	}
	return &Path{p, "[" + Quote(key) + "]"}
}

// Index returns the path to element i, counted from 0, of the list at p.
func (p *Path) Index(i int) *Path {
	return &Path{p, "[" + strconv.Itoa(i) + "]"}
}

// String returns the path as it stands in messages:
// services.routing-api.clouds.gcp.http[0]. The document itself is "".
func (p *Path) String() string {
	var steps []string
	for ; p != nil; p = p.parent {
		steps = append(steps, p.step)
	}
	var b strings.Builder
	for i := len(steps) - 1; i >= 0; i-- {
		b.WriteString(steps[i])
	}
	return strings.TrimPrefix(b.String(), ".")
}
