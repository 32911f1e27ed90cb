package failover

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/fairlead-go/fairlead/health"
)

func TestMayRetry(t *testing.T) {
	for _, tt := range []struct {
		kind            health.Kind
		idempotent, any bool
	}{
		{health.Neutral, false, false},
		{health.OK, false, false},
		{health.Reached, false, false},
		{health.Refused, true, true},
		{health.Overloaded, true, true},
		{health.Failed, true, false},
		{health.Broken, true, false},
		{health.TimedOut, true, false},
		{health.Kind(255), false, false},
	} {
		o := health.Outcome{Kind: tt.kind}
		if got := MayRetry(o, true); got != tt.idempotent {
			t.Errorf("%v, idempotent: %v", tt.kind, got)
		}
		if got := MayRetry(o, false); got != tt.any {
			t.Errorf("%v, not idempotent: %v", tt.kind, got)
		}
		if o.NoRetry = true; MayRetry(o, true) || MayRetry(o, false) || o.Unsent() {
			t.Errorf("%v, though the target forbids it", tt.kind)
		}
	}
}

func TestAttemptTime(t *testing.T) {
	for _, tt := range []struct {
		name            string
		p99, left, want time.Duration
	}{
		{"4 × p99", ms(30), ms(800), ms(120)},
		{"at least 50 ms", ms(2), ms(800), ms(50)},
		{"at most half of what is left", ms(300), ms(800), ms(400)},
		{"half of little is less than 50 ms", ms(2), ms(60), ms(30)},
		{"p99 unknown", 0, ms(800), ms(400)},
		{"no deadline", ms(30), 0, ms(120)},
		{"no deadline, at least 50 ms", ms(1), 0, ms(50)},
		{"nothing known", 0, 0, 0},
		{"time is over", ms(30), -ms(1), 1},
		{"a nanosecond left", ms(30), 1, 1},
		{"negative p99", -ms(1), ms(800), ms(400)},
		{"huge p99", math.MaxInt64, ms(800), ms(400)},
		{"huge p99, no deadline", math.MaxInt64, 0, math.MaxInt64},
	} {
		if got := AttemptTime(tt.p99, tt.left); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// However silent a cloud is, as much time is left for another attempt.
func TestAttemptTimeLeavesHalf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p99 := time.Duration(rapid.Int64().Draw(t, "p99"))
		left := time.Duration(rapid.Int64Range(2, math.MaxInt64).Draw(t, "left"))
		if got := AttemptTime(p99, left); got <= 0 || got > left/2 {
			t.Errorf("%v of %v", got, left)
		}
	})
}

// What is given up although its caller could have waited longer is early.
func TestGivenUp(t *testing.T) {
	for _, tt := range []struct {
		took, left time.Duration
		early      bool
	}{
		{ms(80), ms(800), true},
		{ms(399), ms(800), true},
		{ms(400), ms(800), false}, // another attempt has as long
		{ms(999), time.Minute, true},
		{ms(1000), time.Minute, false}, // a distant deadline
		{ms(999), 0, true},
		{ms(1000), 0, false}, // none
		{ms(80), 1, false},   // it was over
	} {
		o := GivenUp(tt.took, tt.left)
		if o.Kind != health.TimedOut || o.Early != tt.early || !MayRetry(o, true) || MayRetry(o, false) {
			t.Errorf("after %v of %v: %+v", tt.took, tt.left, o)
		}
	}
}

// Source: gRFC A6: min(initial × multiplier^(n−1), max) × U(0.8, 1.2); pushback
// is obeyed exactly.
func TestRetryDelay(t *testing.T) {
	asked := health.Outcome{Kind: health.Overloaded, RetryAfter: 3 * time.Second}
	for _, tt := range []struct {
		n      int
		o      health.Outcome
		random float64
		want   time.Duration
	}{
		{1, health.Outcome{}, 0.5, ms(25)},
		{2, health.Outcome{}, 0.5, ms(50)},
		{3, health.Outcome{}, 0.5, ms(100)},
		{6, health.Outcome{}, 0.5, ms(800)},
		{7, health.Outcome{}, 0.5, ms(1000)},
		{10_000, health.Outcome{}, 0.5, ms(1000)},
		{0, health.Outcome{}, 0.5, ms(25)},
		{1, health.Outcome{}, 0, ms(20)},
		{1, health.Outcome{}, 1, ms(30)},
		{7, health.Outcome{}, 1, ms(1200)},
		{1, asked, 0, 3 * time.Second},
		{9, asked, 1, 3 * time.Second},
	} {
		got := RetryDelay(tt.o, tt.n, tt.random)
		if d := got - tt.want; d < -1 || d > 1 { // a nanosecond of rounding
			t.Errorf("retry %d, random %v, outcome %v: %v, want %v", tt.n, tt.random, tt.o, got, tt.want)
		}
	}
}
