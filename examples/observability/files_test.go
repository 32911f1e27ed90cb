package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// durations are those of windows, such as [5m], and of rules.
var durations = regexp.MustCompile(`(\[|for: |interval: )(\d+)(s|m|h|d)\b`)

// faster divides all durations of rules or a dashboard, so that hours pass in
// minutes. Nothing is made shorter than a second, in which a rate needs a few
// scrapes, but the time between two evaluations.
func faster(text string, times int) string {
	units := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}
	return durations.ReplaceAllStringFunc(text, func(found string) string {
		m := durations.FindStringSubmatch(found)
		var n int
		fmt.Sscan(m[2], &n)
		short, least := time.Duration(n)*units[m[3]]/time.Duration(times), time.Second
		if m[1] == "interval: " {
			least = 250 * time.Millisecond
		}
		return fmt.Sprintf("%s%dms", m[1], max(short, least).Milliseconds())
	})
}

func TestFaster(t *testing.T) {
	for text, want := range map[string]string{
		"rate(x[5m]) > 300":         "rate(x[5000ms]) > 300",
		"increase(x[1h]), y[30d]":   "increase(x[60000ms]), y[43200000ms]",
		"    for: 30s":              "    for: 1000ms",
		"    interval: 15s":         "    interval: 250ms",
		"fairlead:sla:burn5m > 1.4": "fairlead:sla:burn5m > 1.4",
	} {
		if got := faster(text, 60); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

var metricName = regexp.MustCompile(`\bfairlead[_:][a-z0-9_:]+`)

// metricsIn returns the names of metrics, and of what rules record, in a text.
func metricsIn(text string) []string {
	names := metricName.FindAllString(text, -1)
	slices.Sort(names)
	return slices.Compact(names)
}

// panelQueries returns the queries of a dashboard, for all services.
func panelQueries(t *testing.T, dashboard string) (queries []string) {
	t.Helper()
	var d struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(dashboard), &d); err != nil {
		t.Fatal(err)
	}
	for _, p := range d.Panels {
		if len(p.Targets) == 0 {
			t.Errorf("panel %q has no query", p.Title)
		}
		for _, target := range p.Targets {
			queries = append(queries, strings.ReplaceAll(target.Expr, "$service", ".*"))
		}
	}
	return queries
}
