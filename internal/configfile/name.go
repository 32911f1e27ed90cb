package configfile

import (
	"slices"
	"strings"
	"unicode"
)

// FieldName returns the key of a struct's field: its Go name with a small
// first letter, or a small first word if that is an initialism. MinClouds is
// minClouds, HTTP is http, HTTPPort is httpPort.
func FieldName(goName string) string {
	runes := []rune(goName)
	upper := 0
	for upper < len(runes) && unicode.IsUpper(runes[upper]) {
		upper++
	}
	if 1 < upper && upper < len(runes) {
		upper-- // the last capital begins the next word
	}
	for i := range upper {
		runes[i] = unicode.ToLower(runes[i])
	}
	return string(runes)
}

// Nearest returns the name that a person most likely meant when writing got:
// one that differs from it by its case or by at most a third of its letters
// (Damerau's typing errors: one wrong, one missing, one too many, two
// swapped). It returns "" if there is none.
func Nearest(got string, names []string) string {
	best, least := "", len(got)/3+1
	if len(got) > maxQuoted {
		return ""
	}
	for _, name := range slices.Sorted(slices.Values(names)) {
		if d := distance(strings.ToLower(got), strings.ToLower(name)); d < least || best == "" && d == 0 {
			best, least = name, d
		}
	}
	return best
}

// distance counts typing errors between a and b: the optimal string alignment
// distance, by rows.
func distance(a, b string) int {
	var before []int // row i-2
	above := make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			wrong := 1
			if a[i-1] == b[j-1] {
				wrong = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+wrong)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above = above, row
	}
	return above[len(b)]
}
