package failover

import (
	"math"
	"testing"
	"time"
)

// Source: RFC 2439 with the common defaults (1,000 per flap, half-life
// 15 min): three flaps a minute apart make 2,866.6, which falls below 750, the
// limit for reuse, after 29 min.
func TestDecayRFC2439(t *testing.T) {
	const halfLife = 15 * time.Minute
	penalty := 0.0
	for range 3 {
		penalty = decayed(penalty, time.Minute, halfLife) + 1000
	}
	if math.Abs(penalty-2866.6) > 0.1 {
		t.Errorf("penalty after three flaps is %.1f, want 2866.6", penalty)
	}
	if before, after := decayed(penalty, 28*time.Minute, halfLife), decayed(penalty, 29*time.Minute+2*time.Second, halfLife); before < 750 || after >= 750 {
		t.Errorf("penalty is %.1f after 28 min and %.1f after 29, want 750 between", before, after)
	}
}

func TestHoldDown(t *testing.T) {
	const second = time.Second
	for _, tt := range []struct {
		name   string
		served []time.Duration // before each fall after the first
		s      Settings
		want   time.Duration
	}{
		{name: "first fall", want: second},
		{name: "second at once", served: []time.Duration{0}, want: 2 * second},
		{name: "second just inside 5 min", served: []time.Duration{5*time.Minute - 1}, want: 2 * second},
		{name: "second after 5 min", served: []time.Duration{5 * time.Minute}, want: second},
		{name: "five in quick succession", served: []time.Duration{second, second, second, second}, want: 16 * second},
		{name: "a flap each 2 min stays at two", served: []time.Duration{2 * time.Minute, 2 * time.Minute, 2 * time.Minute}, want: 2 * second},
		{name: "many flaps, then stable", served: []time.Duration{0, 0, 0, 0, 0, 5 * time.Minute}, want: second},
		{name: "twenty", served: make([]time.Duration, 19), want: 5 * time.Minute},
		{name: "two thousand", served: make([]time.Duration, 1999), want: 5 * time.Minute},
		{name: "own settings", served: []time.Duration{0}, s: Settings{HoldDown: 3 * second}, want: 6 * second},
		{name: "own limit", served: []time.Duration{0, 0}, s: Settings{HoldDown: 3 * second, HoldDownMax: 10 * second}, want: 10 * second},
		{name: "limit below the start", served: []time.Duration{0, 0}, s: Settings{HoldDown: 3 * second, HoldDownMax: second}, want: 3 * second},
	} {
		penalty := fallen(0, time.Hour)
		for _, served := range tt.served {
			penalty = fallen(penalty, served)
		}
		if got := holdDown(penalty, tt.s); got != tt.want {
			t.Errorf("%s: hold-down %v, want %v", tt.name, got, tt.want)
		}
	}
}
