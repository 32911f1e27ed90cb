package health

import (
	"testing"
	"time"
)

func TestQuality(t *testing.T) {
	for _, c := range []struct {
		name   string
		counts Counts
		best   float64
		was    bool
		want   float64
		worse  bool
	}{
		{"nothing", Counts{}, 1, false, 1, false},
		{"too few", Counts{Bad: 19}, 1, true, 1, false},
		{"all bad", Counts{Bad: 20}, 1, false, 0, true},
		{"all slow", Counts{OK: 100, Slow: 100}, 1, false, 0, true},
		{"overload says nothing", Counts{OK: 100, Overloaded: 900}, 1, false, 1, false},
		{"excused say nothing", Counts{OK: 100, Excused: 900}, 1, false, 1, false},
		{"a tenth and some", Counts{OK: 850, Bad: 150}, 1, false, 0.85, true},
		{"less than a tenth", Counts{OK: 910, Bad: 90}, 1, false, 0.91, false},
		{"unlucky", Counts{OK: 17, Bad: 3}, 1, false, 0.85, false},
		{"more than unlucky", Counts{OK: 15, Bad: 5}, 1, false, 0.75, true},
		{"the best is no better", Counts{OK: 700, Bad: 300}, 0.7, false, 0.7, false},
		{"the best is as bad as can be", Counts{Bad: 300}, 0, false, 0, false},
		{"stays degraded", Counts{OK: 940, Bad: 60}, 1, true, 0.94, true},
		{"well again", Counts{OK: 960, Bad: 40}, 1, true, 0.96, false},
	} {
		if got := quality(c.counts); got != c.want {
			t.Errorf("%s: quality %v, want %v", c.name, got, c.want)
		}
		if got := worse(c.counts, c.best, c.was); got != c.worse {
			t.Errorf("%s: worse %v, want %v", c.name, got, c.worse)
		}
	}
}

func TestSlowLimit(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct{ objective, baseline, want time.Duration }{
		{0, 0, 0},
		{300 * ms, 0, 300 * ms},
		{0, 2 * ms, 27 * ms},
		{0, 20 * ms, 80 * ms},
		{300 * ms, 20 * ms, 80 * ms},
		{50 * ms, 20 * ms, 50 * ms},
	} {
		if got := slowLimit(c.objective, c.baseline); got != c.want {
			t.Errorf("slowLimit(%v, %v) = %v, want %v", c.objective, c.baseline, got, c.want)
		}
	}
}
