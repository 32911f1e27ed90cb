package netfault

import (
	"testing"
	"time"
)

// Whether a case may be tried again hangs on this.
func TestStarved(t *testing.T) {
	const ms = time.Millisecond
	for _, test := range []struct {
		name string
		gaps []time.Duration
		want bool
	}{
		{"even", []time.Duration{5 * ms, 5 * ms, 6 * ms, 4 * ms, 5 * ms}, false},
		{"one beat left out now and then", []time.Duration{5 * ms, 10 * ms, 5 * ms, 10 * ms}, false},
		{"one long gap", []time.Duration{5 * ms, 51 * ms, 5 * ms}, true},
		{"many gaps, none of them long", []time.Duration{12 * ms, 12 * ms, 12 * ms, 12 * ms}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var p pulse
			now := time.Unix(0, 0)
			p.beat(now)
			for _, gap := range test.gaps {
				now = now.Add(gap)
				if got := p.beat(now); got != gap {
					t.Errorf("the gap is %v, not %v", got, gap)
				}
			}
			if got := (result{stood: p.longest, lost: p.lostShare()}).starved(); got != test.want {
				t.Errorf("starved is %v after %v, %.3f of the time lost", got, p.longest, p.lostShare())
			}
		})
	}
}
