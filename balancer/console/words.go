package console

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

func compare(a, b string) int { return cmp.Compare(a, b) }

// count writes a number of things.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// sentence joins parts. It may begin with a name, which stays as it is.
func sentence(parts []string) string { return strings.Join(parts, ", ") + "." }

// percent writes a fraction. What isn't quite everything never looks like it.
func percent(f float64) string {
	p := 100 * f
	switch {
	case p == 0:
		return "0 %"
	case p < 0.01:
		return "< 0.01 %"
	case p > 99.99 && p < 100:
		return "> 99.99 %"
	case p >= 99 && p < 100, p < 1:
		return short(p, 2) + " %"
	case p < 10:
		return short(p, 1) + " %"
	}
	return short(p, 0) + " %"
}

// signed is percent for what may be below 0.
func signed(f float64) string {
	if f < 0 {
		return "−" + percent(-f)
	}
	return percent(f)
}

// short writes a number with at most so many digits behind the point.
func short(f float64, digits int) string {
	s := strconv.FormatFloat(f, 'f', digits, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// rate writes calls per second, without the unit.
func rate(f float64) string {
	switch {
	case f == 0:
		return "0"
	case f < 10:
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.0f", f)
}

// millis writes milliseconds with their unit.
func millis(ms float64) string {
	switch {
	case ms >= 1000:
		return fmt.Sprintf("%.2f s", ms/1000)
	case ms >= 100:
		return fmt.Sprintf("%.0f ms", ms)
	case ms >= 1:
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.0f µs", 1000*ms)
}

// span writes how long something took or is ago, in its two largest units.
func span(d time.Duration) string {
	s := int64(math.Round(max(0, d).Seconds()))
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	case s < 24*3600:
		return fmt.Sprintf("%d h %d min", s/3600, s%3600/60)
	}
	return fmt.Sprintf("%d d %d h", s/(24*3600), s%(24*3600)/3600)
}

// took writes a duration that was measured.
func took(d time.Duration) string {
	if d < time.Minute {
		return millis(inMillis(d))
	}
	return span(d)
}

// printable writes what a page would hide, obey or mistake as its number: control
// characters, and those that turn the direction of text. Line feeds and tabs stay.
func printable(s string) string {
	harmless := func(r rune) bool {
		return r == '\n' || r == '\t' || !unicode.Is(unicode.C, r)
	}
	if strings.IndexFunc(s, func(r rune) bool { return !harmless(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if harmless(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
