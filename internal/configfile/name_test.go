package configfile_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/fairlead-go/fairlead/internal/configfile"
)

func TestFieldName(t *testing.T) {
	for goName, want := range map[string]string{
		"Name": "name", "MinClouds": "minClouds", "HTTP": "http", "HTTPPort": "httpPort", "LevelKey": "levelKey",
		"A": "a", "AB": "ab", "ABc": "aBc", "UserID": "userID", "": "",
	} {
		if got := configfile.FieldName(goName); got != want {
			t.Errorf("%s: got %s, want %s", goName, got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"weight", "timeout", "attempts", "clouds", "http", "levelKey"}
	for got, want := range map[string]string{
		"weigth": "weight", "weigh": "weight", "weights": "weight", "wait": "", "Weight": "weight", "levelkey": "levelKey",
		"timeuot": "timeout", "attempt": "attempts", "cloud": "clouds", "htpp": "http", "grpc": "", "": "", "x": "",
		"capacity": "", strings.Repeat("weight", 100): "",
	} {
		if near := configfile.Nearest(got, names); near != want {
			t.Errorf("%q: got %q, want %q", got, near, want)
		}
	}
}

// One typing error in a word of more than three letters is always understood.
func TestNearestForgivesOneError(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-z]{4,20}`).Draw(t, "name")
		i := rapid.IntRange(0, len(name)-1).Draw(t, "at")
		j := min(i+1, len(name)-1)
		wrong := rapid.SampledFrom([]string{
			name[:i] + name[i+1:],
			name[:i] + "x" + name[i:],
			name[:i] + "x" + name[i+1:],
			name[:i] + name[j:j+1] + name[i:i+1] + name[min(i+2, len(name)):],
		}).Draw(t, "wrong")
		if i == j {
			wrong = name[:i]
		}
		if got := configfile.Nearest(wrong, []string{name, "0123456789"}); got != name {
			t.Fatalf("%q: got %q, want %q", wrong, got, name)
		}
	})
}

func TestPath(t *testing.T) {
	root := (*configfile.Path)(nil)
	for want, path := range map[string]*configfile.Path{
		"":                                     root,
		"a":                                    root.Key("a"),
		"services.routing-api.http[0]":         root.Key("services").Key("routing-api").Key("http").Index(0),
		`services["a.example"].clouds`:         root.Key("services").Key("a.example").Key("clouds"),
		`[""]["\n"][2][3]`:                     root.Key("").Key("\n").Index(2).Index(3),
		`["` + strings.Repeat("k", 64) + `"…]`: root.Key(strings.Repeat("k", 65)),
	} {
		if got := path.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestQuote(t *testing.T) {
	for text, want := range map[string]string{
		"":                                `""`,
		`a "b"`:                           `"a \"b\""`,
		strings.Repeat("a", 64):           `"` + strings.Repeat("a", 64) + `"`,
		strings.Repeat("a", 65):           `"` + strings.Repeat("a", 64) + `"…`,
		strings.Repeat("a", 63) + "é end": `"` + strings.Repeat("a", 63) + `"…`,
	} {
		if got := configfile.Quote(text); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
