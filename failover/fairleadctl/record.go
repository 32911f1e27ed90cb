package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/failover"
)

// record writes a change as a config file has it, a line for each key.
func record(c failover.Change) []string {
	var lines []string
	put := func(key, value string) { lines = append(lines, key+": "+value) }
	put("id", scalar(c.ID))
	put("kind", string(c.Kind))
	if c.Cloud != "" {
		put("cloud", scalar(c.Cloud))
	}
	if len(c.Weights) > 0 {
		put("weights", weights(c.Weights))
	}
	if len(c.From) > 0 {
		put("from", weights(c.From))
	}
	if len(c.Services) > 0 {
		put("services", scalars(c.Services))
	}
	put("start", c.Start.Format(time.RFC3339))
	if !c.End.IsZero() {
		put("end", c.End.Format(time.RFC3339))
	}
	for _, d := range []struct {
		key string
		is  time.Duration
	}{{"ramp", c.Ramp}, {"grace", c.Grace}, {"repeat", c.Repeat}} {
		if d.is != 0 {
			put(d.key, brief(d.is))
		}
	}
	if len(c.Allowed) > 0 {
		put("allowed", windows(c.Allowed))
	}
	if len(c.Blocked) > 0 {
		put("blocked", windows(c.Blocked))
	}
	if c.Force {
		put("force", "true")
	}
	return lines
}

func weights(m map[string]uint32) string {
	var parts []string
	for _, cloud := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s: %d", scalar(cloud), m[cloud]))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func windows(all []failover.Window) string {
	var parts []string
	for _, w := range all {
		var keys []string
		if len(w.Days) > 0 {
			keys = append(keys, "days: "+scalars(w.Days))
		}
		for _, k := range []struct{ key, is string }{{"from", w.From}, {"to", w.To}, {"zone", w.Zone}} {
			if k.is != "" {
				keys = append(keys, k.key+": "+strconv.Quote(k.is))
			}
		}
		parts = append(parts, "{"+strings.Join(keys, ", ")+"}")
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func scalars(all []string) string {
	var parts []string
	for _, s := range all {
		parts = append(parts, scalar(s))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

var (
	plain = regexp.MustCompile(`^[a-z][a-z0-9_.-]*$`)
	words = regexp.MustCompile(`^(y|n|yes|no|on|off|true|false|null)$`)
)

// scalar writes a name, in quotes where YAML could read it as something else.
func scalar(s string) string {
	if plain.MatchString(s) && !words.MatchString(s) {
		return s
	}
	return strconv.QuoteToASCII(s)
}

// window reads a window: [mon,tue ]22:00-06:00[ Asia/Seoul].
func window(text string) (w failover.Window, err error) {
	for _, field := range strings.Fields(text) {
		from, to, times := strings.Cut(field, "-")
		switch {
		case times && strings.Contains(from, ":") && w.From == "":
			w.From, w.To = from, to
		case w.From == "" && w.Days == nil:
			w.Days = strings.Split(field, ",")
		case w.Zone == "":
			w.Zone = field
		default:
			return w, fmt.Errorf("it must be such as \"mon,tue 22:00-06:00 Asia/Seoul\"")
		}
	}
	if w.From == "" {
		return w, fmt.Errorf("it must have times, such as \"mon,tue 22:00-06:00 Asia/Seoul\"")
	}
	return w, nil
}
