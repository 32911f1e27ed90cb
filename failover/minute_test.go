package failover

import (
	"math"
	"testing"
	"time"
)

func TestMinute(t *testing.T) {
	var m Minute
	if mean, deviation := m.Mean(); mean != 0 || deviation != 0 {
		t.Errorf("of nothing %v ± %v", mean, deviation)
	}
	now, made := time.Duration(0), uint64(0)
	run := func(d time.Duration, perStep uint64) {
		for end := now + d; now < end; {
			now += 50 * time.Millisecond
			made += perStep
			m.Observe(now, made)
		}
	}
	for _, step := range []struct {
		lasts time.Duration
		calls uint64 // in 50 ms
		mean  float64
	}{
		{50 * time.Millisecond, 1000, 0}, // what was before the first look doesn't count
		{2 * time.Second, 1, 20},
		{time.Hour, 1, 20},
		{15 * time.Second, 5, 40},
		{45 * time.Second, 5, 100},
		{time.Minute, 0, 0},
	} {
		run(step.lasts, step.calls)
		mean, deviation := m.Mean()
		if math.Abs(mean-step.mean) > 0.03*step.mean {
			t.Errorf("at %v: %v, want %v", now, mean, step.mean)
		}
		if want := math.Sqrt(mean / 60); now > time.Minute && math.Abs(deviation-want) > 0.02*want {
			t.Errorf("at %v: ± %v, want %v", now, deviation, want)
		}
	}
}
