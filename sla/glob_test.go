package sla

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestGlob(t *testing.T) {
	for _, test := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"", "anything", true},
		{"*", "", true},
		{"*", "any/thing", true},
		{"**", "x", true},
		{"acme", "acme", true},
		{"acme", "acme2", false},
		{"acme", "Acme", false},
		{"acme", "", false},
		{"partner-*", "partner-", true},
		{"partner-*", "partner-acme", true},
		{"partner-*", "a partner-acme", false},
		{"*-seoul", "acme-seoul", true},
		{"*-seoul", "acme-seoul-2", false},
		{"GET /v1/*", "GET /v1/route/7", true},
		{"GET /v1/*/legs", "GET /v1/route/7/legs", true},
		{"GET /v1/*/legs", "GET /v1/legs", false},
		{"a*b*c", "abbc", true},
		{"a*b*c", "acb", false},
		{"ab*ba", "aba", false}, // start and end must not overlap
		{"a*aa", "aa", false},
		{"a*b*b", "ab", false}, // nor the middle and the end
		{"a*ab*b", "aab", false},
		{"*ab*ab*", "abab", true},
		{"*ab*ab*", "ab", false},
		{"a?c", "abc", false}, // nothing but the star is special
		{"[a-z]", "b", false},
		{`\*`, `\x`, true},
		{"über*", "übermorgen", true},
	} {
		if got := newGlob(test.pattern).match(test.text); got != test.want {
			t.Errorf("%q matches %q: %v, want %v", test.pattern, test.text, got, test.want)
		}
	}
}

// naive tries every length for every star.
func naive(pattern, text string) bool {
	switch {
	case pattern == "":
		return text == ""
	case pattern[0] == '*':
		return naive(pattern[1:], text) || text != "" && naive(pattern, text[1:])
	default:
		return text != "" && text[0] == pattern[0] && naive(pattern[1:], text[1:])
	}
}

func checkGlob(t interface{ Fatalf(string, ...any) }, pattern, text string) {
	want := pattern == "" || naive(pattern, text)
	g := newGlob(pattern)
	if got := g.match(text); got != want {
		t.Fatalf("%q matches %q: %v, want %v", pattern, text, got, want)
	}
	if any, stars := g.any(), strings.Trim(pattern, "*") == ""; any != stars {
		t.Fatalf("%q matches everything: %v, want %v", pattern, any, stars)
	}
}

func TestGlobAgreesWithNaiveMatcher(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Few letters, so that texts match often enough.
		pattern := rapid.StringMatching(`[ab*]{0,8}`).Draw(t, "pattern")
		text := rapid.StringMatching(`[ab]{0,10}`).Draw(t, "text")
		checkGlob(t, pattern, text)
	})
}

func FuzzGlob(f *testing.F) {
	f.Add("", "")
	f.Add("GET /v1/*", "GET /v1/route")
	f.Add("*a*ab*b", "xaabab")
	f.Add("a**\xff", "a\xff")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if strings.Count(pattern, "*") > 4 || len(text) > 60 {
			t.Skip("the naive matcher would take too long")
		}
		checkGlob(t, pattern, text)
	})
}

// A pattern that keeps a backtracking matcher busy for ages: C(10000, 50) ways
// to place its parts.
func TestGlobDoesNotBacktrack(t *testing.T) {
	g := newGlob(strings.Repeat("*a", 50) + "b*")
	if g.match(strings.Repeat("a", 10_000)) {
		t.Error("there is no b in the text")
	}
}
