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
		held   bool
		reason string
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"no clouds", []step{{now: s}}},
		{"one of two", []step{{s, []time.Duration{s, up}, "", false, ""}}},
		{"together", []step{
			{10 * s, []time.Duration{9300 * ms, 10 * s}, "", true, "all 2 clouds went down within 700ms"},
			{14999 * ms, []time.Duration{9300 * ms, 10 * s}, "", true, "all 2 clouds went down within 700ms"},
			{15 * s, []time.Duration{9300 * ms, 10 * s}, "", false, ""},
			{20 * s, []time.Duration{9300 * ms, 10 * s}, "no route", false, ""},
		}},
		{"one after the other", []step{
			{10 * s, []time.Duration{8 * s, 10 * s}, "", false, ""},
			{11 * s, []time.Duration{8 * s, 10 * s}, "", false, ""},
		}},
		{"one after the other, with local evidence before", []step{
			{9500 * ms, []time.Duration{8 * s, up}, "stood still", false, ""},
			{10 * s, []time.Duration{8 * s, 10 * s}, "", true, "stood still"},
			{16 * s, []time.Duration{8 * s, 10 * s}, "", false, ""},
		}},
		{"local evidence soon after", []step{
			{10 * s, []time.Duration{8 * s, 10 * s}, "", false, ""},
			{10500 * ms, []time.Duration{8 * s, 10 * s}, "no route", true, "no route"},
		}},
		{"local evidence long before", []step{
			{5 * s, []time.Duration{4 * s, up}, "stood still", false, ""},
			{10 * s, []time.Duration{4 * s, 10 * s}, "", false, ""},
		}},
		{"an only cloud", []step{{10 * s, []time.Duration{10 * s}, "", false, ""}}},
		{"an only cloud, with local evidence", []step{{10 * s, []time.Duration{10 * s}, "no route", true, "no route"}}},
		{"a second episode", []step{
			{10 * s, []time.Duration{10 * s, 10 * s}, "", true, "all 2 clouds went down within 0s"},
			{16 * s, []time.Duration{10 * s, 10 * s}, "", false, ""},
			{20 * s, []time.Duration{10 * s, up}, "", false, ""},
			{30 * s, []time.Duration{29500 * ms, 30 * s}, "", true, "all 2 clouds went down within 500ms"},
		}},
	} {
		var x Correlation
		for _, step := range c.steps {
			held, reason := x.Step(step.now, step.down, step.local)
			if held != step.held || reason != step.reason {
				t.Errorf("%s, at %v: held %v %q, want %v %q", c.name, step.now, held, reason, step.held, step.reason)
			}
		}
	}
}
