package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// rate writes calls per second, without the unit: with thousands set apart, and
// more digits the smaller it is.
func rate(f float64) string {
	digits := 0
	switch {
	case f == 0, f >= 100, f == math.Trunc(f):
	case f >= 1:
		digits = 1
	default:
		digits = 3
	}
	whole, rest, _ := strings.Cut(strconv.FormatFloat(f, 'f', digits, 64), ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if rest = strings.TrimRight(rest, "0"); rest != "" {
		return whole + "." + rest
	}
	return whole
}

// known writes a rate of which 0 means that it isn't known.
func known(f float64) string {
	if f == 0 {
		return "unknown"
	}
	return rate(f)
}

// percent writes a fraction. What isn't quite nothing or everything never looks
// like it.
func percent(f float64) string {
	p := 100 * f
	switch {
	case p == math.Trunc(p):
		return fmt.Sprintf("%.0f %%", p)
	case p < 0.1:
		return "< 0.1 %"
	case p > 99.9 && p < 100:
		return "> 99.9 %"
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", p), ".0") + " %"
}

// moment writes a time as a config file does.
func moment(t time.Time) string { return t.Format(time.RFC3339) }

// brief writes a duration without the zeros that String appends: 30m for 30m0s.
func brief(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// list joins names: "a, b and c".
func list(all []string) string {
	if len(all) < 2 {
		return strings.Join(all, "")
	}
	return strings.Join(all[:len(all)-1], ", ") + " and " + all[len(all)-1]
}

// plural writes a number of things.
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
