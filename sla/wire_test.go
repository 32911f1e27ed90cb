package sla

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestParseTier(t *testing.T) {
	longest := strings.Repeat("x", 63)
	for _, test := range []struct {
		name   string
		values []string
		want   string // "": ignored
	}{
		{"usual", []string{"critical"}, "critical"},
		{"one character", []string{"a"}, "a"},
		{"all characters", []string{"0a.b_c-9"}, "0a.b_c-9"},
		{"longest", []string{longest}, longest},
		{"missing", nil, ""},
		{"empty", []string{""}, ""},
		{"too long", []string{longest + "x"}, ""},
		{"huge", []string{strings.Repeat("x", 1<<20)}, ""},
		{"repeated", []string{"critical", "critical"}, ""},
		{"repeated, joined by a proxy", []string{"critical, batch"}, ""},
		{"upper case", []string{"Critical"}, ""},
		{"space before", []string{" critical"}, ""},
		{"space after", []string{"critical "}, ""},
		{"line break", []string{"critical\r\nx-admin: 1"}, ""},
		{"null", []string{"critical\x00"}, ""},
		{"not ASCII", []string{"critiçal"}, ""},
		{"not UTF-8", []string{"\xff"}, ""},
		{"punctuation first", []string{".critical"}, ""},
		{"punctuation last", []string{"critical-"}, ""},
		{"nothing but punctuation", []string{"-"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, ok := ParseTier(test.values); got != test.want || ok != (test.want != "") {
				t.Errorf("got %q, %v, want %q", got, ok, test.want)
			}
		})
	}
}

// notNumbers are ignored by every header that holds a number.
var notNumbers = map[string][]string{
	"missing":          nil,
	"empty":            {""},
	"repeated":         {"1", "1"},
	"joined":           {"1, 1"},
	"word":             {"high"},
	"plus":             {"+1"},
	"only a sign":      {"-"},
	"two signs":        {"--1"},
	"space before":     {" 1"},
	"space after":      {"1 "},
	"space inside":     {"1 2"},
	"tab":              {"1\t"},
	"line break":       {"1\n"},
	"leading zero":     {"01"},
	"zeros":            {"00"},
	"hexadecimal":      {"0x1"},
	"fraction":         {"1.0"},
	"exponent":         {"1e1"},
	"underscore":       {"1_0"},
	"NaN":              {"NaN"},
	"other digits":     {"١"},
	"below the digits": {"/"},
	"above the digits": {":"},
	"32 bits":          {"4294967297"},
	"64 bits":          {"18446744073709551617"},
	"huge":             {strings.Repeat("1", 1<<20)},
}

func TestNotNumbers(t *testing.T) {
	for name, values := range notNumbers {
		t.Run(name, func(t *testing.T) {
			if got, ok := ParseLevel(values); ok {
				t.Errorf("level %d", got)
			}
			if got, ok := ParseAttempt(values); ok {
				t.Errorf("attempt %d", got)
			}
			if got, ok := ParseTimeout(values); ok {
				t.Errorf("timeout %v", got)
			}
		})
	}
}

func TestParseLevel(t *testing.T) {
	for level := range uint8(128) {
		if got, ok := ParseLevel([]string{FormatLevel(level)}); got != level || !ok {
			t.Errorf("%d became %d, %v", level, got, ok)
		}
	}
	for _, text := range []string{"128", "255", "256", "999999999", "-1"} {
		if got, ok := ParseLevel([]string{text}); ok {
			t.Errorf("%s is level %d", text, got)
		}
	}
	if got := FormatLevel(200); got != "127" {
		t.Errorf("level 200 is sent as %s", got)
	}
}

func TestParseAttempt(t *testing.T) {
	for attempt := 1; attempt <= 99; attempt++ {
		if got, ok := ParseAttempt([]string{FormatAttempt(attempt)}); got != attempt || !ok {
			t.Errorf("%d became %d, %v", attempt, got, ok)
		}
	}
	for _, text := range []string{"0", "100", "-1"} {
		if got, ok := ParseAttempt([]string{text}); ok {
			t.Errorf("%s is attempt %d", text, got)
		}
	}
	if low, high := FormatAttempt(-7), FormatAttempt(math.MaxInt); low != "1" || high != "99" {
		t.Errorf("attempts out of range are sent as %s and %s", low, high)
	}
}

func TestParseTimeout(t *testing.T) {
	for _, test := range []struct {
		text string
		want time.Duration
		ok   bool
	}{
		{"1", time.Millisecond, true},
		{"800", 800 * time.Millisecond, true},
		{"86400000", 24 * time.Hour, true},
		{"86400001", 0, false},
		{"0", 0, true},
		{"-0", 0, true},
		{"-1", -time.Millisecond, true},
		{"-86400000", -24 * time.Hour, true},
		{"-86400001", 0, false},
		{"-01", 0, false},
	} {
		if got, ok := ParseTimeout([]string{test.text}); got != test.want || ok != test.ok {
			t.Errorf("%s: %v, %v, want %v, %v", test.text, got, ok, test.want, test.ok)
		}
	}
	if got, ok := ParseTimeout([]string{"-1", "-1"}); ok {
		t.Errorf("two values are %v", got)
	}
}

func TestFormatTimeout(t *testing.T) {
	for _, test := range []struct {
		left time.Duration
		want string
	}{
		{800 * time.Millisecond, "800"},
		{time.Millisecond, "1"},
		{2*time.Millisecond - 1, "1"},
		{time.Millisecond - 1, "0"},
		{0, "0"},
		{-time.Hour, "0"},
		{math.MinInt64, "0"},
		{24 * time.Hour, "86400000"},
		{math.MaxInt64, "86400000"},
	} {
		if got := FormatTimeout(test.left); got != test.want {
			t.Errorf("%v: %s, want %s", test.left, got, test.want)
		}
	}
}

func TestWireAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	tier, level, timeout := []string{"critical"}, []string{"127"}, []string{"800"}
	got := testing.AllocsPerRun(100, func() {
		ParseTier(tier)
		ParseLevel(level)
		ParseAttempt(level)
		ParseTimeout(timeout)
	})
	if got != 0 {
		t.Errorf("%v allocations to parse headers", got)
	}
}

// FuzzWire gives all parsers any value: whatever they accept is in its range
// and is sent on as it came.
func FuzzWire(f *testing.F) {
	for _, values := range notNumbers {
		if len(values) == 1 {
			f.Add(values[0])
		}
	}
	for _, text := range []string{"critical", "127", "1", "-1", "86400000", "-0", "a.b"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		values := []string{text}
		if name, ok := ParseTier(values); ok && (name != text || len(name) > 63 || strings.ContainsAny(name, " \t\r\n\x00,;:\"")) {
			t.Errorf("tier %q of %q", name, text)
		}
		if level, ok := ParseLevel(values); ok && (level > 127 || FormatLevel(level) != text) {
			t.Errorf("level %d of %q", level, text)
		}
		if attempt, ok := ParseAttempt(values); ok && (attempt < 1 || attempt > 99 || FormatAttempt(attempt) != text) {
			t.Errorf("attempt %d of %q", attempt, text)
		}
		left, ok := ParseTimeout(values)
		if ok && (left < -24*time.Hour || left > 24*time.Hour || left > 0 && FormatTimeout(left) != text) {
			t.Errorf("timeout %v of %q", left, text)
		}
		if _, again := ParseTimeout([]string{text, text}); again {
			t.Errorf("%q counts although it is given twice", text)
		}
	})
}
