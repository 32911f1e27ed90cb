package health

import (
	"testing"
	"time"
)

func TestCorrelation(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	const up = time.Duration(-1)
	type step struct {
		now    time.Duration
		down   []time.Duration
		local  string
		from   time.Duration
		reason string
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"no clouds", []step{{now: s}}},
		{"one of two", []step{{s, []time.Duration{s, up}, "", 0, ""}}},
		{"together", []step{
			{10 * s, []time.Duration{9300 * ms, 10 * s}, "", 9 * s, "all 2 clouds went down within 700ms"},
			{14999 * ms, []time.Duration{9300 * ms, 10 * s}, "", 9 * s, "all 2 clouds went down within 700ms"},
			{15 * s, []time.Duration{9300 * ms, 10 * s}, "", 0, ""},
			{20 * s, []time.Duration{9300 * ms, 10 * s}, "no route", 0, ""},
		}},
		{"one after the other", []step{
			{10 * s, []time.Duration{8 * s, 10 * s}, "", 9 * s, "the last cloud that served went down"},
			{15 * s, []time.Duration{8 * s, 10 * s}, "", 0, ""},
		}},
		{"local evidence before", []step{
			{9500 * ms, []time.Duration{8 * s, up}, "stood still", 0, ""},
			{10 * s, []time.Duration{8 * s, 10 * s}, "", 9 * s, "stood still"},
			{16 * s, []time.Duration{8 * s, 10 * s}, "", 0, ""},
		}},
		{"local evidence soon after", []step{
			{10 * s, []time.Duration{9500 * ms, 10 * s}, "", 9 * s, "all 2 clouds went down within 500ms"},
			{10500 * ms, []time.Duration{9500 * ms, 10 * s}, "no route", 9 * s, "no route"},
		}},
		{"local evidence long before", []step{
			{5 * s, []time.Duration{4 * s, up}, "stood still", 0, ""},
			{10 * s, []time.Duration{4 * s, 10 * s}, "", 9 * s, "the last cloud that served went down"},
		}},
		{"an only cloud", []step{{10 * s, []time.Duration{10 * s}, "", 9 * s, "the only cloud went down"}}},
		{"a second episode", []step{
			{10 * s, []time.Duration{10 * s, 10 * s}, "", 9 * s, "all 2 clouds went down within 0s"},
			{16 * s, []time.Duration{10 * s, 10 * s}, "", 0, ""},
			{20 * s, []time.Duration{10 * s, up}, "", 0, ""},
			{30 * s, []time.Duration{29500 * ms, 30 * s}, "", 29 * s, "all 2 clouds went down within 500ms"},
		}},
	} {
		var x Correlation
		for _, step := range c.steps {
			from, reason := x.Step(step.now, step.down, step.local)
			if from != step.from || reason != step.reason {
				t.Errorf("%s, at %v: held from %v: %q, want %v: %q", c.name, step.now, from, reason, step.from, step.reason)
			}
		}
	}
}
